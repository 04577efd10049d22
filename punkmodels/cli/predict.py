"""The command `punkmodels predict`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import Json
from punkdata.errors import DataError, ImageError, UsageError
from punkmodels.cli.options import DeviceOption, Runs, find_model
from punkmodels.training.run_dir import DEFAULT_RUNS

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
            help='A run (its path, its number, or "latest"), a folder of exported weights, or '
            '"bundled" for the classifier that is part of punkmodels.'
        ),
    ] = "bundled",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Predict the type and accessories of punks in image files."""
    from punkmodels.classifier.predict import find_images, predict_image
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
    if errors:
        for refused in errors:
            console.say(str(refused))
        raise DataError(f"{len(errors)} of {len(files)} images could not be classified")
