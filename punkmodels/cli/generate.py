"""The commands `punkmodels generate` and `punkmodels predict`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.errors import DataError, ImageError, UsageError
from punkdata.progress import progress_bar
from punkmodels.cli.options import DeviceOption, Runs, find_model
from punkmodels.training.run_dir import DEFAULT_RUNS, read_config

if TYPE_CHECKING:
    import torch

EXAMPLES = (
    "Example: punkmodels generate --count 64 --out grid.png\n\n"
    'With chosen traits: punkmodels generate --type Zombie --accessory "3D Glasses" --accessory '
    "Pipe\n\n"
    "Single files: punkmodels generate --count 10000 --out generated"
)
MAX_GRID_PIXELS = 10**8


def generate(
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**6,
            help="Number of punks. (default: 64; 4 with --type; all those of --labels-from)",
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
        typer.Option(help="Accessory, such as Pipe; can be repeated. (default: none)"),
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
            help='A run (its path, its number, or "latest"), a folder of exported weights, or a '
            'model that is part of punkmodels: "bundled", or "bundled-conditional", which is also '
            "used for --type, --accessory, --skin-tone and --labels-from."
        ),
    ] = "bundled",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Generate new punks, at random or with chosen traits."""
    from punkdata.images.sprite import SIDE_PX
    from punkdata.traits import TYPES
    from punkmodels.gan.generate import (
        generate_images,
        load_generator,
        read_dcgan_config,
        write_grid,
        write_sprites,
    )
    from punkmodels.renderer.network import conditions_from_labels, load_renderer
    from punkmodels.training.device import pick_device

    names = ("type", "accessories", "skin_tone", "labels_from")
    values = (punk_type, accessory, skin_tone, labels_from)
    traits: dict[str, Any] = {n: v for n, v in zip(names, values, strict=True) if v}
    is_grid = _is_grid(out)
    if traits and model == "bundled":
        model = "bundled-conditional"
    folder = find_model(model, runs, "dcgan", "renderer")
    is_renderer = read_config(folder).get("task") == "renderer"
    gan = None if is_renderer else read_dcgan_config(folder).options
    _check_traits(folder, gan.conditional if gan else "labels", traits)
    labels, skin_tones = None, None
    if traits:
        labels, skin_tones = _choose_labels(traits, count, root, allow_impossible)
    count = count or (64 if labels is None else len(labels))
    if is_grid and count * (SIDE_PX * scale) ** 2 > MAX_GRID_PIXELS:
        raise UsageError(
            f"a grid of {count:,} punks would be too large",
            hint="name a folder with --out, or use a smaller --count or --scale",
        )
    torch_device, _ = pick_device(device)
    if gan is None:
        assert labels is not None  # `_check_traits` has checked it.
        condition = conditions_from_labels(labels, skin_tones).to(torch_device)
        images = load_renderer(folder, torch_device)(condition).cpu()
    else:
        types = None if labels is None else labels[:, : len(TYPES)].float()
        generator = load_generator(folder, torch_device)
        with progress_bar("generating", "punks") as progress:
            images = generate_images(
                generator, count, seed, progress, condition=types, is_punks=not gan.image_dir
            )
    metadata = {"model": str(folder), "seed": seed, **traits}
    if is_grid:
        write_grid(images, out, scale)
    else:
        write_sprites(images, out, metadata)
    if as_json:
        console.emit_json({"path": str(out), "count": count, **metadata})
    else:
        console.emit(str(out))


def _is_grid(out: Path) -> bool:
    """Return whether --out is a PNG file; raise UsageError unless it is that or an empty folder."""
    is_grid = out.suffix.lower() == ".png"
    if out.suffix and not is_grid:
        raise UsageError(
            f"{out} is not a .png file", hint="name a .png file for a grid, or a folder"
        )
    if not is_grid and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"the folder {out} is not empty", hint="choose another one with --out")
    return is_grid


def _check_traits(model: Path, conditional: str, traits: dict[str, Any]) -> None:
    """Raise UsageError if a model needs traits, or does not support those that were chosen."""
    if conditional == "none" and traits:
        raise UsageError(
            f"{model} is unconditional",
            hint="use --model bundled-conditional to choose a type or accessories, or train a "
            "renderer with: punkmodels train renderer",
        )
    if conditional != "none" and not traits:
        raise UsageError(f"{model} is conditional", hint="add --type or --labels-from")
    if conditional == "type" and traits.keys() & {"accessories", "skin_tone"}:
        raise UsageError(
            f"{model} is conditioned on the type only", hint="leave out --accessory and --skin-tone"
        )
    if "labels_from" in traits and traits.keys() & {"type", "accessories"}:
        raise UsageError(
            "--labels-from already sets type and accessories",
            hint="remove --type and --accessory, or --labels-from",
        )


def _choose_labels(
    traits: dict[str, Any], count: int | None, root: Path, allow_impossible: bool
) -> tuple[torch.Tensor, torch.Tensor | int | None]:
    """Return the labels of --labels-from or of the named traits, (N, 92), and their skin tones."""
    import torch

    from punkmodels.data.palette import detect_skin_tones
    from punkmodels.data.splits import SplitName, load_split
    from punkmodels.renderer.network import labels_from_names

    skin_tone = traits.get("skin_tone")
    if "labels_from" not in traits:
        names = traits.get("type"), traits.get("accessories", [])
        labels = labels_from_names(*names, allow_impossible=allow_impossible)
        return labels.expand(count or 4, -1), skin_tone
    version, _, name = traits["labels_from"].rpartition(":")
    if not version or name not in get_args(SplitName):
        raise UsageError(
            f"--labels-from {traits['labels_from']} does not name a snapshot and a split",
            hint="choose train, val, test or all, for example latest:test",
        )
    split = load_split(root, version, "default", cast("SplitName", name))
    rows = torch.arange(count or len(split)) % len(split)
    return split.labels[rows], skin_tone or detect_skin_tones(split.images[rows])


PREDICT_EXAMPLES = "Example: punkmodels predict punk.png --json"


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            metavar="IMAGE",
            help="PNG, JPEG, WebP, AVIF or on-chain SVG files with one punk each, at 24x24 pixels "
            "or enlarged, or folders of such files.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help='A run (its path, its number, or "latest"), a folder of exported weights, or '
            '"bundled" for the classifier that is part of punkmodels.'
        ),
    ] = "bundled",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Predict the type and accessories of punks in image files."""
    from punkmodels.classifier.evaluate import find_images, predict_image
    from punkmodels.classifier.pretrained import load_classifier
    from punkmodels.training.device import pick_device

    run = find_model(model, runs, "classifier")
    classifier = load_classifier(run, pick_device(device)[0])
    files = find_images(images)
    if not files:
        raise UsageError(
            f"{images[0]} contains no images",
            hint="pass PNG, JPEG, WebP, AVIF or SVG files, or folders of such files",
        )
    predictions, errors = [], []
    for file in files:
        try:
            result = predict_image(classifier, file)
        except ImageError as error:
            errors.append(error)
            continue
        predictions.append(asdict(result))
        if not as_json:
            names = (result.type, *result.accessories)
            labels = ", ".join(f"{name} {result.scores[name]:.2f}" for name in names)
            console.emit(f"{result.path}: {labels}")
    if as_json:
        console.emit_json(predictions)
    if len(errors) == 1:
        raise errors[0]
    for refused in errors:
        console.say(str(refused))
    if errors:
        raise DataError(f"{len(errors)} of {len(files)} images could not be classified")
