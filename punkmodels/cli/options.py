"""Options and context managers that several commands of punkmodels share."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from punkdata.cli import console
from punkdata.errors import StoppedError, UsageError
from punkdata.files import root_option, shell_quote
from punkdata.progress import Progress, announce, progress_bar
from punkmodels.training.run_dir import DEFAULT_RUNS, TASKS, find_run, read_config

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
DEVICE_HELP = "Device to compute on; auto selects a GPU if there is one."
DeviceOption = Annotated[DeviceName, typer.Option("--device", help=DEVICE_HELP)]
Seed = Annotated[int | None, typer.Option(min=0, max=10**9, help="Random seed. (default: 0)")]
THREADS_HELP = "Number of CPU threads; set it to make a run reproducible. (default: benchmarked)"
Threads = Annotated[int | None, typer.Option(min=1, help=THREADS_HELP)]
RESUME_HELP = 'Resume a stopped run: its path, its number, or "latest".'
Resume = Annotated[str | None, typer.Option(help=RESUME_HELP)]
LOGGER_HELP = (
    "Also log metrics to TensorBoard or Weights & Biases. wandb needs no account if "
    "WANDB_MODE=offline is set. (default: metrics.jsonl only)"
)
LoggerOption = Annotated[Literal["tensorboard", "wandb"] | None, typer.Option(help=LOGGER_HELP)]
SNAPSHOT_HELP = 'Name of a snapshot, or "latest". (default: the one used for training)'
Snapshot = Annotated[str | None, typer.Option("--version", help=SNAPSHOT_HELP)]
SET_HELP = "Set any other training option; can be repeated. punkmodels options lists the keys."
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=SET_HELP)]
WEIGHTS = Path(__file__).parents[1] / "weights"
"""Folder of the bundled models, in subfolders named after their tasks."""
BUNDLED_NAMES = {"classifier": "bundled", "dcgan": "bundled", "renderer": "bundled-conditional"}
RESUME_OPTIONS = {"resume", "logger", "root", "runs", "as_json"}
"""Parameters that can be combined with --resume."""


def load_torch() -> None:
    """Import PyTorch, and say so, because that takes seconds; once for all processes."""
    is_main = not int(os.environ.get("RANK", "0"))  # torchrun sets it.
    if "torch" not in sys.modules:
        with announce("loading PyTorch") if is_main else nullcontext():
            import torch  # noqa: F401


def given_options(
    named: dict[str, Any], assignments: list[str] | None, *reserved: str
) -> dict[str, Any]:
    """Return the nested options in `named`, unless None, and those of --set, whose values are text.

    Raises UsageError for text that is not of the form KEY=VALUE, and for keys in `named` or
    `reserved`, which have options of their own.
    """
    from punkmodels.training.config import merge_options

    options = {key: value for key, value in named.items() if value is not None}
    for assignment in assignments or ():
        key, separator, text = assignment.partition("=")
        *groups, name = key.split(".")
        if not separator or not all([*groups, name]):
            raise UsageError(
                f"--set {assignment} is not of the form KEY=VALUE",
                hint="for example: --set batch_size=32",
            )
        if key in (*named, *reserved):
            raise UsageError(
                f"{key} has an option of its own",
                hint=f"use --{key.replace('_', '-')} instead of --set",
            )
        option: dict[str, Any] = {name: text}
        for group in reversed(groups):
            option = {group: option}
        options = merge_options(options, option)
    return options


def find_resumed_run(
    context: typer.Context, runs: Path, resume: str | None, task: str
) -> Path | None:
    """Return the run of --resume, if given; raises UsageError for options that a run keeps."""
    if resume is None:
        return None
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if given - RESUME_OPTIONS:
        raise UsageError(
            "a resumed run keeps its own options",
            hint="remove all options except --resume, --logger, --root, --runs and --json",
        )
    return find_run(runs, resume, tasks=(task,))


def find_model(name: str, runs: Path, *tasks: str) -> Path:
    """Return the folder of a run, of exported weights, or of a bundled model of one of the tasks.

    The order of the tasks counts. Raises UsageError if there is no such model.
    """
    for task in tasks:
        if BUNDLED_NAMES[task] == name:
            return WEIGHTS / task
    return find_run(runs, name, trained=True, tasks=tuple(t for t in TASKS if t in tasks))


@contextmanager
def training_progress(
    task: str, root: Path, runs: Path, resumed: Path | None
) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """Join the process group, and yield callbacks, silent on other ranks, for progress and text.

    Ctrl-C becomes a StoppedError that shows the command to resume the run.
    """
    from punkmodels.training.distributed import init_process_group, is_main

    try:
        with init_process_group():
            if not is_main():
                yield lambda done, total, note="": None, lambda text: None
                return
            with progress_bar("training", "images") as progress:
                yield progress, console.say
    except KeyboardInterrupt:
        run = "latest" if resumed is None else shell_quote(resumed)
        runs_option = "" if runs == DEFAULT_RUNS else f" --runs {shell_quote(runs)}"
        command = f"punkmodels train {task} --resume {run}{runs_option}{root_option(root)}"
        raise StoppedError("stopped", hint=f"resume with: {command}") from None


def print_run(run: Path, next_commands: str, *, as_json: bool) -> None:
    """Print the folder of a finished run, or JSON, once for all processes."""
    if int(os.environ.get("RANK", "0")):  # torchrun sets it.
        return
    if as_json:
        console.emit_json({"run": str(run), "config": read_config(run)["options"]})
    else:
        console.emit(str(run))
        console.say(f"next: {next_commands}")
