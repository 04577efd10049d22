from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from punkdata.cli import console
from punkdata.errors import SetupError
from punkmodels.classifier import tune
from punkmodels.cli import app

pytest.importorskip("optuna")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def command(built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    def small(trial: Any) -> dict[str, Any]:
        return {
            "width": trial.suggest_int("width", 1, 2),
            "hidden": 16,
            "color_embedding_dim": 4,
            "batch_size": trial.suggest_categorical("batch_size", [16, 48]),
        }

    monkeypatch.setitem(tune.SPACES, "cnn", small)
    options = ["--root", built_root, "--runs", tmp_path, "--trials", 2, "--epochs", 2]
    return ["tune", "classifier", *map(str, options), "--threads", "1"]


def run(command: list[str]) -> int:
    return console.run(app.app, "punkmodels", command)


def test_the_command_prints_the_run_and_tells_what_was_best(
    command: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert run(command) == 0
    out, err = capsys.readouterr()
    assert Path(out.strip()).parent == tmp_path / "tune-cnn" / "trials"
    for told in ("2 trials, ", "on the test part: exact match", "best.json, trials.csv, history"):
        assert told in err
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["trials"], told["run"]) == (2, out.strip())
    assert told["tried"] == ["width", "batch_size"]


def test_a_picture_that_needs_more_trials_is_named(
    command: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert run([*command, "--trials", "1"]) == 0
    assert "for importance.png more --trials are needed" in capsys.readouterr().err
    assert not (tmp_path / "tune-cnn" / "importance.png").exists()


def test_ctrl_c_says_that_nothing_is_lost(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tune, "train_classifier", stop)
    logged: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = logged.append  # type: ignore[method-assign]
    logging.getLogger("optuna").addHandler(handler)
    assert run(command) == 130
    logging.getLogger("optuna").removeHandler(handler)
    assert "stopped; what was tried is kept in" in capsys.readouterr().err
    assert not logged, "optuna would add a traceback"


def test_without_optuna_the_exit_code_is_3(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise SetupError("optuna is not installed", hint="pip install optuna")

    monkeypatch.setattr(tune, "tune_classifier", missing)
    assert run(command) == 3
    assert capsys.readouterr().err == "error: optuna is not installed; pip install optuna\n"
