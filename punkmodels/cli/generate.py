"""The commands `punkmodels generate` and `punkmodels predict`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.errors import DataError, ImageError, UsageError
from punkdata.files import shell_quote
from punkmodels.cli.options import DeviceOption, Runs, arguments_as_options
from punkmodels.runs import load_torch
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    from punkmodels.classifier.classifier import Prediction

EXAMPLES = (
    "Example: punkmodels generate --count 64 --out grid.png\n\n"
    'With chosen traits: punkmodels generate --type Zombie --accessory "3D Glasses" --accessory '
    "Pipe\n\n"
    "Single files: punkmodels generate --count 10000 --out generated"
)
ARGUMENTS = ("model", "type", "skin_tone", "count", "scale", "allow_impossible")
"""Arguments of the Python API that errors can name."""


def generate(
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**6,
            help="Number of punks. (default: 64; with --labels-from, one for each real punk; with "
            "--type, 4, or 1 if all would be equal)",
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
            help="Generate punks with the labels of the real punks of a snapshot and a split "
            "(train, val, test or all), for example latest:test. (default: off)",
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
            help='A run (its path, its number, or "latest"), a folder of exported weights, '
            'owner/name on the Hugging Face Hub, "bundled", or "bundled-conditional", which is '
            "also used for --type, --accessory, --skin-tone and --labels-from."
        ),
    ] = "bundled",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Generate new punks, at random or with chosen traits."""
    names = ("type", "accessories", "skin_tone", "labels_from")
    values = (punk_type, accessory, skin_tone, labels_from)
    traits: dict[str, Any] = {n: v for n, v in zip(names, values, strict=True) if v}
    is_grid = _is_grid(out)
    console.check_output(out, is_folder=not is_grid)
    if labels_from and (punk_type or accessory):
        raise UsageError(
            "--labels-from already sets type and accessories",
            hint="remove --type and --accessory, or --labels-from",
        )
    _check_accessories(traits.get("accessories", []))
    model = "bundled-conditional" if traits and model == "bundled" else model
    condition = {name: traits[name] for name in names[:3] if name in traits}
    from punkdata.images.sprite import SIDE_PX
    from punkmodels.conditions import check_condition
    from punkmodels.data.image_grid import check_grid_size
    from punkmodels.models import find_model
    from punkmodels.renderer.names import HUMAN_TYPES, find_traits, skin_tone_error

    with arguments_as_options(*ARGUMENTS, accessories="--accessory", labels="--labels-from"):
        if is_grid:
            check_grid_size(count or 1, SIDE_PX, scale)
        if punk_type or accessory:
            found, _ = find_traits(punk_type, accessory or [], allow_impossible=allow_impossible)
            if skin_tone and found not in HUMAN_TYPES:
                raise skin_tone_error()
        labels_source = _parse_labels_from(labels_from, root) if labels_from else None
        folder = find_model(model, runs, "dcgan", "renderer")
        check_condition(
            folder,
            has_type=bool(punk_type),
            has_accessories=bool(accessory),
            has_skin_tone=bool(skin_tone),
            has_labels=bool(labels_from),
        )
        load_torch()
        from punkmodels.data.image_files import write_grid, write_sprites
        from punkmodels.generator import load_generator

        if labels_source:
            condition = _read_labels(root, *labels_source) | condition
        generator = load_generator(folder, runs=runs, device=device)
        images = generator.generate(
            count, seed=seed, **condition, allow_impossible=allow_impossible, progress=True
        )
    metadata = {"model": str(generator.path), "seed": seed, **traits}
    if is_grid:
        write_grid(images, out, scale)
    else:
        write_sprites(images, out, metadata)
    if as_json:
        console.emit_json({"path": str(out), "count": len(images), **metadata})
    else:
        console.emit(str(out))
        noun = "punk" if len(images) == 1 else "punks"
        console.say(f"generated {len(images):,} {noun} with the model {model}")


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


def _check_accessories(names: list[str]) -> None:
    for name in names:
        if "," in name:
            parts = [part.strip() for part in name.split(",")]
            options = " ".join(f"--accessory {shell_quote(part)}" for part in parts)
            raise UsageError(
                f'there is no accessory "{name}"', hint=f"repeat the option for each: {options}"
            )


def _parse_labels_from(labels_from: str, root: Path) -> tuple[str, str]:
    """Return the version and the split that --labels-from names; check that they exist."""
    from punkdata.snapshots.reader import open_snapshot

    version, _, split = labels_from.rpartition(":")
    if not version or split not in ("train", "val", "test", "all"):
        raise UsageError(
            f"--labels-from {labels_from} does not name a snapshot and a split",
            hint="choose train, val, test or all, for example latest:test",
        )
    open_snapshot(root, version)
    return version, split


def _read_labels(root: Path, version: str, split: str) -> dict[str, Any]:
    """Return the labels and skin tones of the punks of a split."""
    from punkmodels.data.palette import detect_skin_tones
    from punkmodels.data.splits import load_split

    punks = load_split(root, version, "default", split)
    return {"labels": punks.labels, "skin_tone": detect_skin_tones(punks.images)}


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
            help='A run (its path, its number, or "latest"), a folder of exported weights, '
            'owner/name on the Hugging Face Hub, or "bundled" for the classifier that is part of '
            "punkmodels."
        ),
    ] = "bundled",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Predict the type and accessories of punks in image files.

    Each image is compared with a drawing of the punk with the predicted labels. If they differ, the
    number of different pixels is printed after the labels.
    """
    from punkmodels.data.find_images import find_images
    from punkmodels.models import find_model, load_classifier

    folder = find_model(model, runs, "classifier")
    files = find_images(images)
    if not files:
        raise UsageError(
            f"{images[0]} contains no images",
            hint="pass PNG, JPEG, WebP, AVIF or SVG files, or folders of such files",
        )
    load_torch()
    classifier = load_classifier(folder, device=device)
    predictions, errors = [], []
    for file in files:
        try:
            (result,) = classifier.predict([file])
        except ImageError as error:
            errors.append(error)
            continue
        predictions.append(result)
        if not as_json:
            console.emit(_describe(result))
    if as_json:
        console.emit_json([_to_json(result) for result in predictions])
    elif len(predictions) > 1 and (others := sum(bool(p.different_pixels) for p in predictions)):
        console.say(
            f"{others} of {len(predictions)} images differ from the punks with the predicted labels"
        )
    if len(errors) == 1:
        raise errors[0]
    for refused in errors:
        console.say(str(refused))
    if errors:
        raise DataError(f"{len(errors)} of {len(files)} images could not be classified")


def _describe(prediction: Prediction) -> str:
    """Return the labels with their scores, and whether the image is another one than they draw."""
    from punkdata.images.sprite import SIDE_PX  # It loads numpy, which --help need not.

    labels = ", ".join(f"{name} {prediction.scores[name]:.2f}" for name in prediction.labels)
    line = f"{prediction.path}: {labels}"
    if prediction.different_pixels:
        count = f"{prediction.different_pixels} of {SIDE_PX**2} pixels"
        line += f" (differs from the punk with these labels in {count})"
    return line


def _to_json(prediction: Prediction) -> dict[str, Any]:
    fields = asdict(prediction)
    scores = fields.pop("scores")  # The longest one is the last.
    return fields | {"verified": prediction.verified, "scores": scores}
