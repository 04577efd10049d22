from __future__ import annotations

import numpy as np
import pytest

from punkdata.analysis.layers import SKIN_PIXEL, recover_layers
from punkdata.errors import DataError
from punkdata.traits import ACCESSORIES, LABELS, TYPE_IDS, TYPES

NUM_PIXELS = 576
SKINS = (40, 41, 42)
SHADOW = {60: 160, 61: 161, 62: 162}
"""Colors of the shadow over the faces of the three skin tones."""


class SyntheticCollection:
    """Punks rendered from random layers: some are wide, some overlap, one is a shadow."""

    def __init__(self, seed: int = 0, num_accessories: int = 8) -> None:
        rng = np.random.default_rng(seed)
        self.z_order = rng.permutation(num_accessories)
        self.sprites = np.full((num_accessories, NUM_PIXELS), -1)
        for accessory in range(num_accessories):
            start, width = rng.integers(0, 100), rng.integers(1, 60)
            self.sprites[accessory, start : start + width] = 1 + accessory
        self.shadow = self.z_order[2]
        self.rng = rng

    def render(self, skin: int, has_accessory: np.ndarray) -> np.ndarray:
        pixels = np.full(NUM_PIXELS, 60 + skin)
        pixels[SKIN_PIXEL] = SKINS[skin]
        for accessory in self.z_order:
            if has_accessory[accessory]:
                is_covered = self.sprites[accessory] >= 0
                if accessory == self.shadow:
                    pixels[is_covered] = [SHADOW.get(c, c) for c in pixels[is_covered]]
                else:
                    pixels[is_covered] = self.sprites[accessory][is_covered]
        return pixels

    def generate(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images, labels, and which accessories can be removed without changing a pixel."""
        images = np.zeros((count, NUM_PIXELS), int)
        labels = np.zeros((count, len(LABELS)), bool)
        occluded = np.zeros((count, len(ACCESSORIES)), bool)
        for row in range(count):
            skin = self.rng.integers(len(SKINS))
            has_accessory = self.rng.random(len(self.z_order)) < 0.35
            images[row] = self.render(skin, has_accessory)
            labels[row, TYPE_IDS["Male"]] = True
            labels[row, len(TYPES) : len(TYPES) + len(has_accessory)] = has_accessory
            for accessory in np.flatnonzero(has_accessory):
                without = has_accessory.copy()
                without[accessory] = False
                occluded[row, accessory] = (self.render(skin, without) == images[row]).all()
        return images, labels, occluded


def male_labels(accessory_sets: list[tuple[int, ...]]) -> np.ndarray:
    labels = np.zeros((len(accessory_sets), len(LABELS)), bool)
    labels[:, TYPE_IDS["Male"]] = True
    for row, accessories in enumerate(accessory_sets):
        labels[row, [len(TYPES) + accessory for accessory in accessories]] = True
    return labels


@pytest.mark.parametrize("seed", range(6))
def test_recovery_reconstructs_images_and_finds_occlusion(seed: int) -> None:
    images, labels, occluded = SyntheticCollection(seed).generate(500)
    layers = recover_layers(images, labels)
    assert layers.is_exact.all()
    assert not layers.undecidable.any()
    assert (layers.occluded == occluded).all()
    assert occluded.any()


def test_male_and_female_bodies_are_recovered_separately() -> None:
    male_images, male, male_occluded = SyntheticCollection(1).generate(300)
    female_images, female, female_occluded = SyntheticCollection(2).generate(300)
    female[:, [TYPE_IDS["Male"], TYPE_IDS["Female"]]] = [False, True]
    layers = recover_layers(
        np.concatenate([male_images, female_images]), np.concatenate([male, female])
    )
    assert (layers.occluded == np.concatenate([male_occluded, female_occluded])).all()
    assert layers.male.z_order != layers.female.z_order


def test_recovery_without_a_pair_that_isolates_an_accessory() -> None:
    # On the second skin, one accessory changes pixel 5, but no two punks differ in it alone.
    labels = male_labels([(), (0,), (1,)])
    images = np.full((3, NUM_PIXELS), 7)
    images[:, SKIN_PIXEL] = [40, 41, 41]
    images[1, 5] = 9
    layers = recover_layers(images, labels)
    assert layers.is_exact.all()
    assert len(layers.male.pixels[5].overlays) == 1


def test_image_that_contradicts_another_is_not_exact() -> None:
    images = np.full((3, NUM_PIXELS), 7)
    images[2, 5] = 8  # The labels of all three are the same.
    assert recover_layers(images, male_labels([(), (), ()])).is_exact.tolist() == [
        True,
        True,
        False,
    ]


def test_cyclic_z_order_is_rejected() -> None:
    accessories = [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2)]
    labels = male_labels(accessories)
    images = np.full((7, NUM_PIXELS), 7)
    images[:, SKIN_PIXEL] = 40
    for row, present in enumerate(accessories):
        for accessory in present:
            images[row, 5] = 10 + accessory
    images[6, 5] = 10  # 0 is above 2, although 2 is above 1 and 1 is above 0.
    with pytest.raises(DataError, match="no z-order of layers fits"):
        recover_layers(images, labels)


def test_mutually_occluding_accessories_are_not_reported_as_occluded() -> None:
    # Both accessories have the same color on both skins, so either alone explains the last image.
    accessories = [(), (0,), (1,), (0,), (1,), (0, 1)]
    labels = male_labels(accessories)
    images = np.full((6, NUM_PIXELS), 7)
    images[:, SKIN_PIXEL] = [40, 40, 40, 41, 41, 41]
    images[3:, 5] = 8
    for row, present in enumerate(accessories):
        if present:
            images[row, 5] = 9
    layers = recover_layers(images, labels)
    assert not layers.occluded[5].any()


def test_unobserved_color_of_a_shadow_is_undecidable() -> None:
    observed = [((), 1), ((0,), 7), ((), 2), ((1,), 7), ((0, 1), 7), ((0, 1), 7)]
    labels = male_labels([accessories for accessories, _ in observed])
    images = np.full((6, NUM_PIXELS), 3)
    images[:, SKIN_PIXEL] = [40, 40, 41, 40, 41, 40]
    images[:, 0] = [color for _, color in observed]
    layers = recover_layers(images, labels)
    assert layers.is_exact.all()
    # Accessory 1 covers 0. No image shows which color 0 alone produces on this skin.
    assert layers.occluded[4, :2].tolist() == [True, False]
    assert not layers.occluded[5].any()
