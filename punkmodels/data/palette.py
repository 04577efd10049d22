"""Colors of punks for networks: the palette as a table, and a last layer that chooses from it."""

from __future__ import annotations

import torch

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE, palette_indices

SPRITE_SIZE = 24


def color_table(device: torch.device | None = None, color_embedding_dim: int = 0) -> torch.Tensor:
    """float32 (222, 4 + code) in [-1, 1]: the palette, and a code of each color.

    The code are fixed random numbers. In RGB, browns differ by a few steps, which a discriminator
    with a gradient penalty must overlook; in the code any two colors are far apart.
    """
    rgba = torch.tensor(PALETTE, dtype=torch.float32) / 127.5 - 1
    codes = (
        2
        * torch.rand(len(PALETTE), color_embedding_dim, generator=torch.Generator().manual_seed(0))
        - 1
    )
    codes[0] = -1  # transparent is -1 throughout
    return torch.cat([rgba, codes], dim=1).to(device)


def color_counts(indices: torch.Tensor) -> torch.Tensor:
    """int64 (576, 222): how often each color stands at each place, of palette indices uint8
    (N, 24, 24).
    """
    flat = indices.flatten(1).long()
    cells = flat + torch.arange(flat.shape[1]) * len(PALETTE)
    counts = torch.bincount(cells.flatten(), minlength=flat.shape[1] * len(PALETTE))
    return counts.view(flat.shape[1], len(PALETTE))


def to_rgba(indices: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """float32 (N, 4 + code, 24, 24) in [-1, 1], of palette indices uint8 (N, 24, 24)."""
    return table[indices.int()].permute(0, 3, 1, 2)


def quantize(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest color of the palette for each pixel, and how far away it was.

    Args:
        images: float32 (N, 4, H, W) in [-1, 1]; further channels are not looked at.

    Returns:
        Palette indices uint8 (N, H, W); and float32 (N, H, W), the largest difference of a
        channel, in steps of 1/255.
    """
    table = color_table(images.device)
    found, distance = [], []
    for part in torch.split(images[:, :4].permute(0, 2, 3, 1).reshape(-1, 4), 1 << 16):
        difference = torch.cdist(part, table, p=2)
        nearest = difference.argmin(dim=1)
        found.append(nearest.to(torch.uint8))
        distance.append((part - table[nearest]).abs().amax(dim=1) * 127.5)
    n, _, height, width = images.shape
    return torch.cat(found).view(n, height, width), torch.cat(distance).view(n, height, width)


NUM_PIXELS = 24 * 24


def build_pair_table(indices: torch.Tensor) -> torch.Tensor:
    """`Classifier.pairs` of training images, uint8 (N, 24, 24).

    Raises:
        DataError: they are far more varied than punks.
    """
    flat = indices.flatten(1).long().cpu() + torch.arange(NUM_PIXELS) * len(PALETTE)
    seen = torch.unique(flat)
    if len(seen) > torch.iinfo(torch.int16).max:
        raise DataError(f"these images have {len(seen):,} pairs of place and color, too many")
    pairs = torch.zeros(NUM_PIXELS * len(PALETTE), dtype=torch.int16)
    pairs[seen] = torch.arange(1, len(seen) + 1, dtype=torch.int16)
    return pairs.reshape(NUM_PIXELS, len(PALETTE))


def to_indices(images: torch.Tensor) -> torch.Tensor:
    """What classifiers read, uint8 (N, 24, 24), of uint8 RGBA (N, 4, 24, 24) on the CPU."""
    return torch.from_numpy(palette_indices(images.movedim(1, -1).numpy()))
