from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.punkmodels_cli import run

import punkmodels
from punkmodels.classifier import tune

pytest.importorskip("optuna")
Capture = pytest.CaptureFixture[str]


def tune_command(root: Path, runs: Path, trials: int = 2) -> list[str]:
    options = ("--root", root, "--runs", runs, "--trials", trials, "--epochs", 2, "--threads", 1)
    return ["tune", "classifier", *map(str, options)]


@pytest.fixture
def optuna_logs() -> Iterator[list[logging.LogRecord]]:
    """The messages that Optuna logs."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("optuna").addHandler(handler)
    yield records
    logging.getLogger("optuna").removeHandler(handler)


def test_tune_prints_the_best_run_and_its_scores(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    command = tune_command(built_root, tmp_path)
    assert run(*command) == 0
    out, err = capsys.readouterr()
    assert Path(out.strip()).parent == tmp_path / "tune-mlp" / "trials"
    for expected in ("2 trials, ", "test split: exact match", "wrote best.json, trials.csv and pl"):
        assert expected in err
    assert run(*command, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["trials"], result["run"]) == (2, out.strip())
    assert {"batch_size", "peak_lr", "hidden"} < set(result["searched_options"])


def test_tune_from_python_returns_the_best_run(built_root: Path, tmp_path: Path) -> None:
    best = punkmodels.tune_classifier(
        built_root, trials=1, epochs=2, study=tmp_path / "study", threads=1, progress=False
    )
    assert best.path.parent == tmp_path / "study" / "trials"
    assert best.metrics["val_loss"].notna().all()
    assert (tmp_path / "study" / "trials.csv").exists()


def test_ctrl_c_says_where_the_trials_are_stored(
    built_root: Path,
    tmp_path: Path,
    optuna_logs: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tune, "train_classifier", stop)
    assert run(*tune_command(built_root, tmp_path)) == 130
    assert "stopped; the trials so far are stored in" in capsys.readouterr().err
    assert not optuna_logs, "Optuna must not log the traceback of Ctrl-C"


def test_a_missing_optuna_is_exit_code_3(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run(*tune_command(built_root, tmp_path)) == 3
    assert capsys.readouterr().err == (
        "error: the search needs Optuna, which is not installed; "
        'install it with: pip install "punkdata[tune]"\n'
    )
