"""punkmodels generate: punks at random, by name, or like real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.cli.progress import progress_bar
from punkdata.errors import UsageError
from punkmodels.cli.options import DeviceName, DeviceOption, Runs
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run

EXAMPLES = (
    "Example: punkmodels generate --count 64 --out grid.png\n\n"
    'By name: punkmodels generate --type Zombie --accessory "3D Glasses" --accessory Pipe\n\n'
    "Single files: punkmodels generate --count 1000 --out drawings"
)
BUNDLED_NAME = "bundled"
BUNDLED_CONDITIONAL_NAME = "bundled-conditional"
BUNDLED_NAMES = (BUNDLED_NAME, BUNDLED_CONDITIONAL_NAME)
MAX_GRID_PIXELS = 10**8


def generate(
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**6,
            help="How many. (default: 64; by name 4; as many as --labels-from has)",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(help="grid.png: one picture of all. A folder: a 24x24 RGBA PNG of each."),
    ] = Path("grid.png"),
    punk_type: Annotated[
        str | None, typer.Option("--type", help="Alien, Ape, Female, Male or Zombie.")
    ] = None,
    accessory: Annotated[
        list[str] | None, typer.Option("--accessory", help="What it wears; can be repeated.")
    ] = None,
    skin_tone: Annotated[
        int | None,
        typer.Option(min=1, max=4, help="Skin, 1 (darkest) to 4. (default: each in turn)"),
    ] = None,
    labels_from: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION:PART",
            help='Ask for what real punks have, as "latest:test": train, val, test or all.',
        ),
    ] = None,
    allow_impossible: Annotated[
        bool, typer.Option("--allow-impossible", help="Ask even for what no punk can have.")
    ] = False,
    root: Root = ROOT,
    seed: Annotated[int, typer.Option(min=0, max=10**9, help="Of the noise.")] = 0,
    scale: Annotated[
        int, typer.Option(min=1, max=40, help="Pixels of a grid to a pixel of a punk.")
    ] = 4,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help='A run (a path, a number, or "latest"), a folder of exported weights, or '
            '"bundled", those that come with punkmodels: "bundled-conditional" where something is '
            "asked for.",
        ),
    ] = BUNDLED_NAME,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = DeviceName.AUTO,
    as_json: Json = False,
) -> None:
    """Draw punks that never existed, at random or to order."""
    from punkmodels.data.splits import SplitName, load_split
    from punkmodels.gan.config import load_generator, read_dcgan_config
    from punkmodels.gan.generate import generate_sprites, write_grid, write_sprites
    from punkmodels.gan.label_conditions import conditions_from_names, conditions_from_split
    from punkmodels.training.device import pick_device

    is_grid = out.suffix.lower() == ".png"
    if out.suffix and not is_grid:
        raise UsageError(f"{out} is no .png", hint="name a .png for a grid, or a folder")
    by_name = punk_type is not None or bool(accessory)
    if by_name and labels_from:
        raise UsageError("--labels-from says type and accessories", hint="leave those out")
    is_asked = by_name or labels_from is not None or skin_tone is not None
    folder = resolve_generator(model, runs, condition=is_asked)
    config = read_dcgan_config(folder).options
    part = None
    if labels_from:
        version, _, name = labels_from.rpartition(":")
        if name not in get_args(SplitName) or not version:
            raise UsageError(f"{labels_from} is not VERSION:PART", hint="for example latest:test")
        part = load_split(root, version, "default", cast("SplitName", name))
    count = count or (len(part) if part else 4 if is_asked else 64)
    if is_grid and count * (config.side * scale) ** 2 > MAX_GRID_PIXELS:
        raise UsageError(
            f"a grid of {count:,} punks would be too large",
            hint="name a folder with --out, or take a smaller --count or --scale",
        )
    if not is_grid and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", hint="choose another folder with --out")
    condition = None
    if part:
        condition = conditions_from_split(config, part, count, skin_tone)
    elif is_asked:
        condition = conditions_from_names(
            config, count, punk_type, accessory or [], skin_tone, force=allow_impossible
        )
    elif config.conditional != "none":
        raise UsageError(
            f"{folder} draws what it is asked for", hint="add --type, or --labels-from"
        )
    torch_device, _ = pick_device(device.value)
    generator = load_generator(folder, torch_device)
    with progress_bar("drawing", "punks") as progress:
        sprites, _ = generate_sprites(
            generator,
            count,
            seed,
            progress,
            condition=condition,
            keep_raw=False,
            of_punks=config.trains_on_punks,
        )
    wish: dict[str, object] = {
        "type": punk_type,
        "accessories": accessory,
        "skin_tone": skin_tone,
        "labels_from": labels_from,
    }
    about = {"model": str(folder), "seed": seed, **{k: v for k, v in wish.items() if v}}
    if is_grid:
        write_grid(sprites, out, scale)
    else:
        write_sprites(sprites, out, about)
    if as_json:
        console.emit_json({"path": str(out), "count": count, **about})
        return
    console.emit(str(out))


def resolve_generator(model: str, runs: Path, *, condition: bool = False) -> Path:
    """The folder with a generator's weights. Raises as `find_run`."""
    from punkmodels.gan.config import BUNDLED_CONDITIONAL, BUNDLED_DCGAN

    if model in BUNDLED_NAMES:
        return (
            BUNDLED_CONDITIONAL if condition or model == BUNDLED_CONDITIONAL_NAME else BUNDLED_DCGAN
        )
    return find_run(runs, model, trained=True, task="dcgan")
