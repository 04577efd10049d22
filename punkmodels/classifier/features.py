"""Feature extractor for metrics of generators: 128 numbers that describe a sprite.

The features are the hidden units of a small classifier (`punkmodels train classifier --model
features`), trained on the training split of the default scheme. Metrics are comparable only if
they use the same network, so it is part of the package and verified by its hash.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import torch

from punkdata.errors import DataError
from punkmodels.classifier.networks import Classifier, PunkCNN
from punkmodels.classifier.pretrained import load_classifier
from punkmodels.training.pretrained import WEIGHTS_FILE

BUNDLED_FEATURES = Path(__file__).parents[1] / "weights" / "features"
SHA256 = "2ff71d3967ba84d6403e013860e309d1cdc3b2b2a5977450a548c536936e5599"
"""SHA-256 of the weights file; metrics of another network are not comparable."""
RMS = 7.1443
"""Root mean square of the hidden units over the 8,000 training punks."""


@cache
def load_feature_extractor(device: torch.device, folder: Path = BUNDLED_FEATURES) -> Classifier:
    """Load the bundled feature extractor, once per device.

    Raises DataError if the weights file is missing or has another hash.
    """
    path = folder / WEIGHTS_FILE
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise DataError(f"{path} is not the feature extractor of punkmodels", hint="reinstall it")
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
