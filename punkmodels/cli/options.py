"""Options and context managers that several commands of punkmodels share."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from punkdata.cli import console
from punkdata.errors import NetworkError, PunkError, StoppedError, StorageError, UsageError
from punkdata.files import root_option, shell_quote
from punkmodels.choices import SEED, THREADS
from punkmodels.training.run_dir import find_run, read_config, stopped_run

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
DEVICE_HELP = "Device to compute on; auto selects a GPU if there is one."
DeviceOption = Annotated[DeviceName, typer.Option("--device", help=DEVICE_HELP)]
Seed = Annotated[
    int | None, typer.Option(min=SEED.low, max=SEED.high, help="Random seed. (default: 0)")
]
THREADS_HELP = "Number of CPU threads; set it to make a run reproducible. (default: benchmarked)"
Threads = Annotated[int | None, typer.Option(min=THREADS.low, max=THREADS.high, help=THREADS_HELP)]
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
RESUME_OPTIONS = {"resume", "logger", "root", "runs", "as_json"}
"""Parameters that can be combined with --resume."""
ARGUMENTS = (
    *("root", "preset", "recipe", "model", "augment_with", "augment_fraction"),
    *("image_dir", "image_array", "conditional", "compile", "threads"),
)
"""Arguments of the training functions that errors can name."""


def given_options(
    named: dict[str, Any], assignments: list[str] | None, *reserved: str
) -> dict[str, Any]:
    """Return the nested options in `named`, unless None, and those of --set, whose values are text.

    Raises UsageError for text that is not of the form KEY=VALUE, and for keys in `named` or
    `reserved`, which have options of their own.
    """
    from punkmodels.training.config import merge_options, nest_options

    options = {key: value for key, value in named.items() if value is not None}
    for assignment in assignments or ():
        key, separator, text = assignment.partition("=")
        if not separator or not all(key.split(".")):
            raise UsageError(
                f"--set {assignment} is not of the form KEY=VALUE",
                hint="for example: --set batch_size=32",
            )
        if (name := key.partition(".")[0]) in (*named, *reserved):
            raise UsageError(
                f"{name} has an option of its own",
                hint=f"use --{name.replace('_', '-')} instead of --set",
            )
        if name == "progress":  # An argument of the Python API.
            raise UsageError("there is no training option progress")
        options = merge_options(options, nest_options({key: text}))
    return options


def find_resumed_run(
    context: typer.Context,
    runs: Path,
    resume: str | None,
    task: str,
    more: frozenset[str] = frozenset(),
) -> Path | None:
    """Return the run of --resume, if given; raises UsageError for options that a run keeps.

    `more` are parameters of this model that can be combined with --resume.
    """
    if resume is None:
        return None
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if given - RESUME_OPTIONS - more:
        names = ["--resume", "--logger", *(f"--{name.replace('_', '-')}" for name in sorted(more))]
        raise UsageError(
            "a resumed run keeps its own options",
            hint=f"remove all options except {', '.join(names)}, --root, --runs and --json",
        )
    return find_run(runs, resume, tasks=(task,))


def train_model(
    task: str,
    root: Path,
    runs: Path,
    resumed: Path | None,
    logger: Literal["tensorboard", "wandb"] | None,
    options: dict[str, Any],
) -> Path:
    """Train a model with the options of the Python API, or resume a run, and return its folder.

    With `resumed`, only options that a run does not keep are allowed. Ctrl-C, which becomes a
    StoppedError, a full disk and a lost process show the command to resume the run.
    """
    from punkmodels import train_cpu_models, train_models
    from punkmodels.start_training import resume_hint

    api = train_models if task in ("classifier", "dcgan") else train_cpu_models
    train = getattr(api, f"train_{task.replace('-', '_')}")
    try:
        with arguments_as_options(*ARGUMENTS):
            run: Path = train(root, runs=runs, resume=resumed, logger=logger, **options).path
    except (KeyboardInterrupt, StorageError, NetworkError) as error:
        stopped = stopped_run(error)
        command = f"punkmodels train {task} --resume {shell_quote(stopped or '')}"
        command += root_option(root) + (f" --logger {logger}" if logger else "")
        if isinstance(error, KeyboardInterrupt):
            if stopped is None:
                raise StoppedError("stopped before the training started") from None
            raise StoppedError("stopped", hint=f"resume with: {command}") from None
        if stopped is not None:
            error.hint = resume_hint(error, command)
        raise
    return run


@contextmanager
def arguments_as_options(*names: str, **options: str) -> Iterator[None]:
    """Name options of a command instead of arguments of the Python API in its errors.

    The argument `skin_tone` becomes "--skin-tone", or what `options` has for it, where an error
    names it as "skin_tone=" or "skin_tone=1".
    """
    option_by_name = {name: f"--{name.replace('_', '-')}" for name in names} | options
    pattern = re.compile(rf'\b({"|".join(option_by_name)})=("?)([\w-]*)\2')

    def replace(match: re.Match[str]) -> str:
        value = "" if match[3] in ("", "True") else f" {match[3]}"
        return option_by_name[match[1]] + value

    try:
        yield
    except PunkError as error:
        error.message = pattern.sub(replace, error.message)
        error.hint = error.hint and pattern.sub(replace, error.hint)
        raise


def print_run(run: Path, next_commands: str, *, as_json: bool) -> None:
    """Print the folder of a finished run, or JSON, once for all processes."""
    if int(os.environ.get("RANK", "0")):  # torchrun sets it.
        return
    if as_json:
        console.emit_json({"run": str(run), "config": read_config(run)["options"]})
    else:
        console.emit(str(run))
        console.say(f"next: {next_commands}")
