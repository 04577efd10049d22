"""Trained classifiers: their config.json, their weights, and the bundled feature extractor.

The features of a sprite, for metrics of generators, are the 128 hidden units of a small classifier
(`train classifier --model features`), trained on the default training split. Metrics are comparable
only if they use the same network, so it is part of the package and verified by its hash.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.classifier.classifier import Classifier, build_model
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.networks import PunkCNN
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
BUNDLED_FEATURES = BUNDLED_CLASSIFIER.with_name("features")
SHA256 = "2ff71d3967ba84d6403e013860e309d1cdc3b2b2a5977450a548c536936e5599"
"""SHA-256 of the weights file; metrics of another network are not comparable."""
RMS = 7.1443
"""Root mean square of the hidden units over the 8,000 training punks."""


class TrainingStatus(BaseModel):
    """The section `trained` in the config.json of exported weights."""

    epochs: int = 0
    finished: bool = False


class SavedClassifier(SavedRun):
    """The config.json of a classifier's run or exported weights."""

    task: Literal["classifier"]
    options: ClassifierConfig
    trained: TrainingStatus = TrainingStatus()


def read_classifier_config(run: Path) -> SavedClassifier:
    return read_run_config(run, SavedClassifier, "classifier")


def load_classifier(run: Path, device: torch.device) -> Classifier:
    """Load the weights of a run's best epoch, or exported weights, in evaluation mode.

    Raises DataError if there are none, they are damaged, or they belong to another model.
    """
    config = read_classifier_config(run).options
    tensors = load_weights(run, "best")
    pairs = tensors.get("pairs", torch.empty(0))
    is_table = pairs.shape == (NUM_PIXELS, len(PALETTE)) and pairs.dtype == torch.int16
    if not is_table or (pairs < 0).any():
        raise DataError(f"the weights of '{run}' have no valid table of colors per position")
    groups = tensors.get("network.groups")
    if groups is not None:
        is_valid = groups.shape == (int(pairs.max()) + 1,) and groups.dtype == torch.int16
        if not is_valid or (groups < 0).any():
            raise DataError(f"the weights of '{run}' have no valid groups of pixels")
    model = build_model(config, pairs, groups=groups)
    restore_model(run, model, tensors)
    if not model.temperature > 0:
        raise DataError(f"the weights of '{run}' have an invalid temperature ({model.temperature})")
    return model.eval().to(device)


def export_classifier(run: Path, out: Path) -> None:
    """Write weights in half precision and config.json; raises DataError as `load_classifier`."""
    if (run / WEIGHTS_FILE).exists():
        trained = read_classifier_config(run).trained
    else:
        state = load_checkpoint(run)
        trained = TrainingStatus(epochs=state["epoch"], finished=state["finished"])
    model = load_classifier(run, torch.device("cpu"))
    export_model(run, model, trained.model_dump(), out)


@cache
def load_feature_extractor(device: torch.device, folder: Path = BUNDLED_FEATURES) -> Classifier:
    """Load the feature extractor once per device; raises DataError if its hash differs."""
    path = folder / WEIGHTS_FILE
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise DataError(f"'{path}' is not the feature extractor of punkmodels", hint="reinstall it")
    return load_classifier(folder, device)


def embed(indices: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return the features of palette indices, uint8 (N, 24, 24), computed on a device.

    They are non-negative float32 (N, 128) on the CPU, scaled to a root mean square of 1 over the
    training split.
    """
    network = load_feature_extractor(device).network
    assert isinstance(network, PunkCNN)
    batches = torch.split(indices, 1000)
    with torch.inference_mode():
        features = [network.extract_features(batch.to(device)).cpu() for batch in batches]
    return torch.cat(features) / RMS
