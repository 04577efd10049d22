"""Comparison of sprites with the punks that the bundled renderer draws from their labels."""

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.images.palette import PALETTE
from punkmodels.data.palette import SKIN_TONE_COLORS
from punkmodels.renderer.network import conditions_from_labels, load_bundled_renderer

BATCH_SIZE = 500  # sprites that are compared at a time, which limits the memory


def count_different_pixels(sprites: NDArray[np.uint8], labels: torch.Tensor) -> NDArray[np.int64]:
    """Count the pixels in which sprites differ from the punks with these labels, int64 (N,).

    `sprites` are RGBA, uint8 (N, 24, 24, 4), in any colors; `labels` are (N, 92), 0 or 1, also of
    punks that cannot exist. Punks are drawn in each of the four skin tones, of which the one with
    the fewest different pixels counts. Fully transparent pixels are equal in any color.
    """
    batches = zip(
        np.split(sprites, range(BATCH_SIZE, len(sprites), BATCH_SIZE)),
        torch.split(labels.cpu(), BATCH_SIZE),
        strict=True,
    )
    return np.concatenate([_count_in_best_skin_tone(*batch) for batch in batches])


def _count_in_best_skin_tone(sprites: NDArray[np.uint8], labels: torch.Tensor) -> NDArray[np.int64]:
    num_tones = len(SKIN_TONE_COLORS)
    skin_tones = torch.arange(1, num_tones + 1, device=labels.device).repeat(len(labels))
    conditions = conditions_from_labels(labels.repeat_interleave(num_tones, dim=0), skin_tones)
    indices = load_bundled_renderer()(conditions).unflatten(0, (len(labels), num_tones))
    visible = np.where(sprites[..., 3:] > 0, sprites, 0)
    is_different = (PALETTE[indices.numpy()] != visible[:, None]).any(axis=-1)
    counts: NDArray[np.int64] = is_different.sum(axis=(2, 3)).min(axis=1)
    return counts
