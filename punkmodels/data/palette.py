"""Sprites as palette indices, uint8 (N, 24, 24): conversions, statistics, and skin tones."""

import torch

from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX

NUM_PIXELS = SIDE_PX**2
SKIN_TONE_PIXEL = (23, 9)
"""Row and column of a neck pixel, whose color identifies the skin tone of Female and Male punks."""
SKIN_TONE_COLORS = ((113, 63, 29), (174, 139, 97), (219, 177, 128), (234, 217, 217))
"""RGB colors of the skin tones 1 (darkest) to 4 at `SKIN_TONE_PIXEL`."""


def color_table(device: torch.device | None = None, color_embedding_dim: int = 0) -> torch.Tensor:
    """Return the palette as RGBA, each color followed by a fixed random embedding.

    Some browns differ by only a few RGB steps, which a discriminator with a gradient penalty
    cannot tell apart; their random embeddings are far from each other. The result is float32
    (222, 4 + color_embedding_dim) in [-1, 1].
    """
    rgba = torch.tensor(PALETTE, dtype=torch.float32) / 127.5 - 1
    generator = torch.Generator().manual_seed(0)
    embeddings = 2 * torch.rand(len(PALETTE), color_embedding_dim, generator=generator) - 1
    embeddings[0] = -1  # Transparent is -1 in every channel.
    return torch.cat([rgba, embeddings], dim=1).to(device)


def color_counts(indices: torch.Tensor) -> torch.Tensor:
    """Count how often each color occurs at each position, int64 (576, 222)."""
    flat = indices.flatten(1).long()
    pairs = flat + torch.arange(flat.shape[1]) * len(PALETTE)
    counts = torch.bincount(pairs.flatten(), minlength=flat.shape[1] * len(PALETTE))
    return counts.view(flat.shape[1], len(PALETTE))


def build_pair_table(indices: torch.Tensor) -> torch.Tensor:
    """Number the pairs of position and color that occur from 1; 0 for others, int16 (576, 222)."""
    occurs = color_counts(indices.cpu()) > 0
    return (occurs.flatten().cumsum(0).view_as(occurs) * occurs).to(torch.int16)


def to_rgba(indices: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Look up palette indices in a `color_table`: (N, 4 + color_embedding_dim, 24, 24)."""
    return table[indices.int()].permute(0, 3, 1, 2)


def quantize(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nearest palette color of each pixel, and the distance to it, both (N, H, W).

    `images` are float32 (N, 4 or more, H, W) in [-1, 1], of which the first four channels count.
    Colors are palette indices, uint8; distances are those of the channel that differs most, float32
    in steps of 1/255.
    """
    table = color_table(images.device)
    indices, distances = [], []
    # Split into chunks, because each pixel needs 222 distances.
    for chunk in torch.split(images[:, :4].permute(0, 2, 3, 1).reshape(-1, 4), 1 << 16):
        nearest = torch.cdist(chunk, table, p=2).argmin(dim=1)
        indices.append(nearest.to(torch.uint8))
        distances.append((chunk - table[nearest]).abs().amax(dim=1) * 127.5)
    n, _, height, width = images.shape
    return torch.cat(indices).view(n, height, width), torch.cat(distances).view(n, height, width)


def to_indices(images: torch.Tensor) -> torch.Tensor:
    """Convert RGBA, uint8 (N, 4, 24, 24) on the CPU, to palette indices, uint8 (N, 24, 24)."""
    return torch.from_numpy(palette_indices(images.movedim(1, -1).numpy()))


def detect_skin_tones(indices: torch.Tensor) -> torch.Tensor:
    """Return skin tones, int64 (N,): 1 (darkest) to 4, or 0 for Aliens, Apes and Zombies."""
    row, column = SKIN_TONE_PIXEL
    necks = torch.tensor(PALETTE)[indices[:, row, column].cpu().long()]
    colors = torch.tensor([(*rgb, 255) for rgb in SKIN_TONE_COLORS])
    matches = (necks[:, None] == colors).all(dim=2)
    tones = torch.where(matches.any(dim=1), matches.int().argmax(dim=1) + 1, 0)
    return tones.to(indices.device)
