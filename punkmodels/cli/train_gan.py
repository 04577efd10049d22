"""The command `punkmodels train dcgan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli.options import ROOT, Json, Root, Version
from punkmodels.cli.options import (
    DeviceOption,
    LoggerOption,
    Resume,
    Runs,
    Seed,
    Set,
    Threads,
    find_resumed_run,
    given_options,
    print_run,
    training_progress,
)
from punkmodels.gan.config import Conditional, Preset, Recipe, make_config
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels train dcgan --preset quick --set model.width=48\n\n"
    "Resume a stopped run: punkmodels train dcgan --resume latest\n\n"
    "Other images: punkmodels train dcgan --image-dir digits/\n\n"
    "On two GPUs: torchrun --nproc-per-node 2 -m punkmodels train dcgan"
)


def train_dcgan(
    context: typer.Context,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    recipe: Annotated[
        Recipe,
        typer.Option(
            help="modern: relativistic loss, gradient penalties, an encoder, and an averaged "
            "generator. For comparison, classic: DCGAN, Radford et al. (2015); mlp: fully "
            "connected networks with the losses of classic."
        ),
    ] = "modern",
    preset: Annotated[
        Preset,
        typer.Option(
            help="quick: a few minutes on one CPU core. best: about 40 minutes on one core. gpu, "
            "gpu-long: 10 and 20 million images, for one large GPU."
        ),
    ] = "quick",
    conditional: Annotated[
        Conditional,
        typer.Option(
            help="Labels that the generator is conditioned on: none, or the type. To choose "
            "accessories and the skin tone too, use: punkmodels train renderer."
        ),
    ] = "none",
    image_dir: Annotated[
        Path | None,
        typer.Option(
            help="Train on images other than punks: a folder of image files, a .npz or a .npy. "
            "All images must be squares of one size, 8 to 64 pixels. (default: punks)"
        ),
    ] = None,
    total_images: Annotated[
        int | None,
        typer.Option(
            help="Total number of real images to train on, with repetitions. (default: depends on "
            "--preset)",
        ),
    ] = None,
    compile_networks: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the discriminator with torch.compile; the first steps take minutes. "
            "(default: off)",
        ),
    ] = False,
    seed: Seed = None,
    assignments: Set = None,
    device: DeviceOption = "auto",
    threads: Threads = None,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a GAN that generates punks or other small images."""
    resumed = find_resumed_run(context, runs, resume, "dcgan")
    named = {
        "conditional": conditional,
        "image_dir": str(image_dir.resolve()) if image_dir else None,
        "total_images": total_images,
        "compile": compile_networks,
        "seed": seed,
    }
    options = given_options(named, assignments, "preset", "recipe")
    config = make_config(preset, recipe, **options)
    from punkmodels.gan import train as training

    with training_progress("dcgan", root, runs, resumed) as (progress, log):
        run = training.train_dcgan(
            root,
            runs,
            config,
            version=version,
            device_name=device,
            threads=threads,
            resume=resumed,
            logger=logger,
            progress=progress,
            log=log,
        )
    commands = f"punkmodels generate --model {run}, or punkmodels evaluate {run}"
    print_run(run, commands, as_json=as_json)
