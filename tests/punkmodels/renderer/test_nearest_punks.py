from __future__ import annotations

import numpy as np
import pytest
import torch

from punkdata.traits import LABELS, TYPES, encode_labels
from punkmodels.renderer.compositions import sample_outfits
from punkmodels.renderer.drawing import find_visible
from punkmodels.renderer.nearest_punks import find_nearest_punks
from punkmodels.renderer.network import conditions_from_labels, load_bundled_renderer

MAX_PX = 72


def draw(labels: np.ndarray, skin_tone: int | None = None) -> np.ndarray:
    """Return palette indices, uint8 (N, 576), of the bundled renderer."""
    conditions = conditions_from_labels(torch.from_numpy(labels), skin_tone)
    sprites: np.ndarray = load_bundled_renderer()(conditions).flatten(1).numpy()
    return sprites


def labels_of(*traits: str) -> np.ndarray:
    return encode_labels(traits[0], traits[1:]).astype(bool)[None]


@pytest.fixture(scope="module")
def outfits() -> np.ndarray:
    """Random legal outfits with any accessories, of which some are hidden, bool (200, 92)."""
    everything = np.zeros((len(TYPES), len(LABELS)), bool)
    everything[:, len(TYPES) :] = True
    np.fill_diagonal(everything, val=True)
    return sample_outfits(everything, 200, np.random.default_rng(0))


def test_the_visible_labels_of_random_outfits_are_found(outfits: np.ndarray) -> None:
    def render(labels: torch.Tensor) -> torch.Tensor:
        return load_bundled_renderer()(conditions_from_labels(labels))

    visible = find_visible(torch.from_numpy(outfits), render).numpy()
    found, is_near = find_nearest_punks(draw(outfits), MAX_PX)
    assert is_near.all()
    assert np.array_equal(found, visible)


def test_foreign_pixels_do_not_change_what_is_found() -> None:
    labels = labels_of("Male", "Mohawk", "Big Beard", "Pipe")
    sprites = draw(labels, 2).repeat(2, axis=0)
    sprites[1, :20] = 7
    found, is_near = find_nearest_punks(sprites, MAX_PX)
    assert (found == labels).all()
    assert is_near.all()
    assert find_nearest_punks(sprites, 19)[1].tolist() == [True, False]
    assert find_nearest_punks(sprites, 20)[1].tolist() == [True, True]


def test_bare_heads_are_found() -> None:
    for name in TYPES:
        found, _ = find_nearest_punks(draw(labels_of(name)), 0)
        assert np.array_equal(found, labels_of(name))


def test_no_punk_is_near_an_empty_sprite_or_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 222, (3, 576)).astype(np.uint8)
    noise[0] = 0
    assert not find_nearest_punks(noise, MAX_PX)[1].any()
