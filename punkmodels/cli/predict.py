"""The command `punkmodels predict`."""

from __future__ import annotations

from dataclasses import asdict
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
    from punkmodels.classifier.classifier import Prediction

EXAMPLES = "Example: punkmodels predict punk.png --json"


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
