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
from punkmodels.classifier.config import load_classifier
from punkmodels.classifier.networks import Classifier, PunkCNN
from punkmodels.training.pretrained import WEIGHTS_FILE

BUNDLED_FEATURES = Path(__file__).parents[1] / "weights" / "features"
SHA256 = "2ff71d3967ba84d6403e013860e309d1cdc3b2b2a5977450a548c536936e5599"
"""SHA-256 of the weights file; metrics of another network are not comparable."""
RMS = 7.1443
"""Root mean square of the hidden units over the 8,000 training punks."""
BATCH_SIZE = 1000


@cache
def load_feature_extractor(device: torch.device, folder: Path = BUNDLED_FEATURES) -> Classifier:
    """Load the bundled feature extractor, once per device.

    Raises:
        DataError: The weights file is missing or has another hash.
    """
    path = folder / WEIGHTS_FILE
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    if digest != SHA256:
        raise DataError(
            f"{path} is not the feature extractor of punkmodels (its SHA-256 is {digest[:12]}…)",
            hint="reinstall punkdata",
        )
    return load_classifier(folder, device)


def embed(indices: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Compute the features of sprites.

    Args:
        indices: Palette indices, uint8 (N, 24, 24).
        device: The device to compute on.

    Returns:
        Non-negative float32 (N, 128) on the CPU, scaled to a root mean square of 1 over the
        training split.

    Raises:
        DataError: See `load_feature_extractor`.
    """
    network = load_feature_extractor(device).network
    assert isinstance(network, PunkCNN)
    batches = torch.split(indices, BATCH_SIZE)
    with torch.inference_mode():
        features = [network.extract_features(batch.to(device)).cpu() for batch in batches]
    return torch.cat(features) / RMS
