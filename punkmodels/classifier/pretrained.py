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


class _TrainingStatus(BaseModel):
    """The section `trained` of config.json, in a folder of exported weights."""

    epochs: int = 0
    finished: bool = False


class SavedClassifier(SavedRun):
    """The config.json of a classifier's run or exported weights."""

    task: Literal["classifier"]
    options: ClassifierConfig
    trained: _TrainingStatus = _TrainingStatus()
    """Training status of exported weights; defaults for a run."""


def read_classifier_config(run: Path) -> SavedClassifier:
    """Read and validate the config.json of a classifier.

    Raises:
        DataError: See `read_run_config`.
    """
    return read_run_config(run, SavedClassifier, "classifier")


def load_classifier(run: Path, device: torch.device) -> Classifier:
    """Load a trained classifier in evaluation mode: the averaged weights of the best epoch.

    Args:
        run: A run folder, or a folder of exported weights.
        device: The device to load to.

    Raises:
        DataError: The folder has no weights, they are damaged, or belong to another model.
    """
    config = read_classifier_config(run).options
    tensors = load_weights(run, "best")
    pairs = tensors.get("pairs")
    if pairs is None or not _is_pair_table(pairs):
        raise DataError(f"the weights of {run} have no valid table of colors per position")
    model = build_model(config, pairs)
    restore_model(run, model, tensors)
    if not model.temperature > 0:
        raise DataError(f"the weights of {run} have an invalid temperature ({model.temperature})")
    return model.eval().to(device)


def _is_pair_table(tensor: torch.Tensor) -> bool:
    is_int16_table = tensor.dtype == torch.int16 and tensor.shape == (NUM_PIXELS, len(PALETTE))
    return is_int16_table and bool((tensor >= 0).all())


def read_training_status(run: Path) -> tuple[int, bool]:
    """Return the number of completed epochs, and whether training is complete.

    Raises:
        DataError: See `load_classifier`.
    """
    if (run / WEIGHTS_FILE).exists():
        trained = read_classifier_config(run).trained
        return trained.epochs, trained.finished
    state = load_checkpoint(run)
    return state["epoch"], state["finished"]


def export_classifier(run: Path, out: Path) -> None:
    """Write the files that prediction needs: weights in half precision, and config.json.

    Raises:
        DataError: See `load_classifier`.
        StorageError: The disk is full or not writable.
    """
    epochs, finished = read_training_status(run)
    trained = {"epochs": epochs, "finished": finished}
    export_model(run, load_classifier(run, torch.device("cpu")), trained, out)
