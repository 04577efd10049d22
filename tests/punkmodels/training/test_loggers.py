from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from punkdata.errors import BusyError, MissingExtraError
from punkmodels.training import loggers
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.run_dir import create_run, read_metrics, write_json


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = create_run(tmp_path / "runs", "dcgan-modern")
    write_json(run / "config.json", {"options": {"lr": 0.125}})
    return run


def test_tensorboard_logs_only_metrics_with_a_value(run: Path) -> None:
    pytest.importorskip("tensorboard")
    with open_metrics(run, 0, "tensorboard") as log_metrics:
        log_metrics({"images_seen": 16, "loss_D": None, "loss_E": 1.0})
    (events,) = (run / "tensorboard").glob("events.*")
    assert b"loss_E" in events.read_bytes()
    assert b"loss_D" not in events.read_bytes()


WANDB = """
import sys
from pathlib import Path
from punkmodels.training.loggers import open_metrics
with open_metrics(Path(sys.argv[1]), 0, "wandb") as log_metrics:
    log_metrics({"images_seen": int(sys.argv[2]), "loss_D": None, "loss_E": 1.0})
"""


def log_to_wandb(
    run: Path, images_seen: int, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Log in a process of its own, because wandb keeps global settings and a service process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    return subprocess.run(
        [sys.executable, "-c", WANDB, run, str(images_seen)],
        env=clean | {"HOME": str(run), "WANDB_DATA_DIR": str(run)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wandb_stores_an_offline_run_and_resumes_it(run: Path) -> None:
    pytest.importorskip("wandb")
    for images_seen in (16, 32):
        done = log_to_wandb(run, images_seen, WANDB_MODE="offline")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    folders = sorted((run / "wandb").glob("offline-run-*"))
    assert len({folder.name.rpartition("-")[2] for folder in folders}) == 1
    logged = b"".join(file.read_bytes() for file in (run / "wandb").glob("offline-run-*/*.wandb"))
    for expected in (b"loss_E", b"00001-dcgan-modern", b"punkmodels", b"0.125"):
        assert expected in logged
    assert b"loss_D" not in logged


def test_wandb_without_an_account_fails_before_training(run: Path) -> None:
    pytest.importorskip("wandb")
    done = log_to_wandb(run, 16)
    assert (
        "SetupError: wandb is not logged in; run: wandb login, or set WANDB_MODE=offline"
        in done.stderr
    )
    assert not (run / "wandb").exists()


def test_metrics_newer_than_the_checkpoint_are_dropped(run: Path) -> None:
    with open_metrics(run, 0) as log_metrics:
        for epoch in range(3):
            log_metrics({"epoch": epoch})
    with open_metrics(run, 2) as log_metrics:
        log_metrics({"epoch": "new"})
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1, "new"]


def test_a_second_process_cannot_train_a_run(run: Path) -> None:
    with open_metrics(run, 0) as log_metrics:
        log_metrics({"epoch": 0})
        with pytest.raises(BusyError), open_metrics(run, 0):
            pass
        assert len(read_metrics(run)) == 1


def test_other_ranks_write_no_metrics(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "is_main", lambda: False)
    with open_metrics(run, 0), open_metrics(run, 0, "tensorboard") as log_metrics:
        log_metrics({"epoch": 0})
    assert [path.name for path in run.iterdir() if path.is_file()] == ["config.json"]


@pytest.mark.parametrize(("name", "extra"), [("tensorboard", "log"), ("wandb", "wandb")])
def test_check_logger_names_the_missing_extra(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"the logger {name} needs .*punkdata\[{extra}\]"):
        check_logger(name)
