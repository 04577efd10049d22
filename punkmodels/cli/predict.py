"""The command `punkmodels predict`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import Json
from punkdata.errors import DataError, ImageError, UsageError
from punkmodels.cli.options import DeviceOption, Runs
from punkmodels.runs import load_torch
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    from punkmodels.classifier.classifier import Classifier
    from punkmodels.classifier.prediction import Prediction

EXAMPLES = "Example: punkmodels predict punk.png --json"
BATCH_SIZE = 100  # files that are read before their predictions are printed


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            metavar="IMAGE",
            help="PNG, JPEG, WebP, AVIF or on-chain SVG files, or folders of such files. They show "
            "a punk at 24x24 pixels or enlarged, or several punks.",
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

    The punks in a picture of several, for example a screenshot, are listed row by row, each with
    its width, height, and distance from the left and upper edge in pixels: 144x144+37+91.

    Each image is compared with a drawing of the punk with the predicted labels. It is "verified" if
    all pixels are equal; otherwise, the number of different pixels is printed, and where they are.
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
    for result in _predict(classifier, files):
        if isinstance(result, ImageError):
            errors.append(result)
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


def _predict(classifier: Classifier, files: list[Path]) -> Iterator[Prediction | ImageError]:
    """Yield a prediction for each file, or the error of one that cannot be classified."""
    from punkmodels.classifier.images import Sprite, read_sprites

    remaining = iter(files)
    while batch := list(islice(remaining, BATCH_SIZE)):
        images: list[Sprite | ImageError] = []
        for file in batch:
            try:
                images += read_sprites(file)[0]
            except ImageError as error:
                images.append(error)
        sprites = [image for image in images if isinstance(image, Sprite)]
        predictions = iter(classifier.predict_sprites(sprites))
        for image in images:
            yield image if isinstance(image, ImageError) else next(predictions)


def _describe(prediction: Prediction) -> str:
    """Return the labels with their scores, and whether the image is what they draw."""
    labels = ", ".join(f"{name} {prediction.scores[name]:.2f}" for name in prediction.labels)
    line = f"{prediction.path}{_describe_place(prediction)}: {labels}"
    if prediction.verified:
        return f"{line} (verified)"
    if not prediction.different_positions:
        return line
    from punkdata.images.sprite import SIDE_PX  # It loads numpy, which --help need not.

    count = f"{prediction.different_pixels} of {SIDE_PX**2} pixels"
    rows, columns = zip(*prediction.different_positions, strict=True)
    where = f"{_describe_range('row', rows)}, {_describe_range('column', columns)}"
    return f"{line} (differs from the punk with these labels in {count}: {where})"


def _describe_range(noun: str, numbers: tuple[int, ...]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{noun} {low}" if low == high else f"{noun}s {low} to {high}"


def _describe_place(prediction: Prediction) -> str:
    """Return the place of a punk in its picture as ImageMagick writes it: width, height, x, y."""
    if prediction.box is None:
        return ""
    left, top, right, bottom = prediction.box
    return f" {right - left}x{bottom - top}+{left}+{top}"


def _to_json(prediction: Prediction) -> dict[str, Any]:
    fields = asdict(prediction)
    scores = fields.pop("scores")  # The longest one is the last.
    return fields | {"verified": prediction.verified, "scores": scores}
