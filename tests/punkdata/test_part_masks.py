from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.layered_punks import LayeredPunks

from punkdata import ACCESSORIES, LABELS, TYPES, PunkDataset
from punkdata.errors import DataError, UsageError
from punkdata.schema import NO_LABEL
from punkdata.traits import decode_labels


def test_masks_are_the_layers_that_a_punk_was_composed_of(
    layered_root: Path, layered: LayeredPunks
) -> None:
    punks = PunkDataset(layered_root, split="test")
    assert len(punks) > 50
    assert punks.masks.shape == (len(punks), 24, 24)
    assert punks.masks.dtype == torch.uint8
    for labels, mask in zip(punks.labels.numpy(), punks.masks.flatten(1).numpy(), strict=True):
        punk_type, accessories = decode_labels(labels)
        body, truth = int(punk_type == "Female"), np.full(576, TYPES.index(punk_type))
        for accessory in layered.z_order[body]:
            if ACCESSORIES[accessory] in accessories:
                truth[layered.sprites[body, accessory] >= 0] = len(TYPES) + accessory
        truth[mask == TYPES.index(punk_type)] = TYPES.index(punk_type)  # the pixel of the skin
        assert (mask == truth).all()
        assert (mask == TYPES.index(punk_type)).any()


def test_a_punk_without_an_accessory_changes_only_where_its_mask_is(layered_root: Path) -> None:
    punks = PunkDataset(layered_root, split="val")
    num_changed = 0
    for i in range(len(punks)):
        names = punks.names(punks.labels[i])
        for name in names[1:]:
            without = punks.without(i, name.lower())
            is_changed = (without != punks[i][0]).any(dim=0)
            assert (punks.masks[i][is_changed] == LABELS.index(name)).all()
            num_changed += int(is_changed.any())
        bare = punks.without(i, *names[1:])
        assert len(bare.flatten(1).unique(dim=1).T) <= 2, "a face and the pixel of the skin"
    assert num_changed > 100


def test_items_have_masks_that_are_as_large_as_the_images(layered_root: Path) -> None:
    punks = PunkDataset(layered_root, split="val", masks=True, scale=2, as_rgb=True)
    image, labels, mask = punks[3]
    assert image.shape == (3, 48, 48)
    assert labels.shape == (92,)
    assert torch.equal(mask[::2, ::2], punks.masks[3])
    mask[:] = 0
    assert torch.equal(punks[3][2][1::2, 1::2], punks.masks[3]), "items are copies"
    name = punks.names(labels)[1]
    assert punks.without(3, name).shape == image.shape


def test_transparent_pixels_belong_to_no_label(layered_root: Path) -> None:
    everyone = PunkDataset(layered_root, split="all")
    is_transparent = everyone.data[:, 3] == 0
    assert torch.equal(everyone.masks == NO_LABEL, is_transparent)


def test_an_accessory_that_the_punk_lacks_cannot_be_removed(layered_root: Path) -> None:
    punks = PunkDataset(layered_root, split="all")
    with pytest.raises(UsageError, match="punk 0 has no accessory 'Beanie'"):
        punks.without(0, "Beanie")
    with pytest.raises(UsageError, match="punk 0 has no accessory 'Hat'"):
        punks.without(0, "Hat")
    with pytest.raises(IndexError):
        punks.without(len(punks), "Beanie")


def test_too_few_punks_have_no_masks(built_root: Path) -> None:
    with pytest.raises(DataError, match="the 60 punks .* do not determine which accessory paints"):
        PunkDataset(built_root, masks=True)
