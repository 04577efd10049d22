from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from punkdata.errors import BusyError, DataError, SetupError, UsageError
from punkdata.files import lock_root
from punkdata.snapshots.reader import Snapshot
from punkmodels.classifier import tune
from punkmodels.classifier.config import make_config, read_classifier_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.training.run_dir import create_run, list_runs, read_metrics

optuna = pytest.importorskip("optuna")


def small(trial: Any) -> dict[str, Any]:
    """Networks of some units, of which those that learn fast are the best."""
    return {
        "peak_lr": trial.suggest_float("peak_lr", 1e-5, 3e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [16, 48]),
        "width": trial.suggest_categorical("width", [2]),
        "hidden": trial.suggest_categorical("hidden", [16]),
        "color_embedding_dim": trial.suggest_categorical("color_embedding_dim", [4]),
    }


@pytest.fixture(scope="module", autouse=True)
def small_space() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tune.SPACES, "cnn", small)
        yield


def search(root: Path, folder: Path, **options: Any) -> tune.Study:
    return tune.tune_classifier(root, folder, **{"trials": 8, "epochs": 4, "threads": 1} | options)


@pytest.fixture(scope="module")
def study(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tune.Study:
    return search(built_root, tmp_path_factory.mktemp("study"))


def test_the_best_on_validation_is_kept_and_scored_once_on_test(
    study: tune.Study, built_root: Path
) -> None:
    table = pd.read_csv(study.path / "trials.csv")
    assert (len(table), study.trials) == (8, 8)
    complete = table[table["state"] == "COMPLETE"]
    assert study.val_loss == pytest.approx(complete["value"].min())
    assert study.pruned == (table["state"] == "PRUNED").sum()
    assert list_runs(study.path / "trials") == [study.run]
    lines = read_metrics(study.run)
    assert min(line["val_loss"] for line in lines) == study.val_loss
    options = read_classifier_config(study.run).options
    assert options == study.config
    row = complete.loc[complete["value"].idxmin()]
    assert options.peak_lr == pytest.approx(row["params_peak_lr"])
    told = json.loads((study.path / "best.json").read_text())
    assert (told["run"], told["test"]) == (f"trials/{study.run.name}", study.test)
    again = evaluate_classifier(study.run, built_root, "test").visible
    assert told["test"]["exact_match"] == again.exact_match


def test_a_person_s_runs_are_none_of_its_business(built_root: Path, tmp_path: Path) -> None:
    mine = create_run(tmp_path, "classifier-quick")
    (mine / "config.json").write_text("{}")
    found = search(built_root, tmp_path, trials=2, epochs=2)
    assert list_runs(tmp_path) == [mine]
    assert found.run.is_dir()


def test_what_falls_behind_is_stopped_early(study: tune.Study) -> None:
    assert study.pruned > 0
    table = pd.read_csv(study.path / "trials.csv")
    assert (table[table["state"] == "PRUNED"]["value"] > study.val_loss).all()


def test_pictures_show_the_search(study: tune.Study) -> None:
    for name in tune.PLOTS:
        with Image.open(study.path / f"{name}.png") as picture:
            assert picture.width > 800
            assert len(picture.convert("RGB").resize((100, 50)).getcolors(5000) or []) > 10


def test_a_study_goes_on_where_it_was(built_root: Path, tmp_path: Path) -> None:
    first = search(built_root, tmp_path, trials=2)
    before = pd.read_csv(tmp_path / "trials.csv")
    second = search(built_root, tmp_path, trials=4)
    after = pd.read_csv(tmp_path / "trials.csv")
    assert len(after) == second.trials == 4
    pd.testing.assert_frame_equal(before, after[:2][before.columns], check_dtype=False)
    assert after["params_peak_lr"].nunique() == 4, "nothing is proposed twice"
    assert second.val_loss <= first.val_loss
    same = search(built_root, tmp_path, trials=3)
    assert (same.trials, same.run) == (4, second.run), "there are enough already"


KILLED = """
import sys, time, test_tune
from pathlib import Path
from punkmodels.classifier import tune
tune.SPACES["cnn"] = test_tune.small
real, begun = tune.train_classifier, []

def train(*args, each_epoch, **options):
    begun.append(1)

    def stay(line):
        each_epoch(line)
        if len(begun) == 2:
            print("in the second trial", flush=True)
            time.sleep(600)

    return real(*args, each_epoch=stay, **options)

tune.train_classifier = train
test_tune.search(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_killed_search_tries_the_broken_off_trial_again(built_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(built_root), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "in the second trial\n"
        process.send_signal(signal.SIGKILL)
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    trials = optuna.load_study(study_name="classifier", storage=storage).trials
    (broken,) = [t for t in trials if t.state.name == "RUNNING"]
    found = search(built_root, tmp_path, trials=len(trials) + 1)
    trials = optuna.load_study(study_name="classifier", storage=storage).trials
    assert trials[broken.number].state.name == "FAIL"
    assert trials[broken.number + 1].params == broken.params
    assert found.trials == len([t for t in trials if t.state.name != "FAIL"])
    assert list_runs(tmp_path / "trials") == [found.run]


def test_another_search_or_another_process_is_refused(
    study: tune.Study, built_root: Path, hiding: Snapshot
) -> None:
    with pytest.raises(UsageError, match="a study with --epochs 4; add that, or choose another"):
        search(built_root, study.path, epochs=5)
    with pytest.raises(UsageError, match="a study with --model cnn --seed 0;"):
        search(built_root, study.path, model="published", seed=5)
    with pytest.raises(UsageError, match="a study with --version s"):
        search(hiding.path, study.path)
    with lock_root(study.path), pytest.raises(BusyError):
        search(built_root, study.path)


def test_a_damaged_study_is_named(built_root: Path, tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"no database, but long enough to be looked at" * 30)
    with pytest.raises(DataError, match=r"study\.db is damaged .*; move "):
        search(built_root, tmp_path)


def test_without_optuna_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SetupError, match="pip install optuna"):
        search(tmp_path, tmp_path / "study")


@pytest.mark.parametrize(
    ("model", "space"), [("cnn", tune.our_space), ("published", tune.published_space)]
)
def test_a_space_holds_what_its_network_starts_from(model: Any, space: Any) -> None:
    """Else a search could end worse than no search."""
    start = asdict(make_config(model=model))
    found = space(optuna.trial.FixedTrial(start))  # raises for what lies outside
    assert found == {name: start[name] for name in found}
    assert {"batch_size", "peak_lr", "dropout", "width"} < set(found)
    assert ("depth" in found) == (model == "published")
