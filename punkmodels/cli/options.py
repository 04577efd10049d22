"""Options and context managers that several commands of punkmodels share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.progress import progress_bar
from punkdata.errors import StoppedError, UsageError
from punkdata.files import root_option, shell_quote
from punkdata.progress import Progress
from punkmodels.training.run_dir import list_runs

if TYPE_CHECKING:
    from punkmodels.training.legacy_distributed import ProcessGroup


class Preset(StrEnum):
    QUICK = "quick"
    BEST = "best"


class Logger(StrEnum):
    TENSORBOARD = "tensorboard"
    WANDB = "wandb"


class DeviceName(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
DeviceOption = Annotated[
    DeviceName,
    typer.Option("--device", help="Device to compute on; auto selects a GPU if there is one."),
]
Seed = Annotated[int | None, typer.Option(min=0, max=10**9, help="Random seed. (default: 0)")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of CPU threads; set it to make a run reproducible. (default: benchmarked)",
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(help='Resume a stopped run: its path, its number, or "latest".'),
]
LoggerOption = Annotated[
    Logger | None,
    typer.Option(
        help="Also log metrics to TensorBoard or Weights & Biases. wandb needs no account if "
        "WANDB_MODE=offline is set. (default: metrics.jsonl only)"
    ),
]
Snapshot = Annotated[
    str | None,
    typer.Option(
        "--version",
        help='Name of a snapshot, or "latest". (default: the one used for training)',
    ),
]


def check_no_other_options(has_defaults: bool) -> None:
    """Check that --resume is not combined with training options.

    Args:
        has_defaults: Whether all training options have their default values.

    Raises:
        UsageError: Other options were given.
    """
    if not has_defaults:
        raise UsageError(
            "a resumed run keeps its own options",
            hint="remove all options except --resume, --logger, --root and --runs",
        )


@contextmanager
def training_session() -> Iterator[tuple[ProcessGroup, Progress, Callable[[str], None]]]:
    """Join the process group, and yield it with callbacks for progress and for log lines.

    On ranks other than 0, the callbacks do nothing.
    """
    from punkmodels.training.distributed import get_rank, get_world_size, init_process_group
    from punkmodels.training.legacy_distributed import ProcessGroup

    with init_process_group():
        process_group = ProcessGroup(get_rank(), get_world_size())
        if not process_group.is_main:
            yield process_group, lambda done, total, note="": None, lambda text: None
            return
        with progress_bar("training", "images") as progress:
            yield process_group, progress, console.say


@contextmanager
def handle_interrupt(model: str, root: Path, runs: Path, resumed: Path | None) -> Iterator[None]:
    """Turn Ctrl-C into an error that shows the command to resume the run.

    Args:
        model: The subcommand of `punkmodels train`.
        root: The value of --root.
        runs: The folder of all runs.
        resumed: The run that is resumed, or None for a new run.

    Raises:
        StoppedError: The user pressed Ctrl-C.
    """
    existing = list_runs(runs)
    try:
        yield
    except KeyboardInterrupt:
        run = resumed or next((p for p in list_runs(runs) if p not in existing), None)
        command = f"punkmodels train {model} --resume {shell_quote(run)}" if run else None
        hint = f"resume with: {command}{root_option(root)}" if command else None
        raise StoppedError("stopped", hint=hint) from None
