from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from support.layered_punks import SKINS, LayeredPunks

from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.traits import ACCESSORIES, LABELS, TYPES, check_traits, decode_labels
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.compositions import Composer, compose_punks, sample_outfits

PUNKS = LayeredPunks()


@pytest.fixture(scope="module")
def split() -> SplitTensors:
    """Synthetic punks that follow from their labels: one skin for each type, and no skin tones."""
    images, labels = PUNKS.generate(1200)
    first = np.array([SKINS[TYPES[row]][0] for row in labels[:, : len(TYPES)].argmax(axis=1)])
    rows = images[:, SKIN_PIXEL] == first
    tensor = torch.from_numpy(labels[rows]).float()
    sprites = torch.from_numpy(images[rows]).view(-1, 24, 24)
    ids = np.arange(len(sprites), dtype=np.int32)
    return SplitTensors(ids, sprites, tensor, tensor, True, "v", "hash", Path())


def test_outfits_are_legal_and_have_known_labels(split: SplitTensors) -> None:
    labels = split.labels.bool().numpy()
    outfits = sample_outfits(labels, 2000, np.random.default_rng(0))
    for row in outfits:
        check_traits(*decode_labels(row))
    assert np.array_equal(outfits.any(axis=0), labels.any(axis=0))
    assert len(np.unique(outfits, axis=0)) > 1000


def test_rare_types_are_more_frequent_in_outfits() -> None:
    labels = np.zeros((100, len(LABELS)), bool)
    labels[:98, TYPES.index("Male")] = True
    labels[98:, TYPES.index("Ape")] = True
    outfits = sample_outfits(labels, 4000, np.random.default_rng(0))
    share = outfits[:, TYPES.index("Ape")].mean()
    assert share == pytest.approx(0.5 * 0.02 + 0.5 / 2, abs=0.03)


def test_composed_punks_follow_from_their_labels(split: SplitTensors) -> None:
    composed = compose_punks(split, seed=0, count=100)
    assert composed is not None
    assert (composed.images.shape, composed.images.dtype) == ((100, 24, 24), torch.uint8)
    is_exact = []
    for image, row, tone in zip(
        composed.images, composed.labels.numpy(), composed.skin_tones.tolist(), strict=True
    ):
        punk_type, _ = decode_labels(row)
        assert (tone > 0) == (punk_type in ("Female", "Male"))
        if tone == 0:
            accessories = set((np.flatnonzero(row[len(TYPES) :])).tolist())
            expected = PUNKS.draw(punk_type, SKINS[punk_type][0], accessories)
            is_exact.append(np.array_equal(image.flatten().numpy(), expected))
    # The order of a few accessories that never overlap in the split is unknown.
    assert np.mean(is_exact) > 0.9


def test_seed_determines_the_composed_punks(split: SplitTensors) -> None:
    first, same, other = (compose_punks(split, seed, count=30) for seed in (0, 0, 1))
    assert first is not None
    assert same is not None
    assert other is not None
    assert torch.equal(first.images, same.images)
    assert torch.equal(first.skin_tones, same.skin_tones)
    assert not torch.equal(first.labels, other.labels)


def test_excluded_pairs_are_not_composed(split: SplitTensors) -> None:
    composer = Composer.fit(split)
    assert composer is not None
    everything = composer.compose(300, np.random.default_rng(0))
    counts = everything.labels[:, len(TYPES) :].T @ everything.labels[:, len(TYPES) :]
    first, second = divmod(int(counts.triu(1).argmax()), len(ACCESSORIES))
    pair = ACCESSORIES[first], ACCESSORIES[second]
    composed = composer.compose(300, np.random.default_rng(0), excluded_pairs=[pair])
    has_both = composed.labels[:, [len(TYPES) + first, len(TYPES) + second]].all(dim=1)
    assert not has_both.any()
    visible = composer.find_visible(composed)
    assert (visible <= composed.labels).all()
    assert torch.equal(visible[:, : len(TYPES)], composed.labels[:, : len(TYPES)])


def test_punks_that_no_layers_explain_are_not_composed(
    train: SplitTensors, split: SplitTensors
) -> None:
    assert compose_punks(train, seed=0) is None, "two pixels encode the id"
    images = split.images.clone()
    images[0, 23, 23] += 1
    assert compose_punks(dataclasses.replace(split, images=images), seed=0) is None
