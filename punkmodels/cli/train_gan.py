"""The command `punkmodels train dcgan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkmodels.cli.gan_options import (
    Conditional,
    Head,
    Network,
    Preset,
    Recipe,
    config_from_options,
)
from punkmodels.cli.options import (
    DeviceOption,
    LoggerOption,
    Resume,
    Runs,
    Seed,
    Threads,
    check_resume_options,
    handle_interrupt,
    training_session,
)
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run, read_config

TRAIN_EXAMPLES = (
    "Example: punkmodels train dcgan --preset quick\n\n"
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
        Recipe | None,
        typer.Option(
            help="modern: relativistic loss, gradient penalties, an encoder, and an averaged "
            "generator. classic: the loss and options of DCGAN, Radford et al. (2015), for "
            "comparison. "
            "(default: modern; classic with --network mlp)"
        ),
    ] = None,
    network: Annotated[
        Network,
        typer.Option(
            help="dcgan: convolutional network. mlp: fully connected network, for comparison."
        ),
    ] = Network.DCGAN,
    preset: Annotated[
        Preset,
        typer.Option(
            help="quick: a few minutes on one CPU core. best: about 40 minutes on one core. gpu, "
            "gpu-long: 10 and 20 million images, for one large GPU."
        ),
    ] = Preset.QUICK,
    conditional: Annotated[
        Conditional,
        typer.Option(
            help="Labels that the generator is conditioned on: none, or the type. To choose "
            "accessories and the skin tone too, use: punkmodels train renderer."
        ),
    ] = Conditional.NONE,
    head: Annotated[
        Head | None,
        typer.Option(
            help="Output layer. palette: choose among the colors that occur at each position. "
            "rgba: any color. (default: palette; rgba for the classic recipe, --network mlp and "
            "--image-dir)"
        ),
    ] = None,
    encoder: Annotated[
        bool | None,
        typer.Option(
            help="Train an encoder so that the generator learns to reconstruct real punks; "
            "requires the palette head. (default: on with the palette head)"
        ),
    ] = None,
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
            min=1,
            help="Total number of real images to train on, with repetitions. (default: depends on "
            "--preset)",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="Channels of the 12x12 feature map; with --network mlp, a quarter of the units in "
            "the first hidden layer of the generator. (default: depends on --preset and --recipe)",
        ),
    ] = None,
    r1_gamma: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Weight of the gradient penalties; 0 turns them off. (default: 2; off in the "
            "classic recipe)",
        ),
    ] = None,
    torch_compile: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the discriminator with torch.compile; the first steps take minutes. "
            "(default: off)",
        ),
    ] = False,
    norm_groups: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of parts of a batch that are normalized separately; a multiple of the "
            "number of processes. (default: the number of processes)",
        ),
    ] = None,
    seed: Seed = None,
    device: DeviceOption = "auto",
    threads: Threads = None,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a GAN that generates punks or other small images."""
    from punkmodels.gan import train as training
    from punkmodels.training.legacy_distributed import launched_world_size

    resumed = find_run(runs, resume, tasks=("dcgan",)) if resume else None
    config = config_from_options(
        recipe=recipe,
        network=network,
        preset=preset,
        conditional=conditional,
        head=head,
        encoder=encoder,
        image_dir=image_dir,
        total_images=total_images,
        width=width,
        r1_gamma=r1_gamma,
        torch_compile=torch_compile,
        norm_groups=norm_groups,
        seed=seed,
        world_size=1 if resumed else launched_world_size(),
    )
    if resumed:
        check_resume_options(context)
    with (
        handle_interrupt("dcgan", root, runs, resumed),
        training_session() as (process_group, progress, log),
    ):
        run = training.train_dcgan(
            root,
            runs,
            config,
            version=version,
            device_name=device,
            threads=threads,
            resume=resumed,
            logger=logger,
            image_dir=image_dir,
            progress=progress,
            log=log,
            process_group=process_group,
        )
    if not process_group.is_main:
        return
    if as_json:
        console.emit_json({"run": str(run), "config": read_config(run)["options"]})
        return
    console.emit(str(run))
    console.say(f"next: punkmodels generate --model {run}, or punkmodels evaluate {run}")
