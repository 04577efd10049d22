"""The command train dcgan."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import UsageError
from punkmodels.cli.options import (
    DeviceName,
    DeviceOption,
    LoggerOption,
    Resume,
    Runs,
    Seed,
    Threads,
    check_no_other_options,
    handle_interrupt,
    training_session,
)
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run, read_config

TRAIN_EXAMPLES = (
    "Example: punkmodels train dcgan --preset quick\n\n"
    "After a stop: punkmodels train dcgan --resume latest\n\n"
    "Other pictures: punkmodels train dcgan --image-dir digits/\n\n"
    "On two GPUs: torchrun --nproc-per-node 2 -m punkmodels train dcgan"
)


class Recipe(StrEnum):
    MODERN = "modern"
    CLASSIC = "classic"


class Conditional(StrEnum):
    NONE = "none"
    TYPE = "type"
    LABELS = "labels"


class Preset(StrEnum):
    QUICK = "quick"
    BEST = "best"
    GPU = "gpu"
    GPU_LONG = "gpu-long"


class Network(StrEnum):
    DCGAN = "dcgan"
    MLP = "mlp"


class Head(StrEnum):
    PALETTE = "palette"
    RGBA = "rgba"


def train_dcgan(
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    recipe: Annotated[
        Recipe | None,
        typer.Option(
            help="modern: relativistic loss, gradient penalties, an encoder, an averaged "
            "generator. classic: the tutorials', for comparison. (default: modern; of mlp classic)"
        ),
    ] = None,
    network: Annotated[
        Network,
        typer.Option(
            help="dcgan: convolutions. mlp: fully connected layers, as the first tutorials', for "
            "comparison."
        ),
    ] = Network.DCGAN,
    preset: Annotated[
        Preset,
        typer.Option(
            help="quick: some minutes on a core. best: about 40 minutes. gpu, gpu-long: 10 and 20 "
            "million images, for one large GPU."
        ),
    ] = Preset.QUICK,
    conditional: Annotated[
        Conditional,
        typer.Option(
            help="What one can ask the generator for: nothing, a type, or type and accessories."
        ),
    ] = Conditional.NONE,
    skin_tone: Annotated[
        bool,
        typer.Option("--skin-tone", help="One can ask for a skin tone, too. Of --conditional."),
    ] = False,
    pixel_loss: Annotated[
        bool | None,
        typer.Option(
            help="Whether the generator is shown the very punk that has what it was asked for. "
            "(default: with labels and --skin-tone, which leave nothing open)"
        ),
    ] = None,
    head: Annotated[
        Head | None,
        typer.Option(
            help="palette: choose among the colors known at each place. rgba: any color. "
            "(default: the recipe's)"
        ),
    ] = None,
    encoder: Annotated[
        bool | None,
        typer.Option(
            help="Whether an encoder teaches it to redraw real punks. (default: of modern and "
            "palette, without --pixel-loss)"
        ),
    ] = None,
    image_dir: Annotated[
        Path | None,
        typer.Option(
            help="Learn from other small pictures than punks: a folder of them, or a .npz or .npy; "
            "square, 8 to 64 pixels, all of one size."
        ),
    ] = None,
    total_images: Annotated[
        int | None,
        typer.Option(
            min=1, help="Real images to see in all. (default: the preset's)", show_default=False
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Channels of a 12x12 map. (default: the recipe's)"),
    ] = None,
    r1_gamma: Annotated[
        float | None,
        typer.Option(min=0, help="Weight of the gradient penalties. (default: the recipe's)"),
    ] = None,
    torch_compile: Annotated[
        bool,
        typer.Option(
            "--compile", help="Let torch.compile make kernels; the first steps take minutes."
        ),
    ] = False,
    norm_groups: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Parts of a batch that are normalized each by itself; ranks must divide them. "
            "(default: a part for each rank of torchrun)",
        ),
    ] = None,
    seed: Seed = None,
    device: DeviceOption = DeviceName.AUTO,
    threads: Threads = None,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a DCGAN that draws punks."""
    from punkmodels.gan import train as training
    from punkmodels.gan.config import DcganConfig, make_config
    from punkmodels.training.distributed import launched_world_size

    going_on = find_run(runs, resume, task="dcgan") if resume else None
    is_asked = conditional is not Conditional.NONE
    if (skin_tone or pixel_loss) and not is_asked:
        raise UsageError(
            f"{'--skin-tone' if skin_tone else '--pixel-loss'} is of a conditional generator",
            hint="add --conditional labels or --conditional type",
        )
    is_plain_network = network is Network.MLP
    if is_plain_network and (is_asked or head is Head.PALETTE or encoder):
        raise UsageError(
            "an mlp draws any color, and nothing that is asked for",
            hint="leave out --conditional, --head and --encoder",
        )
    if image_dir and (is_asked or head is Head.PALETTE or encoder):
        raise UsageError(
            "of other pictures than punks no palette and no labels are known",
            hint="leave out --conditional, --head and --encoder",
        )
    recipe = recipe or (Recipe.CLASSIC if is_plain_network else Recipe.MODERN)
    if (pixel_loss or encoder) and (recipe is Recipe.CLASSIC or head is Head.RGBA):
        raise UsageError(
            f"{'--pixel-loss' if pixel_loss else '--encoder'} is of the palette head",
            hint="leave one of them out",
        )
    given = {
        "conditional": conditional.value if is_asked else None,
        "skin_tone": skin_tone or None,
        "network": network.value if is_plain_network else None,
        "pixel_loss": pixel_loss,
        "head": head.value if head else None,
        "w_dim": None if encoder is None else DcganConfig.w_dim * encoder,
        "total_images": total_images,
        "trains_on_punks": False if image_dir else None,
        "width": width,
        "r1_gamma": r1_gamma,
        "torch_compile": torch_compile or None,
        "norm_groups": norm_groups,
        "seed": seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if recipe is Recipe.CLASSIC and r1_gamma:
        raise UsageError("the classic recipe has no penalties", hint="leave out --r1-gamma")
    if not going_on and launched_world_size() > 1:
        chosen = {"norm_groups": launched_world_size()} | chosen
    config = make_config(preset.value, recipe.value, **chosen)
    if going_on:
        is_plain = (config, version, device) == (make_config(), "latest", DeviceName.AUTO)
        check_no_other_options(is_plain and not chosen and threads is None)
    with handle_interrupt("dcgan", root, runs, going_on):  # noqa: SIM117  # the bar ends first
        with training_session() as (process_group, progress, log):
            run = training.train_dcgan(
                root,
                runs,
                config,
                version=version,
                device_name=device.value,
                threads=threads,
                resume=going_on,
                logger=logger.value if logger else None,
                pictures=image_dir,
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
