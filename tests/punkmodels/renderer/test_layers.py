from __future__ import annotations

import numpy as np
import pytest
from support.layered_punks import SKINS, LayeredPunks

from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.images.palette import PALETTE
from punkdata.traits import TYPES, encode_labels
from punkmodels.data.palette import SKIN_TONE_COLORS
from punkmodels.renderer.layers import fit_layers, premultiplied_palette, solve_over


def color(*rgb: int) -> int:
    return int(PALETTE.tolist().index([*rgb, 255]))


TONES = tuple(color(*rgb) for rgb in SKIN_TONE_COLORS)
ZOMBIE = color(125, 162, 105)
ROSY_COLORS = ((133, 50, 23), (182, 111, 78), (218, 142, 102), (230, 174, 174), (143, 130, 84))
ROSY = dict(zip((*TONES, ZOMBIE), (color(*rgb) for rgb in ROSY_COLORS), strict=True))
"""What Rosy Cheeks of real punks give over each skin."""
BLACK, RED = color(0, 0, 0), color(255, 0, 0)


class Punks:
    """Images and labels of punks that are drawn by hand."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []

    def add(
        self, punk_type: str, skin: int, *accessories: str, pixels: dict[int, int] | None = None
    ) -> None:
        image = np.full(576, skin, np.uint8)
        for pixel, value in (pixels or {}).items():
            image[pixel] = value
        self.images.append(image)
        self.labels.append(encode_labels(punk_type, accessories).astype(bool))

    def draw(self, punk_type: str, tone: int, *accessories: str) -> np.ndarray:
        """Return what the layers of these punks draw, (576,)."""
        layers = fit_layers(np.stack(self.images), np.stack(self.labels))
        labels = encode_labels(punk_type, accessories).astype(bool)[None]
        return layers.draw(labels, np.array([tone]))[0]


def test_layers_draw_punks_that_were_not_in_training() -> None:
    generator = LayeredPunks()
    images, labels = generator.generate(1500)
    # One skin per type, because these are not those of real punks.
    first = np.array([SKINS[TYPES[row]][0] for row in labels[:, : len(TYPES)].argmax(axis=1)])
    rows = images[:, SKIN_PIXEL] == first
    images, labels = images[rows], labels[rows]
    num_train = len(images) - 200
    layers = fit_layers(images[:num_train], labels[:num_train])
    assert np.array_equal(layers.draw(labels, np.zeros(len(labels), int)), images)


def test_translucent_colors_follow_from_two_skins() -> None:
    palette = premultiplied_palette()
    below = list(ROSY)
    fitted = solve_over(palette[below[:2]], palette[[ROSY[c] for c in below[:2]]])
    assert fitted[3] == pytest.approx(0.2, abs=0.02)
    for skin, expected in ROSY.items():
        result = fitted + (1 - fitted[3]) * palette[skin]
        assert np.abs(result - palette[expected]).max() < 2 / 255
    assert solve_over(palette[below], palette[below]) == pytest.approx(0)


def test_translucent_accessories_are_drawn_over_skins_without_an_example() -> None:
    punks = Punks()
    for skin in TONES:
        punks.add("Male", skin)
        if skin != TONES[3]:
            punks.add("Male", skin, "Rosy Cheeks", pixels={50: ROSY[skin], 51: ROSY[skin]})
    punks.add("Zombie", ZOMBIE)
    for punk_type, tone, skin in (("Male", 4, TONES[3]), ("Zombie", 0, ZOMBIE)):
        drawn = punks.draw(punk_type, tone, "Rosy Cheeks")
        assert drawn[50] == drawn[51] == ROSY[skin]
        assert (np.delete(drawn, [50, 51]) == skin).all()


def add_glasses(punks: Punks, around: dict[int, int]) -> None:
    """Add men with a black pixel 100, and a zombie, of whom it is red; VR covers some around it."""
    for skin in TONES:
        punks.add("Male", skin, pixels={100: BLACK})
        punks.add("Male", skin, "VR", pixels={100: BLACK} | around)
    punks.add("Zombie", ZOMBIE, pixels={100: RED})


def test_pixels_inside_a_sprite_belong_to_it() -> None:
    punks = Punks()
    add_glasses(punks, dict.fromkeys((99, 101, 76, 124), 158))
    assert punks.draw("Zombie", 0, "VR")[100] == BLACK


def test_pixels_that_a_sprite_does_not_surround_do_not_belong_to_it() -> None:
    punks = Punks()
    add_glasses(punks, dict.fromkeys((99, 101, 76), 158))
    assert punks.draw("Zombie", 0, "VR")[100] == RED


def test_pixels_that_are_always_covered_get_the_color_of_similar_ones() -> None:
    punks = Punks()
    for skin in TONES:
        punks.add("Male", skin, pixels={30: BLACK, 31: BLACK})
        punks.add("Male", skin, "Cap", pixels={30: 158, 31: BLACK, 40: 158})
    punks.add("Ape", RED, "Cap", pixels={30: 158, 31: 7, 40: 158})
    bare = punks.draw("Ape", 0)
    assert (bare[30], bare[31], bare[40]) == (7, 7, RED)
