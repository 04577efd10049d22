from __future__ import annotations

import numpy as np
import pytest

from punkdata.analysis.layer_recovery import recover_layers
from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.errors import DataError
from punkdata.traits import ACCESSORIES, LABELS, TYPE_IDS, TYPES

SKINS = (40, 41, 42)
SHADOW = {60: 160, 61: 161, 62: 162}
"""what a shadow makes of the faces of the three skins"""


class Wardrobe:
    """Layers as the tests draw them: some are wide, one is a shadow, some cover others."""

    def __init__(self, seed: int = 0, accessories: int = 8) -> None:
        rng = np.random.default_rng(seed)
        self.order = rng.permutation(accessories)
        self.sprites = np.full((accessories, 576), -1)
        for number in range(accessories):
            start, width = rng.integers(0, 100), rng.integers(1, 60)
            self.sprites[number, start : start + width] = 1 + number
        self.shadow = self.order[2]
        self.rng = rng

    def draw(self, skin: int, worn: np.ndarray) -> np.ndarray:
        pixels = np.full(576, 60 + skin)
        pixels[SKIN_PIXEL] = SKINS[skin]
        for number in self.order:
            if worn[number]:
                touched = self.sprites[number] >= 0
                if number == self.shadow:
                    pixels[touched] = [SHADOW.get(c, c) for c in pixels[touched]]
                else:
                    pixels[touched] = self.sprites[number][touched]
        return pixels

    def punks(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images, labels, and which labels change no pixel, by drawing without them."""
        images, labels = np.zeros((count, 576), int), np.zeros((count, len(LABELS)), bool)
        hidden = np.zeros((count, len(ACCESSORIES)), bool)
        for row in range(count):
            skin = self.rng.integers(len(SKINS))
            worn = self.rng.random(len(self.order)) < 0.35
            images[row] = self.draw(skin, worn)
            labels[row, TYPE_IDS["Male"]] = True
            labels[row, len(TYPES) : len(TYPES) + len(worn)] = worn
            for number in np.flatnonzero(worn):
                without = np.where(np.arange(len(worn)) == number, False, worn)
                hidden[row, number] = (self.draw(skin, without) == images[row]).all()
        return images, labels, hidden


@pytest.mark.parametrize("seed", range(6))
def test_layers_draw_every_punk_anew_and_tell_what_is_hidden(seed: int) -> None:
    images, labels, hidden = Wardrobe(seed).punks(500)
    found = recover_layers(images, labels)
    assert (found.reconstructed == images).all()
    assert not found.undecidable.any()
    assert (found.hidden == hidden).all()
    assert hidden.any()


def test_men_and_women_have_sprites_of_their_own() -> None:
    men, labels, hidden = Wardrobe(1).punks(300)
    women, of_women, hidden_of_women = Wardrobe(2).punks(300)
    of_women[:, [TYPE_IDS["Male"], TYPE_IDS["Female"]]] = [False, True]
    found = recover_layers(np.concatenate([men, women]), np.concatenate([labels, of_women]))
    assert (found.hidden == np.concatenate([hidden, hidden_of_women])).all()
    assert found.z_orders[0] != found.z_orders[1]


def test_what_shows_on_few_bases_only_is_found_without_a_pair() -> None:
    # An accessory of the color of two skins shows on the third, where nobody is without it.
    labels = np.zeros((4, len(LABELS)), bool)
    labels[:, TYPE_IDS["Male"]] = True
    labels[:3, len(TYPES)] = True
    labels[2:, len(TYPES) + 1] = True
    images = np.full((4, 576), 7)
    images[:, SKIN_PIXEL] = [40, 40, 41, 41]
    images[2:, 5] = 9
    images[2, 5] = 7
    found = recover_layers(images, labels)
    assert (found.reconstructed == images).all()


def test_layers_that_lie_above_each_other_in_a_ring_are_refused() -> None:
    labels = np.zeros((7, len(LABELS)), bool)
    labels[:, TYPE_IDS["Male"]] = True
    worn = [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2)]
    images = np.full((7, 576), 7)
    images[:, SKIN_PIXEL] = 40
    for row, numbers in enumerate(worn):
        labels[row, [len(TYPES) + n for n in numbers]] = True
        for number in numbers:
            images[row, 5] = 10 + number
    images[6, 5] = 10  # 0 over 2, though 2 is over 1 and 1 over 0
    with pytest.raises(DataError, match="no order of layers fits"):
        recover_layers(images, labels)


def test_of_two_that_hide_each_other_none_is_said_to_be_hidden() -> None:
    labels = np.zeros((6, len(LABELS)), bool)
    labels[:, TYPE_IDS["Male"]] = True
    images = np.full((6, 576), 7)
    images[:, SKIN_PIXEL] = [40, 40, 40, 41, 41, 41]
    images[3:, 5] = 8
    # Both are of one color on both skins, so each covers what the other would show.
    for row, numbers in enumerate([(), (0,), (1,), (0,), (1,), (0, 1)]):
        labels[row, [len(TYPES) + n for n in numbers]] = True
        if numbers:
            images[row, 5] = 9
    labels[5, len(TYPES)] = True
    found = recover_layers(images, labels)
    assert not found.hidden[5].any()


def test_what_a_shadow_makes_of_a_skin_that_it_was_never_seen_on_is_not_guessed() -> None:
    labels = np.zeros((6, len(LABELS)), bool)
    labels[:, TYPE_IDS["Male"]] = True
    images = np.full((6, 576), 3)
    images[:, SKIN_PIXEL] = [40, 40, 41, 40, 41, 40]
    seen = [((), 1), ((0,), 7), ((), 2), ((1,), 7), ((0, 1), 7), ((0, 1), 7)]
    for row, (numbers, color) in enumerate(seen):
        labels[row, [len(TYPES) + n for n in numbers]] = True
        images[row, 0] = color
    found = recover_layers(images, labels)
    assert (found.reconstructed == images).all()
    assert found.hidden[4, :2].tolist() == [True, False]  # 1 covers 0; what 0 would show is open
    assert not found.hidden[5].any()
