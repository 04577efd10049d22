from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import punkmodels
from punkdata.images.palette import PALETTE
from punkdata.traits import ACCESSORIES, LABELS, TYPES, encode_labels
from punkmodels.renderer.comparison import BATCH_SIZE, correct_labels, find_different_pixels
from punkmodels.renderer.network import load_bundled_renderer

TRAITS = ("Female", "Tiara", "Clown Nose", "Choker")


def draw(*traits: str, skin_tone: int | None = None, impossible: bool = False) -> np.ndarray:
    image = punkmodels.draw(*traits, skin_tone=skin_tone, scale=1, allow_impossible=impossible)
    return np.array(image)


def count(sprite: np.ndarray, *traits: str) -> int:
    labels = encode_labels(traits[0], traits[1:]).astype(bool)
    return int(find_different_pixels(sprite[None], labels[None]).sum())


@pytest.mark.parametrize("skin_tone", [1, 2, 3, 4])
def test_the_best_skin_tone_counts(skin_tone: int) -> None:
    assert count(draw(*TRAITS, skin_tone=skin_tone), *TRAITS) == 0


@pytest.mark.parametrize("punk_type", ["Alien", "Ape", "Zombie"])
def test_types_without_a_skin_tone_are_compared(punk_type: str) -> None:
    assert count(draw(punk_type, "Pipe"), punk_type, "Pipe") == 0
    assert count(draw(punk_type), punk_type, "Pipe") > 0


def test_every_changed_pixel_counts_also_the_one_that_tells_the_skin_tone() -> None:
    sprite = draw(*TRAITS, skin_tone=2)
    sprite[23, 9] = PALETTE[7]
    assert count(sprite, *TRAITS) == 1
    sprite[0, 0] = PALETTE[7]
    labels = encode_labels(TRAITS[0], TRAITS[1:]).astype(bool)
    positions = np.argwhere(find_different_pixels(sprite[None], labels[None])[0]).tolist()
    assert positions == [[0, 0], [23, 9]]


def test_colors_next_to_those_of_the_palette_are_different() -> None:
    sprite = draw(*TRAITS)
    sprite[12, 12, 0] ^= 1
    assert count(sprite, *TRAITS) == 1


def test_the_color_of_transparent_pixels_does_not_matter() -> None:
    sprite = draw(*TRAITS)
    sprite[0, 0] = (255, 255, 255, 0)
    assert count(sprite, *TRAITS) == 0


def test_labels_that_no_pixel_shows_do_not_matter() -> None:
    hidden = ("Female", "Wild Hair", "Earring")
    sprite = draw("Female", "Wild Hair", skin_tone=3)
    assert np.array_equal(draw(*hidden, skin_tone=3), sprite), "the hair covers the earring"
    assert count(sprite, *hidden) == count(sprite, *hidden[:2]) == 0


def test_impossible_labels_are_drawn_without_an_error() -> None:
    impossible = ("Alien", "Hot Lipstick", "Top Hat", "Cap")
    assert count(draw("Alien"), *impossible) > 0
    assert count(draw(*impossible, impossible=True), *impossible) == 0
    all_labels = np.ones((1, len(LABELS)), bool)
    assert find_different_pixels(draw("Alien")[None], all_labels).any()


def test_batches_are_counted_as_single_sprites_are() -> None:
    rng = np.random.default_rng(0)
    kinds = [(str(rng.choice(TYPES)), str(rng.choice(ACCESSORIES))) for _ in range(7)]
    sprites = np.stack([draw(*kind, impossible=True) for kind in kinds])
    labels = np.stack([encode_labels(a, [b]) for a, b in kinds]).astype(bool)
    rows = rng.integers(len(kinds), size=(2, 2 * BATCH_SIZE + 1))
    single = np.array(
        [[find_different_pixels(s[None], row[None])[0] for row in labels] for s in sprites]
    )
    found = find_different_pixels(sprites[rows[0]], labels[rows[1]])
    assert np.array_equal(found, single[rows[0], rows[1]])
    assert not found[rows[0] == rows[1]].any()


def test_labels_that_draw_another_sprite_are_replaced() -> None:
    sprites = np.stack([draw(*TRAITS, skin_tone=3), draw("Ape", "Cap"), draw("Ape", "Cap")])
    sprites[2, 0, 0] = PALETTE[7]
    labels = np.stack([encode_labels(*t) for t in (("Male", ["Cap"]), ("Ape", ["Hoodie"]))] * 2)
    corrected, different = correct_labels(sprites, labels[:3].astype(bool))
    right = [encode_labels(TRAITS[0], TRAITS[1:]), *[encode_labels("Ape", ["Cap"])] * 2]
    assert np.array_equal(corrected, np.stack(right))
    assert different.sum(axis=(1, 2)).tolist() == [0, 0, 1]


def test_labels_stay_if_no_other_punk_is_nearer() -> None:
    """Hidden accessories stay, too."""
    hidden = encode_labels("Female", ["Wild Hair", "Earring"]).astype(bool)
    sprite = draw("Female", "Wild Hair", skin_tone=3)
    assert np.array_equal(correct_labels(sprite[None], hidden[None])[0][0], hidden)
    sprite[0, 0] = PALETTE[7]
    assert np.array_equal(correct_labels(sprite[None], hidden[None])[0][0], hidden)


def test_labels_that_no_punk_can_have_are_replaced_although_they_draw_the_sprite() -> None:
    labels = encode_labels("Female", ["Smile", "Tiara"]).astype(bool)
    sprite = draw("Female", "Smile", "Tiara", skin_tone=2, impossible=True)
    assert not find_different_pixels(sprite[None], labels[None]).any()
    corrected, different = correct_labels(sprite[None], labels[None])
    assert np.array_equal(corrected[0], encode_labels("Female", ["Tiara"]))
    assert different.any()


def test_labels_stay_if_no_punk_is_near() -> None:
    labels = encode_labels("Alien", ACCESSORIES).astype(bool)
    sprite = np.zeros((24, 24, 4), np.uint8)
    corrected, different = correct_labels(sprite[None], labels[None])
    assert np.array_equal(corrected[0], labels)
    assert different.any()


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    load_bundled_renderer.cache_clear()
    yield
    torch.set_default_dtype(default)
    load_bundled_renderer.cache_clear()


@pytest.mark.usefixtures("float64_by_default")
def test_another_default_dtype_is_possible() -> None:
    sprite = draw(*TRAITS)
    assert load_bundled_renderer().weight.dtype == torch.float64
    assert count(sprite, *TRAITS) == 0
    torch.set_default_dtype(torch.float32)
    assert count(sprite, *TRAITS) == 0
