"""One more place for the lines of metrics.jsonl: tensorboard, or Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from punkdata.errors import SetupError
from punkmodels.training.run_dir import read_config

PROJECT = "punkmodels"
"""where wandb keeps runs; WANDB_PROJECT, WANDB_ENTITY and WANDB_MODE are stronger"""

Write = Callable[[dict[str, Any]], None]


def check_logger(name: str | None) -> None:
    """Before anything is trained.

    Raises:
        SetupError: what this sink needs is not installed, or not configured.
    """
    try:
        if name == "tensorboard":
            import torch.utils.tensorboard  # noqa: F401
        if name == "wandb":
            import wandb

            is_online = wandb.setup().settings.mode in ("online", "shared")
            if is_online and not wandb.login(prompt=False):
                raise SetupError(
                    "wandb knows no account",
                    hint="wandb login, or set WANDB_MODE=offline and send the run later",
                )
    except ImportError:
        raise SetupError(f"{name} is not installed", hint=f"pip install {name}") from None


@contextmanager
def open_logger(run: Path, name: str | None) -> Iterator[Write]:
    """What takes the lines of metrics.jsonl as they are written; by default nothing does.

    Args:
        name: "tensorboard", which writes to `tensorboard/` in the run's folder, or "wandb", which
            keeps its own copy in `wandb/`. A resumed run goes on in its place.

    Raises:
        SetupError: as `check_logger`.
    """
    check_logger(name)
    if name == "tensorboard":
        with _tensorboard(run) as write:
            yield write
    elif name == "wandb":
        with _wandb(run) as write:
            yield write
    else:
        yield lambda line: None


@contextmanager
def _tensorboard(run: Path) -> Iterator[Write]:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run / "tensorboard")) as writer:

        def write(line: dict[str, Any]) -> None:
            for key, value in _scalars(line).items():
                writer.add_scalar(key, value, line["images_seen"])
            writer.flush()

        yield write


@contextmanager
def _wandb(run: Path) -> Iterator[Write]:
    import wandb

    # Its folders are named …-<id>: the newest tells which run to go on with.
    before = sorted((run / "wandb").glob("*run-*-*"))
    with wandb.init(
        project=None if wandb.setup().settings.project else PROJECT,
        name=run.name,
        id=before[-1].name.rpartition("-")[2] if before else None,
        resume="allow",
        dir=run,
        config=read_config(run),
        settings=wandb.Settings(silent=True, console="off"),
    ) as kept:
        yield lambda line: kept.log(_scalars(line), step=line["images_seen"])


def _scalars(line: dict[str, Any]) -> dict[str, float]:
    """What is known; a discriminator that has not begun yet has no loss."""
    return {k: v for k, v in line.items() if k != "images_seen" and v is not None}
