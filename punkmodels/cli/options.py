"""Options that several commands of punkmodels share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.progress import Progress, progress_bar
from punkdata.errors import StoppedError, UsageError
from punkdata.files import root_option, shell_quote
from punkmodels.training.run_dir import list_runs

if TYPE_CHECKING:
    from punkmodels.training.distributed import ProcessGroup


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


Runs = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.")]
DeviceOption = Annotated[
    DeviceName, typer.Option("--device", help="Where to compute; auto prefers a GPU.")
]
Seed = Annotated[
    int | None, typer.Option(min=0, max=10**9, help="Of all that is random. (default: 0)")
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads. (default: measured; fix it to repeat a run exactly)"),
]
Resume = Annotated[
    str | None,
    typer.Option(help='Go on with a stopped run: a path, its number, or "latest".'),
]
LoggerOption = Annotated[
    Logger | None,
    typer.Option(
        help="Write the metrics to one more place. wandb: WANDB_MODE=offline needs no account."
    ),
]
Snapshot = Annotated[
    str | None,
    typer.Option("--version", help="A snapshot. (default: the one it was trained on)"),
]


def check_no_other_options(is_plain: bool) -> None:
    """Raises:
    UsageError: other options than --resume and --logger were given with them.
    """
    if not is_plain:
        raise UsageError(
            "a resumed run keeps its own options", hint="leave out all but --resume and --logger"
        )


@contextmanager
def training_session() -> Iterator[tuple[ProcessGroup, Progress, Callable[[str], None]]]:
    """The ranks that share a training, and how it reports and speaks: only the first does."""
    from punkmodels.training.distributed import init_process_group

    with init_process_group() as process_group:
        if not process_group.is_main:
            yield process_group, lambda done, total, note="": None, lambda text: None
            return
        with progress_bar("training", "images") as progress:
            yield process_group, progress, console.say


@contextmanager
def handle_interrupt(model: str, root: Path, runs: Path, going_on: Path | None) -> Iterator[None]:
    """Turn Ctrl-C into the line that says how to go on.

    Raises:
        StoppedError: it was pressed.
    """
    before = list_runs(runs)
    try:
        yield
    except KeyboardInterrupt:
        begun = going_on or next((p for p in list_runs(runs) if p not in before), None)
        at = root_option(root)
        go_on = (
            f"go on with: punkmodels train {model} --resume {shell_quote(begun)}{at}"
            if begun
            else None
        )
        raise StoppedError("stopped", hint=go_on) from None
