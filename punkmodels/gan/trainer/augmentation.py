"""Random augmentation of images before the discriminator."""

from __future__ import annotations

import torch

from punkmodels.training.legacy_distributed import RandomStream


def augment(
    images: torch.Tensor, random: RandomStream, *, translate_px: int = 2, cutout_px: int = 6
) -> torch.Tensor:
    """Translate images at random, cut a square hole into each, and fill gaps with transparency.

    Real and generated images are augmented alike, so that the discriminator cannot memorize the
    8,000 real ones (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training",
    2020). Colors are not changed and images are not flipped: both determine labels, so the
    generator would learn the augmented punks.

    Args:
        images: (N, C, size, size) in [-1, 1], where transparent pixels are -1 in all channels.
        random: Source of the offsets.
        translate_px: Maximum translation in pixels; 0 for none.
        cutout_px: Side of the hole in pixels; 0 for none.

    Returns:
        Images of the same shape, dtype and range.
    """
    if not translate_px and not cutout_px:
        return images
    n, _, size, _ = images.shape
    device = images.device
    position = torch.arange(size, device=device)
    shifted = images + 1  # Transparent pixels become 0.
    offsets = random.integers(-translate_px, translate_px + 1, n, 2, 1, 1).transpose(0, 1)
    # Products with zeros and ones are exact, and cheaper to differentiate than indexing.
    down, right = ((position[:, None] + offsets == position).to(images.dtype)[:, :, None]).unbind(0)
    translated = down @ shifted @ right.mT
    corner = random.integers(1 - cutout_px, size, n, 2, 1).transpose(0, 1)
    rows, columns = ((position >= corner) & (position < corner + cutout_px)).unbind(0)
    outside_hole = ~(rows[:, :, None] & columns[:, None])
    return translated * outside_hole[:, None] - 1
