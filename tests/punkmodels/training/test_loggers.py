from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from punkdata.errors import SetupError
from punkmodels.training.loggers import check_logger, open_logger
from punkmodels.training.run_dir import create_run, write_json


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = create_run(tmp_path / "runs", "dcgan-modern")
    write_json(made / "config.json", {"options": {"lr": 0.125}})
    return made


def test_tensorboard_is_told_what_is_known(run: Path) -> None:
    pytest.importorskip("tensorboard")
    with open_logger(run, "tensorboard") as log_metrics:
        log_metrics({"images_seen": 16, "loss_D": None, "loss_E": 1.0})  # it has not begun yet
    (events,) = (run / "tensorboard").glob("events.*")
    assert b"loss_E" in events.read_bytes()
    assert b"loss_D" not in events.read_bytes()


WANDB = """
import sys
from pathlib import Path
from punkmodels.training.loggers import open_logger
with open_logger(Path(sys.argv[1]), "wandb") as log_metrics:
    log_metrics({"images_seen": int(sys.argv[2]), "loss_D": None, "loss_E": 1.0})
"""


def by_wandb(run: Path, images_seen: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as wandb keeps another one and settings for all its life."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    return subprocess.run(
        [sys.executable, "-c", WANDB, run, str(images_seen)],
        env=clean | {"HOME": str(run), "WANDB_DATA_DIR": str(run)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wandb_keeps_a_run_offline_and_goes_on_with_it(run: Path) -> None:
    pytest.importorskip("wandb")
    for images_seen in (16, 32):
        done = by_wandb(run, images_seen, WANDB_MODE="offline")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    folders = sorted((run / "wandb").glob("offline-run-*"))
    assert len({folder.name.rpartition("-")[2] for folder in folders}) == 1
    kept = b"".join(file.read_bytes() for file in (run / "wandb").glob("offline-run-*/*.wandb"))
    for told in (b"loss_E", b"00001-dcgan-modern", b"punkmodels", b"0.125"):
        assert told in kept
    assert b"loss_D" not in kept


def test_wandb_without_an_account_says_so_before_anything_is_trained(run: Path) -> None:
    pytest.importorskip("wandb")
    done = by_wandb(run, 16)
    assert (
        "SetupError: wandb knows no account; wandb login, or set WANDB_MODE=offline" in done.stderr
    )
    assert not (run / "wandb").exists()


def test_without_a_log_metrics_lines_go_nowhere(run: Path) -> None:
    with open_logger(run, None) as log_metrics:
        log_metrics({"epoch": 0})
    assert [file.name for file in run.iterdir() if file.is_file()] == ["config.json"]


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")]
)
def test_a_log_metrics_that_is_missing_is_named(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SetupError, match=f"{name} is not installed; pip install {name}"):
        check_logger(name)
