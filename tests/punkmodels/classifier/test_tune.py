from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from punkdata.errors import BusyError, DataError, SetupError, UsageError
from punkdata.files import lock_root
from punkdata.snapshots.reader import Snapshot
from punkmodels.classifier.config import make_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.pretrained import read_classifier_config
from punkmodels.classifier.tune import mlp_space, published_space, tune_classifier
from punkmodels.training.run_dir import create_run, list_runs, read_metrics

Study = dict[str, Any]
optuna = pytest.importorskip("optuna")


def small_space(trial: Any) -> dict[str, Any]:
    """Suggest tiny networks, which differ mostly in their learning rate."""
    return {
        "peak_lr": trial.suggest_float("peak_lr", 1e-5, 3e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [16, 48]),
        "hidden": trial.suggest_categorical("hidden", [16]),
    }


def search(root: Path, folder: Path, **options: Any) -> Study:
    defaults = {"trials": 8, "epochs": 4, "threads": 1, "space": small_space}
    return tune_classifier(root, folder, **defaults | options)


def load_trials(folder: Path) -> list[Any]:
    storage = f"sqlite:///{folder / 'study.db'}"
    return optuna.load_study(study_name="classifier", storage=storage).trials


@pytest.fixture(scope="module")
def study(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return search(built_root, tmp_path_factory.mktemp("study"))


def test_the_trial_with_the_lowest_validation_loss_is_the_best(study: Study) -> None:
    table = pd.read_csv(Path(study["path"]) / "trials.csv")
    assert (len(table), study["trials"]) == (8, 8)
    complete = table[table["state"] == "COMPLETE"]
    assert study["val_loss"] == pytest.approx(complete["value"].min())
    run = Path(study["run"])
    assert study["val_loss"] == pytest.approx(min(m["val_loss"] for m in read_metrics(run)))
    options = read_classifier_config(run).options
    assert options.model_dump() == study["options"]
    row = complete.loc[complete["value"].idxmin()]
    assert options.peak_lr == pytest.approx(row["params_peak_lr"])


def test_only_the_run_of_the_best_trial_is_kept(study: Study) -> None:
    assert list_runs(Path(study["path"]) / "trials") == [Path(study["run"])]


def test_best_json_has_the_scores_on_the_test_split(study: Study, built_root: Path) -> None:
    best = json.loads((Path(study["path"]) / "best.json").read_text())
    assert best == study
    scores = evaluate_classifier(Path(study["run"]), built_root).scores["visible"]
    assert best["test"]["exact_match"] == pytest.approx(scores["exact_match"])


@pytest.mark.parametrize("name", ["history", "parallel", "importance"])
def test_plots_are_written(study: Study, name: str) -> None:
    with Image.open(Path(study["path"]) / f"{name}.png") as image:
        assert image.size == (1210, 550)
        assert len(np.unique(np.asarray(image.convert("L")))) > 1, "the plot is empty"


def test_plots_that_need_more_trials_are_left_out(built_root: Path, tmp_path: Path) -> None:
    search(built_root, tmp_path, trials=1, epochs=2)
    assert (tmp_path / "history.png").exists()
    assert not (tmp_path / "importance.png").exists()


def test_runs_outside_the_study_are_not_deleted(built_root: Path, tmp_path: Path) -> None:
    other = create_run(tmp_path, "classifier-quick")
    (other / "config.json").write_text("{}")
    found = search(built_root, tmp_path, trials=2, epochs=2)
    assert list_runs(tmp_path) == [other]
    assert Path(found["run"]).is_dir()


def test_weak_trials_are_pruned(study: Study) -> None:
    table = pd.read_csv(Path(study["path"]) / "trials.csv")
    pruned = table[table["state"] == "PRUNED"]
    assert study["pruned"] == len(pruned) > 0
    assert (pruned["value"] > study["val_loss"]).all()


def test_a_study_resumes_and_adds_trials(built_root: Path, tmp_path: Path) -> None:
    first = search(built_root, tmp_path, trials=2)
    before = pd.read_csv(tmp_path / "trials.csv")
    second = search(built_root, tmp_path, trials=4)
    after = pd.read_csv(tmp_path / "trials.csv")
    assert len(after) == second["trials"] == 4
    pd.testing.assert_frame_equal(before, after[:2][before.columns], check_dtype=False)
    assert after["params_peak_lr"].nunique() == 4, "the search repeated a proposal"
    assert second["val_loss"] <= first["val_loss"]
    third = search(built_root, tmp_path, trials=3)
    assert (third["trials"], third["run"]) == (4, second["run"])  # There are already enough trials.


KILLED = """
import os, signal, sys
from pathlib import Path
import test_tune

def kill_in_second_trial(done, total, note=""):
    if note.startswith("trial 2, epoch"):
        os.kill(os.getpid(), signal.SIGKILL)

root, folder = map(Path, sys.argv[1:])
test_tune.search(root, folder, progress=kill_in_second_trial)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_search_repeats_the_interrupted_trial(built_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(built_root), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    trials = load_trials(tmp_path)
    interrupted = [t for t in trials if t.state.name == "RUNNING"]
    assert len(interrupted) == 1, killed.stderr
    number = interrupted[0].number
    found = search(built_root, tmp_path, trials=len(trials) + 1)
    trials = load_trials(tmp_path)
    assert trials[number].state.name == "FAIL"
    assert trials[number + 1].params == interrupted[0].params
    assert found["trials"] == len([t for t in trials if t.state.name != "FAIL"])
    assert list_runs(tmp_path / "trials") == [Path(found["run"])]


def test_other_options_are_refused_for_an_existing_study(
    study: Study, built_root: Path, snapshot_with_hidden: Snapshot
) -> None:
    with pytest.raises(UsageError, match=r"was started with epochs=4; .* study="):
        search(built_root, Path(study["path"]), epochs=5)
    with pytest.raises(UsageError, match=r"was started with model=mlp seed=0;"):
        search(built_root, Path(study["path"]), model="published", seed=5)
    with pytest.raises(UsageError, match=r"was started with version=s"):
        search(snapshot_with_hidden.path, Path(study["path"]))


def test_a_second_process_is_refused(study: Study, built_root: Path) -> None:
    with lock_root(Path(study["path"])), pytest.raises(BusyError):
        search(built_root, Path(study["path"]))


def test_a_damaged_study_is_a_data_error(built_root: Path, tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"not a database, but as long as one" * 40)
    with pytest.raises(DataError, match=r"study\.db' is damaged .*; move the folder"):
        search(built_root, tmp_path)


def test_a_missing_optuna_is_a_setup_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SetupError, match=r"pip install \"punkdata\[tune\]\""):
        search(tmp_path, tmp_path / "study")


@pytest.mark.parametrize(("model", "space"), [("mlp", mlp_space), ("published", published_space)])
def test_a_search_space_contains_the_default_options(model: Any, space: Any) -> None:
    defaults = make_config(model=model).model_dump()
    suggested = space(optuna.trial.FixedTrial(defaults))  # Raises for values outside the space.
    assert suggested == {name: defaults[name] for name in suggested}
    assert {"batch_size", "peak_lr", "dropout"} < set(suggested)
    assert ("width" in suggested) == (model == "published")
