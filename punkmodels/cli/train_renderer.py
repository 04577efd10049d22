"""The command `punkmodels train renderer`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import UsageError
from punkmodels.cli.options import (
    LoggerOption,
    Resume,
    Runs,
    Seed,
    Set,
    find_resumed_run,
    given_options,
    print_run,
    training_progress,
)
from punkmodels.renderer.config import Preset, make_config
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels train renderer --seed 1 --set l1_weight=0\n\n"
    "Resume a stopped run: punkmodels train renderer --resume latest"
)


def train_renderer(
    context: typer.Context,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    preset: Annotated[
        Preset, typer.Option(help="quick: three minutes on one core. best: five minutes.")
    ] = "quick",
    total_images: Annotated[
        int | None,
        typer.Option(
            help="Total number of real punks to train on, with repetitions. (default: depends on "
            "--preset)",
        ),
    ] = None,
    seed: Seed = None,
    assignments: Set = None,
    threads: Annotated[int, typer.Option(min=1, help="Number of CPU threads.")] = 1,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a renderer, which draws a punk from its type, accessories and skin tone."""
    resumed = find_resumed_run(context, runs, resume, "renderer")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # torchrun sets it.
        raise UsageError("a renderer is trained in one process", hint="start it without torchrun")
    named = {"total_images": total_images, "seed": seed}
    config = make_config(preset, **given_options(named, assignments, "preset"))
    from punkmodels.renderer import train as training

    with training_progress("renderer", root, runs, resumed) as (progress, log):
        run = training.train_renderer(
            root,
            runs,
            config,
            version=version,
            threads=threads,
            resume=resumed,
            logger=logger,
            progress=progress,
            log=log,
        )
    commands = f"punkmodels generate --model {run} --type Ape, or punkmodels evaluate {run}"
    print_run(run, commands, as_json=as_json)
