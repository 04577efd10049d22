"""A training whose loss is no longer finite ends at once, and keeps its last good checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.punkmodels_cli import run as punkmodels_command

import punkmodels
from punkdata.errors import DataError
from punkmodels.classifier.tune import tune_classifier
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics, write_json

Capture = pytest.CaptureFixture[str]
SMALL: dict[str, tuple[str, ...]] = {
    "classifier": ("--epochs", "3", "--set", "width=4", "--set", "hidden=16"),
    "dcgan": (
        "--total-images",
        "640",
        "--set",
        "model.width=4",
        "--set",
        "schedule.ema_half_life=0",
    ),
    "label-sets": ("--total-images", "640"),
    "renderer": ("--total-images", "640"),
}
DIVERGE = {
    "classifier": "peak_lr=1e30",
    "dcgan": "loss.encoder_weight=1e38",
    "label-sets": "weight_decay=1e300",
    "renderer": "l1_weight=1e38",
}


def assert_strict_json(run: Path) -> None:
    files = [run / "config.json", *run.glob("**/metrics.json")]
    texts = [file.read_text("utf-8") for file in files]
    if (run / "metrics.jsonl").exists():
        texts += (run / "metrics.jsonl").read_text("utf-8").splitlines()
    for text in texts:
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in {run}"))


@pytest.mark.parametrize("task", list(SMALL))
def test_divergence_in_the_first_steps_ends_the_training(
    task: str, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = (*SMALL[task], "--set", DIVERGE[task], "--threads", 1, "--runs", tmp_path)
    assert punkmodels_command("train", task, *options, "--root", built_root) == 6
    (run,) = tmp_path.iterdir()
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: the training of '{run}' has diverged: its loss or its weights")
    assert error.endswith("; start a new run with a lower learning rate")
    is_kept = "; the checkpoint of step 1 is kept;" in error
    assert is_kept or "; no checkpoint was written yet;" in error
    assert len(read_metrics(run)) == is_kept
    assert_strict_json(run)


@pytest.mark.parametrize("task", list(SMALL))
def test_the_last_good_checkpoint_is_kept(
    task: str, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options: dict[str, Any] = {
        "classifier": {"epochs": 3, "width": 4, "hidden": 16},
        "dcgan": {"total_images": 1280, "model": {"width": 4}},
        "label-sets": {"total_images": 1280},
        "renderer": {"total_images": 1280},
    }[task]
    options |= {"runs": tmp_path, "threads": 1, "progress": stop_after_a_checkpoint(tmp_path)}
    with pytest.raises(KeyboardInterrupt):
        getattr(punkmodels, f"train_{task.replace('-', '_')}")(built_root, **options)
    (run,) = tmp_path.iterdir()
    before = load_checkpoint(run)
    lines = read_metrics(run)
    # An option in config.json makes the resumed run diverge.
    config = read_config(run)
    key, value = DIVERGE[task].split("=")
    *groups, name = key.split(".")
    target = config["options"]
    for group in groups:
        target = target[group]
    target[name] = float(value)
    write_json(run / "config.json", config)

    resume = ("train", task, "--resume", run, "--runs", tmp_path, "--root", built_root)
    assert punkmodels_command(*resume) == 6
    assert f"; the checkpoint of step {before['step']} is kept;" in capsys.readouterr().err
    assert load_checkpoint(run)["step"] == before["step"]
    assert read_metrics(run) == lines
    assert_strict_json(run)
    punkmodels.open_run(run).load("cpu")


def stop_after_a_checkpoint(runs: Path) -> Any:
    def progress(done: int, total: int | None, note: str = "") -> None:
        if list(runs.glob("*/checkpoints/step_*")):
            raise KeyboardInterrupt

    return progress


def test_a_diverged_trial_does_not_end_a_search(built_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")

    def space(trial: Any) -> dict[str, Any]:
        peak_lr = trial.suggest_categorical("peak_lr", [1e-3, 1e30])
        return {"width": 4, "hidden": 8, "peak_lr": 1e30 if trial.number == 0 else peak_lr}

    result = tune_classifier(built_root, tmp_path, trials=4, epochs=2, threads=1, space=space)
    assert result["trials"] == 4
    assert result["pruned"] >= 1
    assert result["options"]["peak_lr"] == 1e-3


def test_a_search_of_which_every_trial_diverges_ends(built_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")

    def space(trial: Any) -> dict[str, Any]:
        return {"width": 4, "hidden": 8, "peak_lr": trial.suggest_float("peak_lr", 1e29, 1e30)}

    with pytest.raises(DataError, match="no trial was trained to the end"):
        tune_classifier(built_root, tmp_path, trials=2, epochs=2, threads=1, space=space)
