"""What generators are measured with: 128 numbers that describe a sprite.

They are the hidden units of a small classifier (`punkmodels train classifier --model features`)
that was trained on the training part alone. One and the same network must be used wherever
figures are compared, so it ships with punkmodels and its file is known by its hash.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import torch

from punkdata.errors import DataError
from punkmodels.classifier.config import load_classifier
from punkmodels.classifier.networks import Classifier, PunkCNN
from punkmodels.training.pretrained import WEIGHTS_FILE

BUNDLED_FEATURES = Path(__file__).parents[1] / "weights" / "features"
SHA256 = "2ff71d3967ba84d6403e013860e309d1cdc3b2b2a5977450a548c536936e5599"
"""of the network's file; figures made with another cannot be compared"""
SCALE = 7.1443
"""root mean square of the hidden units over the 8,000 training punks"""
BATCH = 1000


@cache
def load_feature_extractor(device: torch.device) -> Classifier:
    """The network that ships with punkmodels.

    Raises:
        DataError: its file is missing or another one.
    """
    path = BUNDLED_FEATURES / WEIGHTS_FILE
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} is missing ({error.strerror})") from None
    if found != SHA256:
        raise DataError(f"{path} is not the network of punkmodels (SHA-256 {found[:12]}…)")
    return load_classifier(BUNDLED_FEATURES, device)


def embed(indices: torch.Tensor, device: torch.device) -> torch.Tensor:
    """float32 (N, 128) on the CPU, of palette indices uint8 (N, 24, 24).

    All are at least 0, and their root mean square over the training part is 1.

    Raises:
        DataError: as `feature_net`.
    """
    network = load_feature_extractor(device).network
    assert isinstance(network, PunkCNN)
    with torch.inference_mode():
        found = [network.describe(part.to(device)).cpu() for part in torch.split(indices, BATCH)]
    return torch.cat(found) / SCALE
