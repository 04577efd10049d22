"""Trained classifiers: their config.json, and loading and exporting of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.networks import Classifier, build_model
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    SavedRun,
    export_model,
    load_weights,
    read_run_config,
    restore_model,
)

BUNDLED_CLASSIFIER = Path(__file__).parents[1] / "weights" / "classifier"
"""Folder of the weights that are part of the package."""


class TrainingStatus(BaseModel):
    """The section `trained` of config.json, in a folder of exported weights."""

    epochs: int = 0
    finished: bool = False


class SavedClassifier(SavedRun):
    """The config.json of a classifier's run or exported weights."""

    task: Literal["classifier"]
    options: ClassifierConfig
    trained: TrainingStatus = TrainingStatus()


def read_classifier_config(run: Path) -> SavedClassifier:
    """Read and validate the config.json of a classifier; raises as `read_run_config`."""
    return read_run_config(run, SavedClassifier, "classifier")


def load_classifier(run: Path, device: torch.device) -> Classifier:
    """Load the weights of a run's best epoch, or exported weights, in evaluation mode.

    Raises DataError if there are none, they are damaged, or they belong to another model.
    """
    config = read_classifier_config(run).options
    tensors = load_weights(run, "best")
    pairs = tensors.get("pairs")
    is_table = pairs is not None and pairs.shape == (NUM_PIXELS, len(PALETTE))
    if pairs is None or not is_table or pairs.dtype != torch.int16 or (pairs < 0).any():
        raise DataError(f"the weights of {run} have no valid table of colors per position")
    model = build_model(config, pairs)
    restore_model(run, model, tensors)
    if not model.temperature > 0:
        raise DataError(f"the weights of {run} have an invalid temperature ({model.temperature})")
    return model.eval().to(device)


def export_classifier(run: Path, out: Path) -> None:
    """Write the files that prediction needs: weights in half precision, and config.json.

    Raises DataError as `load_classifier` does, and StorageError if the disk is full or not
    writable.
    """
    if (run / WEIGHTS_FILE).exists():
        trained = read_classifier_config(run).trained
    else:
        state = load_checkpoint(run)
        trained = TrainingStatus(epochs=state["epoch"], finished=state["finished"])
    model = load_classifier(run, torch.device("cpu"))
    export_model(run, model, trained.model_dump(), out)
