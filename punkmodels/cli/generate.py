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
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run, read_config

if TYPE_CHECKING:
    import torch

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
    import torch

    from punkdata.images.sprite import SIDE_PX
    from punkmodels.data.skin_tones import detect_skin_tones
    from punkmodels.gan.config import read_dcgan_config
    from punkmodels.gan.generate import write_grid, write_sprites
    from punkmodels.renderer.conditions import labels_from_names
    from punkmodels.training.device import pick_device

    # Check the options before anything is loaded.
    is_grid = _is_grid(out)
    if labels_from and (punk_type is not None or accessory):
        raise UsageError(
            "--labels-from already sets type and accessories",
            hint="remove --type and --accessory, or --labels-from",
        )
    has_traits = any((punk_type is not None, accessory, skin_tone, labels_from))
    folder = resolve_generator(model, runs, conditional=has_traits)
    is_renderer = read_config(folder).get("task") == "renderer"
    if has_traits and not is_renderer:
        _check_type_only(folder, bool(accessory) or skin_tone is not None)
    split = _load_labels(labels_from, root) if labels_from else None
    count = count or (len(split) if split else 4 if has_traits else 64)
    side = SIDE_PX if is_renderer else read_dcgan_config(folder).options.image_size
    if is_grid and count * (side * scale) ** 2 > MAX_GRID_PIXELS:
        raise UsageError(
            f"a grid of {count:,} punks would be too large",
            hint="name a folder with --out, or use a smaller --count or --scale",
        )
    labels: torch.Tensor | None = None
    skin_tones: torch.Tensor | int | None = skin_tone
    if split:
        rows = torch.arange(count) % len(split)
        labels = split.labels[rows]
        skin_tones = skin_tone or detect_skin_tones(split.images)[rows]
    elif has_traits:
        names = labels_from_names(punk_type, accessory or [], allow_impossible=allow_impossible)
        labels = names.expand(count, -1)
    # Generate the punks and write them.
    torch_device, _ = pick_device(device)
    if is_renderer:
        images = _render(folder, labels, skin_tones, torch_device)
    else:
        images = _sample(folder, labels, count, seed, torch_device)
    chosen: dict[str, object] = {
        "type": punk_type,
        "accessories": accessory,
        "skin_tone": skin_tone,
        "labels_from": labels_from,
    }
    metadata = {"model": str(folder), "seed": seed, **{k: v for k, v in chosen.items() if v}}
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
        conditional: Whether "bundled" stands for the bundled renderer.

    Raises:
        UsageError: There is no such run.
    """
    if model == BUNDLED_NAME and not conditional:
        from punkmodels.gan.config import BUNDLED_DCGAN

        return BUNDLED_DCGAN
    if model in BUNDLED_NAMES:
        return resolve_renderer(BUNDLED_CONDITIONAL_NAME, runs)
    return find_run(runs, model, trained=True, tasks=("dcgan", "renderer"))


def resolve_renderer(model: str, runs: Path) -> Path:
    """Return the folder of a renderer's run or exported weights, or of the bundled renderer.

    Raises UsageError if there is no such run.
    """
    from punkmodels.renderer.pretrained import BUNDLED_RENDERER

    if model == BUNDLED_CONDITIONAL_NAME:
        return BUNDLED_RENDERER
    return find_run(runs, model, trained=True, tasks=("renderer",))


def _check_type_only(gan: Path, has_more: bool) -> None:
    """Raise UsageError unless a GAN is conditioned on the type, and nothing more is chosen."""
    from punkmodels.gan.config import read_dcgan_config

    if read_dcgan_config(gan).options.conditional == "none":
        raise UsageError(
            f"{gan} is unconditional",
            hint="use --model bundled-conditional to choose a type or accessories, or train a "
            "renderer with: punkmodels train renderer",
        )
    if has_more:
        raise UsageError(
            f"{gan} is conditioned on the type only", hint="leave out --accessory and --skin-tone"
        )


def _render(
    renderer: Path,
    labels: torch.Tensor | None,
    skin_tones: torch.Tensor | int | None,
    device: torch.device,
) -> torch.Tensor:
    """Return sprites with these labels, (N, 92), as palette indices, uint8 (N, 24, 24)."""
    from punkmodels.renderer.conditions import conditions_from_labels
    from punkmodels.renderer.pretrained import load_renderer

    if labels is None:
        raise UsageError(f"{renderer} is conditional", hint="add --type or --labels-from")
    condition = conditions_from_labels(labels, skin_tones)
    images: torch.Tensor = load_renderer(renderer, device)(condition.to(device))
    return images.cpu()


def _sample(
    gan: Path, labels: torch.Tensor | None, count: int, seed: int, device: torch.device
) -> torch.Tensor:
    """Return images of a GAN, see `generate_sprites`; `labels` are (count, 92)."""
    from punkdata.traits import TYPES
    from punkmodels.gan.config import load_generator, read_dcgan_config
    from punkmodels.gan.generate import generate_sprites

    config = read_dcgan_config(gan).options
    if config.conditional != "none" and labels is None:
        raise UsageError(f"{gan} is conditional", hint="add --type or --labels-from")
    condition = None if labels is None else labels[:, : len(TYPES)].float()
    with progress_bar("generating", "punks") as progress:
        images, _ = generate_sprites(
            load_generator(gan, device),
            count,
            seed,
            progress,
            condition=condition,
            keep_raw=False,
            is_punks=config.trains_on_punks,
        )
    return images


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
