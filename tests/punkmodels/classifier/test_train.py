from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from support.classifiers import tiny_config

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.snapshots.reader import open_snapshot
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.train import train_classifier
from punkmodels.training import distributed
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import list_runs, read_config, read_metrics

TINY = tiny_config(epochs=3, ema_half_life_epochs=0.1)


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), TINY, threads=1)


@pytest.fixture
def copied_run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return shutil.copytree(trained, tmp_path / trained.name)


def test_run_folder_has_config_metrics_images_and_checkpoint(
    trained: Path, built_root: Path
) -> None:
    assert trained.name == "00001-classifier-quick"
    config = read_config(trained)
    manifest = open_snapshot(built_root).manifest
    assert config["options"]["batch_size"] == 16
    assert config["data"]["version"] == manifest.version
    assert config["data"]["labels_hash"] == manifest.labels_hash
    assert config["device"]["threads"] == 1
    lines = read_metrics(trained)
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert all(math.isfinite(value) for line in lines for value in line.values())
    with Image.open(trained / "reals.png") as image:
        assert image.width == 8 * 24 * 4
    state = load_checkpoint(trained)
    assert (state["epoch"], state["finished"]) == (3, True)


@pytest.mark.parametrize(
    ("options", "loss_ratio"),
    [
        ({"epochs": 30, "hidden": 64}, 0.6),
        ({"model": "cnn", "task": "type", "epochs": 20, "peak_lr": 0.01}, 0.5),
        ({"model": "published", "task": "type", "epochs": 40, "width": 8, "peak_lr": 0.005}, 0.9),
    ],
    ids=["mlp", "cnn", "published"],
)
def test_training_lowers_the_loss(
    options: dict[str, Any], loss_ratio: float, built_root: Path, tmp_path: Path
) -> None:
    run = train_classifier(built_root, tmp_path, tiny_config(**options), threads=1)
    lines = read_metrics(run)
    assert lines[-1]["train_loss"] < loss_ratio * lines[0]["train_loss"]
    assert options.get("model", "classifier") in run.name


def test_ridge_regression_is_solved_without_epochs(built_root: Path, tmp_path: Path) -> None:
    log: list[str] = []
    config = tiny_config(model="ridge")
    run = train_classifier(built_root, tmp_path, config, threads=1, log=log.append)
    (line,) = read_metrics(run)
    assert line["train_loss"] < 0.01
    assert load_checkpoint(run)["finished"]
    assert any("training without composed punks" in line for line in log)  # 60 are too few.
    train_classifier(built_root, tmp_path, config, resume=run, log=log.append)
    assert log[-1] == f"{run} is already finished"


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    def stop(line: dict[str, Any]) -> None:
        if line["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier(built_root, tmp_path, TINY, threads=1, on_epoch_end=stop)
    (run,) = list_runs(tmp_path)
    train_classifier(built_root, tmp_path, ClassifierConfig(), resume=run)
    assert read_metrics(run) == read_metrics(trained)
    weights, expected = (load_checkpoint(path)["model"] for path in (run, trained))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_run_interrupted_in_its_first_epoch_starts_again(
    built_root: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int | None, note: str = "") -> None:
        if total:  # The set-up, which has no total, is over.
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier(built_root, tmp_path, TINY, threads=1, progress=stop)
    (run,) = list_runs(tmp_path)
    train_classifier(built_root, tmp_path, ClassifierConfig(), resume=run)
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1, 2]


KILLED = """
import os, signal, sys
from pathlib import Path
from support.classifiers import tiny_config
from punkmodels.classifier.train import train_classifier

def kill(line):
    if line["epoch"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)

root, runs = map(Path, sys.argv[1:])
train_classifier(root, runs, tiny_config(epochs=3), threads=1, on_epoch_end=kill)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_run_resumes(built_root: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{KILLED}"
    command = [sys.executable, "-c", code, str(built_root), str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    (run,) = list_runs(tmp_path)
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1], killed.stderr
    train_classifier(built_root, tmp_path, ClassifierConfig(), resume=run)
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1, 2]


def test_resuming_a_finished_run_changes_nothing(
    copied_run: Path, built_root: Path, tmp_path: Path
) -> None:
    (path,) = copied_run.glob("checkpoints/*")
    before = path.read_bytes()
    log: list[str] = []
    train_classifier(built_root, tmp_path, TINY, resume=copied_run, log=log.append)
    assert log == [f"{copied_run} is already finished"]
    assert path.read_bytes() == before


def test_a_resumed_run_keeps_its_precision(
    trained: Path, copied_run: Path, built_root: Path, tmp_path: Path
) -> None:
    config = read_config(copied_run)
    config["device"]["bf16"] = True
    (copied_run / "config.json").write_text(json.dumps(config))
    for file in copied_run.glob("checkpoints/*"):
        file.unlink()
    train_classifier(built_root, tmp_path, TINY, resume=copied_run)
    float32, bf16 = (read_metrics(run)[0]["train_loss"] for run in (trained, copied_run))
    assert math.isfinite(bf16)
    assert bf16 != float32, "bfloat16 rounds differently"


def test_a_run_is_not_resumed_with_other_data(
    copied_run: Path, built_root: Path, tmp_path: Path
) -> None:
    config = read_config(copied_run)
    config["data"]["labels_hash"] = "0" * 64
    (copied_run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"differ from those that .* was trained on"):
        train_classifier(built_root, tmp_path, TINY, resume=copied_run)


def test_early_stopping_is_logged(built_root: Path, tmp_path: Path) -> None:
    # With a learning rate of 0, the validation loss never decreases.
    config = tiny_config(epochs=9, patience=1, peak_lr=0.0)
    log: list[str] = []
    run = train_classifier(built_root, tmp_path, config, threads=1, log=log.append)
    assert len(read_metrics(run)) == 2
    assert log[-2].startswith("stopped early after epoch 2: ")
    assert re.fullmatch(r"trained 2 epochs in \d+:\d\d: val exact match \d\.\d{3}", log[-1])


def test_metrics_are_also_logged_to_tensorboard(built_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = train_classifier(built_root, tmp_path, tiny_config(), threads=1, logger="tensorboard")
    assert list((run / "tensorboard").glob("events.*"))


def test_a_snapshot_without_hidden_labels_requires_all_labels(
    schema1_root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"does not list hidden labels.*visible_only=False"):
        train_classifier(schema1_root, tmp_path / "runs", TINY)
    assert not (tmp_path / "runs").exists()
    config = tiny_config(visible_only=False)
    assert train_classifier(schema1_root, tmp_path / "runs", config, threads=1).is_dir()


def test_a_missing_logger_fails_before_a_run_is_created(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(SetupError, match=r"pip install \"punkdata\[log\]\""):
        train_classifier(built_root, tmp_path / "runs", TINY, logger="tensorboard")
    assert not (tmp_path / "runs").exists()


def test_a_missing_snapshot_fails_before_a_run_is_created(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no complete snapshot"):
        train_classifier(tmp_path, tmp_path / "runs", TINY)
    assert not (tmp_path / "runs").exists()


def test_a_batch_that_processes_cannot_share_is_refused(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    with pytest.raises(UsageError, match="a batch of 16 cannot be divided among 3 processes"):
        train_classifier(built_root, tmp_path, TINY)
