"""Training images of a GAN: punks from a snapshot, or other small images from files.

Other images must be squares of one size, 8 to 64 pixels. No labels and no feature network are known
for them, so their features are the principal components of their pixels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import UsageError
from punkdata.traits import LABELS
from punkmodels.classifier.features import embed
from punkmodels.data.palette import quantize
from punkmodels.data.skin_tones import detect_skin_tones
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.image_dir import CHANNEL_NAMES, STANDARD_WHITES, read_images

MIN_SIZE_PX, MAX_SIZE_PX = 8, 64
"""Minimum and maximum side of images other than punks."""
MIN_IMAGES = 20
"""Minimum number of images to train on."""
NUM_COMPONENTS = 64
"""Number of principal components."""
MAX_PCA_IMAGES = 5_000
"""Maximum number of images from which the components are computed."""


@dataclass(frozen=True)
class TrainingImages:
    """Training images with their labels and features."""

    images: torch.Tensor
    """Punks as palette indices, uint8 (N, 24, 24); other images as uint8 (N, channels, size,
    size)."""
    labels: torch.Tensor
    """All labels, float32 (N, 92); all 0 for other images."""
    visible: torch.Tensor
    """Visible labels, float32 (N, 92); all 0 for other images."""
    skin_tones: torch.Tensor
    """Skin tones, int64 (N,), 1 to 4 or 0 for none; all 0 for other images."""
    description: str
    """Number, kind and origin of the images, for the log."""
    data_config: dict[str, Any]
    """Section `data` of config.json."""
    mean: torch.Tensor | None = None
    """Mean of the pixels, float32 (pixels,); None for punks."""
    basis: torch.Tensor | None = None
    """Principal components of the pixels, float32 (pixels, components); None for punks."""

    def __len__(self) -> int:
        return len(self.images)

    def to_images(self, generated: torch.Tensor) -> torch.Tensor:
        """Convert generated images to the format of `images`, on the CPU.

        Args:
            generated: float32 (N, channels, size, size) in [-1, 1].
        """
        if self.basis is None:
            return quantize(generated)[0].cpu()
        return to_pixels(generated)

    def embed(self, images: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Return features of images, float32 (N, D) on the CPU.

        The features are those of the bundled feature network for punks, and principal components
        for other images.

        Args:
            images: uint8, in the format of the attribute `images`.
            device: Device of the feature network.
        """
        if self.basis is None or self.mean is None:
            return embed(images, device)
        return (images.flatten(1).float() / 255 - self.mean) @ self.basis


def from_split(split: SplitTensors) -> TrainingImages:
    """Return the punks of a split as training images."""
    return TrainingImages(
        split.images,
        split.labels,
        split.visible,
        detect_skin_tones(split.images),
        f"{len(split):,} punks of {split.version}",
        split.data_config,
    )


def from_image_dir(path: Path) -> TrainingImages:
    """Read training images from a folder of image files, a .npz or a .npy.

    Raises:
        UsageError: There are too few images, or their sizes differ or are not supported.
        DataError: An image or the array is damaged.
    """
    array, white = read_images(path, MAX_SIZE_PX)
    pixels = torch.from_numpy(array)
    n, channels, height, width = pixels.shape
    if height != width or not MIN_SIZE_PX <= width <= MAX_SIZE_PX:
        raise UsageError(
            f"the images of {path} have {width}x{height} pixels; squares of {MIN_SIZE_PX} to "
            f"{MAX_SIZE_PX} pixels are supported",
            hint="crop or resize them first",
        )
    if n < MIN_IMAGES:
        raise UsageError(f"{path} contains too few images ({n}); at least {MIN_IMAGES} are needed")
    mean, basis = _principal_components(pixels)
    no_labels = torch.zeros(n, len(LABELS))
    scaling = "" if white in STANDARD_WHITES else f", scaled so that {white:g} is white"
    return TrainingImages(
        pixels,
        no_labels,
        no_labels,
        torch.zeros(n, dtype=torch.int64),
        f"{n:,} {CHANNEL_NAMES[channels]} images of {width}x{height} in {path}{scaling}",
        {
            "version": "images",
            "labels_hash": hashlib.sha256(pixels.numpy().tobytes()).hexdigest(),
            "punks": n,
            "image_dir": str(path.resolve()),
        },
        mean,
        basis,
    )


def to_pixels(generated: torch.Tensor) -> torch.Tensor:
    """Convert float32 in [-1, 1] to uint8 in 0 to 255, on the CPU."""
    return ((generated.float() + 1) * 127.5).round().clamp(0, 255).byte().cpu()


def to_signed(pixels: torch.Tensor) -> torch.Tensor:
    """Convert uint8 in 0 to 255 to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def _principal_components(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and principal components of images.

    Args:
        pixels: uint8 (N, channels, size, size).

    Returns:
        The mean, float32 (pixels,), and the components, float32 (pixels, components).
    """
    n = len(pixels)
    rows = torch.linspace(0, n - 1, min(n, MAX_PCA_IMAGES)).long()
    flat = pixels[rows].flatten(1).float() / 255
    mean = flat.mean(dim=0)
    count = min(NUM_COMPONENTS, len(flat) - 1, flat.shape[1])
    basis = torch.linalg.svd(flat - mean, full_matrices=False).Vh[:count].T.contiguous()
    return mean, basis
