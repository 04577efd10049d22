"""The classifier: a sprite to 92 logits, and logits to labels.

Accessories are told by one or two pixels at fixed places. So two convolutions see every
pixel before anything is pooled, the map is flattened and never averaged over positions,
and a linear layer looks at the pixels beside it.
"""

from __future__ import annotations

import torch
from torch import nn

from punkdata.palette import PALETTE, palette_indices
from punkdata.traits import LABELS, TYPES


class PunkCNN(nn.Module):
    """Palette indices, integers (N, 24, 24), to logits float32 (N, 92) in the order of `LABELS`.

    Args:
        code: size of the learnt code of a colour. Neighbouring browns differ by a few
            steps of RGB, but one is a beard and the other skin: a code sets them apart.
        width: channels of the first two convolutions; the third has twice as many.
        hidden: units of the fully connected layer.
        dropout: share of hidden units dropped in training.
        prior: float (92,), how often each label occurs in training. The last bias starts
            at its logit, so that the first steps do not go into learning that labels are rare.
    """

    def __init__(
        self,
        code: int = 16,
        width: int = 32,
        hidden: int = 256,
        dropout: float = 0.2,
        prior: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.code = nn.Embedding(len(PALETTE), code)
        self.features = nn.Sequential(
            nn.Conv2d(code, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * 6 * 6, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(hidden, len(LABELS))
        self.skip = nn.Linear(code * 24 * 24, len(LABELS), bias=False)
        nn.init.zeros_(self.skip.weight)
        if prior is not None:
            with torch.no_grad():
                self.head.bias.copy_(prior.clamp(1e-4, 1 - 1e-4).logit())

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self.code(indices.int()).permute(0, 3, 1, 2)
        logits: torch.Tensor = self.head(self.features(pixels)) + self.skip(pixels.flatten(1))
        return logits


def to_indices(images: torch.Tensor) -> torch.Tensor:
    """What `PunkCNN` reads, uint8 (N, 24, 24), of uint8 RGBA (N, 4, 24, 24) on the CPU."""
    return torch.from_numpy(palette_indices(images.movedim(1, -1).numpy()))


def decide(logits: torch.Tensor) -> torch.Tensor:
    """bool (N, 92): the likeliest type, and every accessory more likely than not."""
    chosen = logits > 0
    types = logits[:, : len(TYPES)].argmax(dim=1)
    chosen[:, : len(TYPES)] = nn.functional.one_hot(types, len(TYPES)).bool()
    return chosen
