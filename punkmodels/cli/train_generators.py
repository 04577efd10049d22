"""The commands `punkmodels train dcgan`, `train renderer` and `train label-sets`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.files import shell_quote
from punkmodels.choices import (
    DEFAULT_RECIPE,
    THREADS,
    TOTAL_IMAGES,
    DcganConditional,
    DcganPreset,
    DcganRecipe,
    LabelSetsPreset,
    RendererPreset,
)
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
    train_model,
)
from punkmodels.training.run_dir import DEFAULT_RUNS

TotalImages = Annotated[
    int | None,
    typer.Option(
        min=TOTAL_IMAGES.low,
        max=TOTAL_IMAGES.high,
        help="Total number of images to train on, with repetitions. (default: depends on --preset)",
    ),
]
CpuThreads = Annotated[
    int, typer.Option(min=THREADS.low, max=THREADS.high, help="Number of CPU threads.")
]
DCGAN_EXAMPLES = (
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
        DcganRecipe | None,
        typer.Option(
            help="vae-gan: a GAN combined with a variational autoencoder, Larsen et al. (2016). "
            "adversarial: a GAN without an encoder, whose discriminator also sees statistics of "
            "the batch. dcgan: Radford et al. (2015). mlp: fully connected networks with the "
            f"losses of dcgan. (default: {DEFAULT_RECIPE}; with --image-dir: adversarial)"
        ),
    ] = None,
    preset: Annotated[
        DcganPreset,
        typer.Option(
            help="quick: a few minutes on one CPU core. best: about 40 minutes on one core. gpu: "
            "10 million images, for one large GPU."
        ),
    ] = "quick",
    conditional: Annotated[
        DcganConditional,
        typer.Option(
            help="Labels that the generator is conditioned on: none, or the type. To choose "
            "accessories and the skin tone too, use: punkmodels train renderer."
        ),
    ] = "none",
    image_dir: Annotated[
        Path | None,
        typer.Option(
            help="Train on images other than punks: a folder of image files, a .npz or a .npy. "
            "All images must be squares of one size, 8 to 64 pixels. With --resume: the new "
            "location of images that were moved. (default: punks)"
        ),
    ] = None,
    image_array: Annotated[
        str | None,
        typer.Option(
            help="Name of the array to read, if --image-dir is a .npz with several. (default: "
            '"images", or "train_images")'
        ),
    ] = None,
    total_images: TotalImages = None,
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
    resumed = find_resumed_run(context, runs, resume, "dcgan", frozenset({"image_dir"}))
    named = {
        "conditional": conditional,
        "image_dir": str(image_dir) if image_dir else None,
        "image_array": image_array,
        "total_images": total_images,
        "compile": compile_networks,
        "seed": seed,
    }
    options: dict[str, Any] = {"image_dir": image_dir}
    if resumed is None:
        options = given_options(named, assignments, *context.params)
        options |= {"preset": preset, "recipe": recipe, "version": version}
        options |= {"device": device, "threads": threads}
    run = train_model("dcgan", root, runs, resumed, logger, options)
    name = shell_quote(run)
    commands = f"punkmodels generate --model {name}, or punkmodels evaluate {name}"
    print_run(run, commands, as_json=as_json)


RENDERER_EXAMPLES = (
    "Example: punkmodels train renderer --seed 1 --set l1_weight=0\n\n"
    "Resume a stopped run: punkmodels train renderer --resume latest"
)


def train_renderer(
    context: typer.Context,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    preset: Annotated[
        RendererPreset, typer.Option(help="quick: one minute on one core. best: two minutes.")
    ] = "quick",
    total_images: TotalImages = None,
    seed: Seed = None,
    assignments: Set = None,
    threads: CpuThreads = 1,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a renderer, which draws a punk from its type, accessories and skin tone."""
    resumed = find_resumed_run(context, runs, resume, "renderer")
    options: dict[str, Any] = {}
    if resumed is None:
        named = {"total_images": total_images, "seed": seed}
        options = given_options(named, assignments, *context.params)
        options |= {"preset": preset, "version": version, "threads": threads}
    run = train_model("renderer", root, runs, resumed, logger, options)
    name = shell_quote(run)
    commands = f"punkmodels generate --model {name} --type Ape, or punkmodels evaluate {name}"
    print_run(run, commands, as_json=as_json)


LABEL_SETS_EXAMPLES = (
    "Example: punkmodels train label-sets --seed 1 --set weight_decay=1\n\n"
    "Resume a stopped run: punkmodels train label-sets --resume latest"
)


def train_label_sets(
    context: typer.Context,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    preset: Annotated[
        LabelSetsPreset, typer.Option(help="quick: 10 seconds on one core. best: 20 seconds.")
    ] = "quick",
    total_images: TotalImages = None,
    seed: Seed = None,
    assignments: Set = None,
    threads: CpuThreads = 1,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a model of which traits occur together; the bundled renderer draws its punks."""
    resumed = find_resumed_run(context, runs, resume, "label-sets")
    options: dict[str, Any] = {}
    if resumed is None:
        named = {"total_images": total_images, "seed": seed}
        options = given_options(named, assignments, *context.params)
        options |= {"preset": preset, "version": version, "threads": threads}
    run = train_model("label-sets", root, runs, resumed, logger, options)
    name = shell_quote(run)
    commands = f"punkmodels generate --model {name}, or punkmodels evaluate {name}"
    print_run(run, commands, as_json=as_json)
