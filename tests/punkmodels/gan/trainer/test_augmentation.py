from __future__ import annotations

import torch
from torch import nn

from punkmodels.data.palette import color_table, to_rgba
from punkmodels.gan.trainer.augmentation import augment
from punkmodels.training.legacy_distributed import RandomStream


def stream() -> RandomStream:
    return RandomStream(torch.Generator().manual_seed(0))


def test_translation_moves_whole_pixels_and_fills_with_transparent() -> None:
    generator = torch.Generator().manual_seed(0)
    indices = torch.randint(0, 9, (40, 24, 24), generator=generator).to(torch.uint8)
    images = to_rgba(indices, color_table())
    translated = augment(images, stream(), translate_px=2, cutout_px=0)
    offsets = set()
    padded = nn.functional.pad(images, (2, 2, 2, 2), value=-1)
    for image, source in zip(translated, padded, strict=True):
        matches = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.allclose(image, source[:, y : y + 24, x : x + 24], atol=1e-6)
        ]
        assert len(matches) == 1
        offsets.add(matches[0])
    assert len(offsets) > 12


def test_cutout_is_one_square_in_all_channels() -> None:
    images = torch.ones(60, 4, 24, 24)
    cut = augment(images, stream(), translate_px=0, cutout_px=6)
    num_missing = (cut[:, 0] == -1).flatten(1).sum(dim=1)
    assert (cut == -1).eq((cut == -1)[:, :1]).all()
    assert num_missing.max() == 36
    assert num_missing.min() >= 1


def test_no_augmentation_returns_the_images() -> None:
    images = torch.rand(3, 4, 24, 24)
    assert torch.equal(augment(images, stream(), translate_px=0, cutout_px=0), images)
