"""The command `punkmodels generate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.cli.progress import progress_bar
from punkdata.errors import UsageError
from punkmodels.cli.options import DeviceOption, Runs
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run

if TYPE_CHECKING:
    from punkmodels.data.splits import SplitTensors

EXAMPLES = (
    "Example: punkmodels generate --count 64 --out grid.png\n\n"
    'With chosen traits: punkmodels generate --type Zombie --accessory "3D Glasses" --accessory '
    "Pipe\n\n"
    "Single files: punkmodels generate --count 10000 --out generated"
)
BUNDLED_NAME = "bundled"
BUNDLED_CONDITIONAL_NAME = "bundled-conditional"
BUNDLED_NAMES = (BUNDLED_NAME, BUNDLED_CONDITIONAL_NAME)
MAX_GRID_PIXELS = 10**8
"""Maximum number of pixels of a grid."""


def generate(
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**6,
            help="Number of punks. (default: 64; with --type, 4, so that a grid shows four; with "
            "--labels-from, one for each of its punks)",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="A .png file for a grid of all punks, which is overwritten if it exists, or an "
            "empty or new folder for one 24x24 RGBA PNG each."
        ),
    ] = Path("grid.png"),
    punk_type: Annotated[
        str | None,
        typer.Option("--type", help="Type: Alien, Ape, Female, Male or Zombie. (default: any)"),
    ] = None,
    accessory: Annotated[
        list[str] | None,
        typer.Option(
            "--accessory",
            help="Accessory, such as Pipe. Repeat the option for several. (default: none)",
        ),
    ] = None,
    skin_tone: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4,
            help="Skin tone of Female and Male punks, 1 (darkest) to 4. (default: all in turn)",
        ),
    ] = None,
    labels_from: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION:SPLIT",
            help="Generate punks with the labels of real ones: a snapshot and train, val, test or "
            "all, such as latest:test. (default: off)",
        ),
    ] = None,
    allow_impossible: Annotated[
        bool,
        typer.Option(
            "--allow-impossible",
            help="Accept combinations of traits that no real punk can have. (default: off)",
        ),
    ] = False,
    root: Root = ROOT,
    seed: Annotated[
        int, typer.Option(min=0, max=10**9, help="Random seed for the latent noise.")
    ] = 0,
    scale: Annotated[int, typer.Option(min=1, max=40, help="Upscaling factor of the grid.")] = 4,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help='A run (its path, its number, or "latest"), a folder of exported weights, or a '
            'generator that is part of punkmodels: "bundled", or "bundled-conditional", which is '
            "also used for --type, --accessory, --skin-tone and --labels-from.",
        ),
    ] = BUNDLED_NAME,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Generate new punks, at random or with chosen traits."""
    from punkmodels.gan.config import load_generator, read_dcgan_config
    from punkmodels.gan.generate import generate_sprites, write_grid, write_sprites
    from punkmodels.gan.label_conditions import conditions_from_names, conditions_from_split
    from punkmodels.training.device import pick_device

    # Check the options before anything is loaded.
    is_grid = _is_grid(out)
    has_names = punk_type is not None or bool(accessory)
    if has_names and labels_from:
        raise UsageError(
            "--labels-from already sets type and accessories",
            hint="remove --type and --accessory, or --labels-from",
        )
    is_conditional = has_names or labels_from is not None or skin_tone is not None
    folder = resolve_generator(model, runs, conditional=is_conditional)
    config = read_dcgan_config(folder).options
    split = _load_labels(labels_from, root) if labels_from else None
    count = count or (len(split) if split else 4 if is_conditional else 64)
    if is_grid and count * (config.image_size * scale) ** 2 > MAX_GRID_PIXELS:
        raise UsageError(
            f"a grid of {count:,} punks would be too large",
            hint="name a folder with --out, or use a smaller --count or --scale",
        )
    # Encode the conditions.
    condition = None
    if split:
        condition = conditions_from_split(config.condition_spec, split, count, skin_tone)
    elif is_conditional:
        condition = conditions_from_names(
            config.condition_spec,
            count,
            punk_type,
            accessory or [],
            skin_tone,
            allow_impossible=allow_impossible,
        )
    elif config.conditional != "none":
        raise UsageError(f"{folder} is conditional", hint="add --type or --labels-from")
    # Generate the punks and write them.
    torch_device, _ = pick_device(device)
    generator = load_generator(folder, torch_device)
    with progress_bar("generating", "punks") as progress:
        images, _ = generate_sprites(
            generator,
            count,
            seed,
            progress,
            condition=condition,
            keep_raw=False,
            is_punks=config.trains_on_punks,
        )
    traits: dict[str, object] = {
        "type": punk_type,
        "accessories": accessory,
        "skin_tone": skin_tone,
        "labels_from": labels_from,
    }
    metadata = {"model": str(folder), "seed": seed, **{k: v for k, v in traits.items() if v}}
    if is_grid:
        write_grid(images, out, scale)
    else:
        write_sprites(images, out, metadata)
    if as_json:
        console.emit_json({"path": str(out), "count": count, **metadata})
        return
    console.emit(str(out))


def resolve_generator(model: str, runs: Path, *, conditional: bool = False) -> Path:
    """Return the folder of a run, of exported weights, or of a bundled generator.

    Args:
        model: The value of --model.
        runs: Folder of all runs.
        conditional: Whether "bundled" stands for the conditional bundled generator.

    Raises:
        UsageError: There is no such run.
    """
    from punkmodels.gan.config import BUNDLED_CONDITIONAL, BUNDLED_DCGAN

    if model in BUNDLED_NAMES:
        is_conditional = conditional or model == BUNDLED_CONDITIONAL_NAME
        return BUNDLED_CONDITIONAL if is_conditional else BUNDLED_DCGAN
    return find_run(runs, model, trained=True, task="dcgan")


def _is_grid(out: Path) -> bool:
    """Return whether --out is a PNG file rather than a folder.

    Raises:
        UsageError: It is a file of another type, or a folder that is not empty.
    """
    is_grid = out.suffix.lower() == ".png"
    if out.suffix and not is_grid:
        raise UsageError(
            f"{out} is not a .png file", hint="name a .png file for a grid, or a folder"
        )
    if not is_grid and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"the folder {out} is not empty", hint="choose another one with --out")
    return is_grid


def _load_labels(labels_from: str, root: Path) -> SplitTensors:
    """Load the split that --labels-from names.

    Raises:
        UsageError: The value is not VERSION:SPLIT, or there is no such split or snapshot.
    """
    from punkmodels.data.splits import SplitName, load_split

    version, _, name = labels_from.rpartition(":")
    if not version:
        raise UsageError(
            f"--labels-from {labels_from} is not VERSION:SPLIT", hint="for example latest:test"
        )
    if name not in get_args(SplitName):
        raise UsageError(
            f"unknown split '{name}' in --labels-from {labels_from}",
            hint="choose train, val, test or all",
        )
    return load_split(root, version, "default", cast("SplitName", name))
