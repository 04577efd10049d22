"""Metric loggers besides metrics.jsonl: TensorBoard, and Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from punkdata.errors import SetupError
from punkmodels.training.run_dir import read_config

WANDB_PROJECT = "punkmodels"
"""Default project on Weights & Biases; the environment variable WANDB_PROJECT overrides it."""

LogMetrics = Callable[[dict[str, Any]], None]
"""Function that logs one line of metrics.jsonl."""


def check_logger(name: str | None) -> None:
    """Check that a logger can be used; callers do this before training starts.

    Args:
        name: See `open_logger`.

    Raises:
        SetupError: Its package is not installed, or wandb is online but not logged in.
    """
    try:
        if name == "tensorboard":
            import torch.utils.tensorboard  # noqa: F401
        if name == "wandb":
            import wandb

            is_online = wandb.setup().settings.mode in ("online", "shared")
            if is_online and not wandb.login(prompt=False):
                raise SetupError(
                    "wandb is not logged in",
                    hint="run: wandb login, or set WANDB_MODE=offline and sync the run later",
                )
    except ImportError:
        raise SetupError(f"{name} is not installed", hint=f"pip install {name}") from None


@contextmanager
def open_logger(run: Path, name: str | None) -> Iterator[LogMetrics]:
    """Open a logger for a run, and yield a function that logs a line of metrics.jsonl.

    A resumed run continues the same TensorBoard folder or Weights & Biases run.

    Args:
        run: The run folder.
        name: "tensorboard", which writes to `tensorboard/` in the run folder; "wandb", which keeps
            a local copy in `wandb/` there; or None to log nothing.

    Raises:
        SetupError: See `check_logger`.
    """
    check_logger(name)
    if name == "tensorboard":
        with _open_tensorboard(run) as log_metrics:
            yield log_metrics
    elif name == "wandb":
        with _open_wandb(run) as log_metrics:
            yield log_metrics
    else:
        yield lambda line: None


@contextmanager
def _open_tensorboard(run: Path) -> Iterator[LogMetrics]:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run / "tensorboard")) as writer:

        def log_metrics(line: dict[str, Any]) -> None:
            for key, value in _scalars(line).items():
                writer.add_scalar(key, value, line["images_seen"])
            writer.flush()

        yield log_metrics


@contextmanager
def _open_wandb(run: Path) -> Iterator[LogMetrics]:
    import wandb

    # wandb names its folders <mode>-run-<time>-<id>; the newest one has the id to resume.
    folders = sorted((run / "wandb").glob("*run-*-*"))
    with wandb.init(
        project=None if wandb.setup().settings.project else WANDB_PROJECT,
        name=run.name,
        id=folders[-1].name.rpartition("-")[2] if folders else None,
        resume="allow",
        dir=run,
        config=read_config(run),
        settings=wandb.Settings(silent=True, console="off"),
    ) as wandb_run:
        yield lambda line: wandb_run.log(_scalars(line), step=line["images_seen"])


def _scalars(line: dict[str, Any]) -> dict[str, float]:
    """Return the metrics that have a value; loss_D is None until the discriminator is trained."""
    return {k: v for k, v in line.items() if k != "images_seen" and v is not None}
