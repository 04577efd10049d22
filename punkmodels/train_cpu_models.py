"""Training of renderers and models of label sets from Python, on the CPU.

`punkmodels train` calls these functions.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from punkdata.errors import UsageError
from punkdata.progress import Progress
from punkmodels.runs import Run
from punkmodels.start_training import find_resumed_run, prepare, run_training
from punkmodels.training.config import nest_options
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    import torch


def train_renderer(
    root: str | Path | None = None,
    *,
    preset: Literal["quick", "best"] = "quick",
    runs: str | Path = DEFAULT_RUNS,
    version: str = "latest",
    device: Literal["auto", "cpu"] = "auto",
    threads: int = 1,
    resume: str | int | Path | None = None,
    logger: Literal["tensorboard", "wandb"] | None = None,
    progress: bool | Progress = True,
    **options: Any,
) -> Run:
    """Train a renderer, which draws a punk from its type, accessories and skin tone, on the CPU.

    Args:
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        preset: "quick" takes a minute on one core, "best" two.
        runs: Folder in which the folder of the run is created.
        version: Version of the snapshot, or "latest".
        device: "auto" or "cpu"; both are the CPU.
        threads: Number of CPU threads.
        resume: A stopped run to resume: its path, its number, or "latest". It keeps its own
            options, so only `root`, `runs`, `logger` and `progress` can be combined with it.
        logger: Also log to "tensorboard" or "wandb".
        progress: Whether to show a progress bar and messages; or a function that is called as
            `progress(images_seen, total_images, note)`, with total_images=None before the first
            step.
        options: Other training options, for example `total_images=50_000`;
            `list_options("renderer")` lists them.

    Returns:
        The run, with its metrics and its model.

    Raises:
        UsageError: An option does not exist, or a value is not allowed; or several processes were
            started.
        DataError: The snapshot is damaged, or differs from that of the run to resume.
        KeyboardInterrupt: The training was interrupted. Its message says how to resume the run.

    Example:
        >>> run = punkmodels.train_renderer("data", total_images=20_000)
        >>> run.load().grid(type="Ape").show()
    """
    given = {"preset": preset != "quick", "threads": threads != 1, **options}
    resumed = find_resumed_run(resume, "renderer", runs, version, device, given)
    _require_one_cpu_process("a renderer", device)
    from punkmodels.renderer.config import make_config

    config = make_config(preset, **nest_options(options))
    prepare(root, version, threads, progress, needs_snapshot=resumed is None)
    from punkmodels.renderer.train import train_renderer as train

    start = functools.partial(train, config=config, version=version, threads=threads, logger=logger)
    return run_training("renderer", start, root, runs, resumed, progress)


def train_label_sets(
    root: str | Path | None = None,
    *,
    preset: Literal["quick", "best"] = "quick",
    runs: str | Path = DEFAULT_RUNS,
    version: str = "latest",
    device: str | torch.device = "auto",
    threads: int = 1,
    resume: str | int | Path | None = None,
    logger: Literal["tensorboard", "wandb"] | None = None,
    progress: bool | Progress = True,
    **options: Any,
) -> Run:
    """Train a model of which traits occur together on a punk, on the CPU.

    With the bundled renderer, which draws what it samples, it is a generator of punks.

    Args:
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        preset: "quick" takes 10 seconds on one core, "best" 20.
        runs: Folder in which the folder of the run is created.
        version: Version of the snapshot, or "latest".
        device: "auto" or "cpu"; both are the CPU.
        threads: Number of CPU threads.
        resume: A stopped run to resume: its path, its number, or "latest". It keeps its own
            options, so only `root`, `runs`, `logger` and `progress` can be combined with it.
        logger: Also log to "tensorboard" or "wandb".
        progress: Whether to show a progress bar and messages; or a function that is called as
            `progress(images_seen, total_images, note)`, with total_images=None before the first
            step.
        options: Other training options, for example `weight_decay=1.0`;
            `list_options("label-sets")` lists them.

    Returns:
        The run, with its metrics and its model.

    Raises:
        UsageError: An option does not exist, or a value is not allowed; or several processes were
            started.
        DataError: The snapshot is damaged, or differs from that of the run to resume.
        KeyboardInterrupt: The training was interrupted. Its message says how to resume the run.

    Example:
        >>> run = punkmodels.train_label_sets("data", seed=1)
        >>> run.load().grid(type="Ape").show()
    """
    given = {"preset": preset != "quick", "threads": threads != 1, **options}
    resumed = find_resumed_run(resume, "label-sets", runs, version, device, given)
    _require_one_cpu_process("a model of label sets", device)
    from punkmodels.label_sets.config import make_config

    config = make_config(preset, **nest_options(options))
    prepare(root, version, threads, progress, needs_snapshot=resumed is None)
    from punkmodels.label_sets.train import train_label_sets as train

    start = functools.partial(train, config=config, version=version, threads=threads, logger=logger)
    return run_training("label-sets", start, root, runs, resumed, progress)


def _require_one_cpu_process(name: str, device: str | torch.device) -> None:
    """Raise UsageError for another device than the CPU, and in one of several processes.

    `name` is what the error calls the model, for example "a renderer".
    """
    if str(device) not in ("auto", "cpu"):
        raise UsageError(f"{name} is trained on the CPU, not on {device}")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # torchrun sets it.
        raise UsageError(f"{name} is trained in one process", hint="start it without torchrun")
