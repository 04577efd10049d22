"""A small vision transformer, trained on RGB pictures of punks: a baseline of PunkBench."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from punkdata.images.sprite import SIDE_PX
from punkdata.traits import LABELS
from punkmodels.bench.corruptions import flatten

PATCH_PX = 4
DIM, DEPTH, HEADS = 64, 3, 4
EPOCHS, BATCH_SIZE, PEAK_LR, WEIGHT_DECAY = 20, 128, 2e-3, 0.05


class VisionTransformer(nn.Module):
    """Pre-norm transformer on 36 patches of 4x4 pixels and a class token.

    It follows Dosovitskiy et al., "An Image Is Worth 16x16 Words" (2020), with learned positions,
    and maps pictures, float32 (N, 3, 24, 24) in [0, 1], to logits (N, 92).
    """

    def __init__(self) -> None:
        super().__init__()
        num_patches = (SIDE_PX // PATCH_PX) ** 2
        self.embed = nn.Conv2d(3, DIM, PATCH_PX, stride=PATCH_PX)
        self.token = nn.Parameter(torch.zeros(1, 1, DIM))
        self.positions = nn.Parameter(torch.randn(1, num_patches + 1, DIM) * 0.02)
        layer = nn.TransformerEncoderLayer(
            DIM, HEADS, 4 * DIM, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, DEPTH, nn.LayerNorm(DIM), False)
        self.head = nn.Linear(DIM, len(LABELS))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        patches = self.embed(pictures).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(patches), -1, -1), patches], dim=1)
        logits: torch.Tensor = self.head(self.blocks(tokens + self.positions)[:, 0])
        return logits


def to_floats(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Return RGB or RGBA pictures, uint8 (N, 24, 24, C), as float32 (N, 3, 24, 24) in [0, 1]."""
    rgb = flatten(pictures) if pictures.shape[-1] == 4 else pictures
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2) / 255


def train(sprites: NDArray[np.uint8], labels: NDArray[np.bool_], seed: int) -> VisionTransformer:
    """Train on RGBA sprites, (N, 24, 24, 4), and labels (N, 92) with AdamW and one cycle."""
    torch.manual_seed(seed)
    model, pictures = VisionTransformer(), to_floats(sprites)
    targets = torch.from_numpy(labels).float()
    with torch.no_grad():
        model.head.bias.copy_(targets.mean(dim=0).clamp(1e-4, 1 - 1e-4).logit())
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_LR, weight_decay=WEIGHT_DECAY)
    num_steps = EPOCHS * -(-len(pictures) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, total_steps=num_steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pictures)).split(BATCH_SIZE):
            loss = F.binary_cross_entropy_with_logits(model(pictures[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def load_or_train(
    path: Path, sprites: NDArray[np.uint8], labels: NDArray[np.bool_], seed: int
) -> VisionTransformer:
    """Load the weights in a file, or train and save them there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = train(sprites, labels, seed).state_dict()
        partial = path.with_suffix(".partial")
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, partial)
        partial.rename(path)
    model = VisionTransformer()
    model.load_state_dict(load_file(path))
    return model.eval()


@torch.inference_mode()
def predict(model: VisionTransformer, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return logits of RGB or RGBA pictures, float32 (N, 92)."""
    batches = to_floats(pictures).split(500)
    return torch.cat([model(batch) for batch in batches]).numpy()
