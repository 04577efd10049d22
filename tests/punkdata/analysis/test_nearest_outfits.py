from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from support.layered_punks import LayeredPunks

from punkdata.analysis.layers import recover_layers
from punkdata.analysis.nearest_outfits import find_nearest_outfits
from punkdata.analysis.outfits import NO_ACCESSORY, UNKNOWN, Compositor
from punkdata.traits import LABELS, TYPES


@dataclass(frozen=True)
class Collection:
    """Synthetic punks, and what was recovered from them."""

    punks: LayeredPunks
    images: np.ndarray
    labels: np.ndarray
    occluded: np.ndarray
    compositor: Compositor


@pytest.fixture(scope="module")
def collection() -> Collection:
    punks = LayeredPunks()
    images, labels = punks.generate(1500)
    layers = recover_layers(images, labels)
    assert layers.is_exact.all()
    return Collection(punks, images, labels, layers.occluded, Compositor(layers))


def test_punks_of_the_collection_are_legal(collection: Collection) -> None:
    nearest = find_nearest_outfits(collection.compositor, collection.images)
    assert not nearest.distance_px.any()
    drawn = collection.compositor.draw(nearest.base, nearest.slots)
    assert (drawn == collection.images).all()
    visible = collection.labels.copy()
    visible[:, len(TYPES) :] &= ~collection.occluded
    is_same = collection.compositor.labels(nearest.base, nearest.slots) == visible
    assert is_same.all(axis=1).mean() > 0.95, "some sprites are drawn by several label sets"


def test_new_legal_punks_are_found_among_random_pixels(collection: Collection) -> None:
    images, _ = collection.punks.generate(100, worn=0.7)
    is_known = find_nearest_outfits(collection.compositor, images).distance_px == 0
    assert is_known.mean() > 0.9, "punks did not show all colors of the others"
    noisy, rng = images[is_known], np.random.default_rng(1)
    for image in noisy:
        image[rng.choice(len(image), 30, replace=False)] = rng.integers(0, 222, 30)
    nearest = find_nearest_outfits(collection.compositor, noisy)
    num_changed = np.count_nonzero(noisy != images[is_known], axis=1)
    assert (nearest.distance_px <= num_changed).all()
    assert (nearest.distance_px > 0).all()


def test_outfits_against_the_rules_are_not_legal(collection: Collection) -> None:
    punks, (hat, other_hat) = collection.punks, collection.punks.slots["Male"][0]
    pixels = punks.sprites[0][[hat, other_hat]] >= 0
    assert (pixels[0] != pixels[1]).any()
    alien = punks.draw("Alien", 43, {punks.slots["Male"][2][0]})  # a beard
    sprites = np.stack([punks.draw("Male", 40, {hat, other_hat}), alien])
    assert (find_nearest_outfits(collection.compositor, sprites).distance_px > 0).all()


def test_an_eighth_accessory_is_not_legal() -> None:
    punks = LayeredPunks(1)
    for i, accessory in enumerate(punks.worn):
        punks.sprites[0, accessory, 540 + i] = 200  # A pixel that nothing else covers.
    compositor = Compositor(recover_layers(*punks.generate(1500)))
    accessories = [slot[0] for slot in punks.slots["Male"]]
    sprites = np.stack([punks.draw("Male", 40, set(accessories[:n])) for n in (7, 8)])
    nearest = find_nearest_outfits(compositor, sprites)
    assert nearest.distance_px[0] == 0
    assert nearest.distance_px[1] > 0
    assert np.count_nonzero(nearest.slots < NO_ACCESSORY, axis=1).max() == 7


def test_pixels_that_no_punk_shows_are_wrong_in_any_color(collection: Collection) -> None:
    """All Aliens have one of the hats, so nothing shows what is below."""
    images, labels = collection.images, collection.labels
    is_alien, hats = labels[:, TYPES.index("Alien")], collection.punks.slots["Alien"][0]
    has_hat = labels[:, [len(TYPES) + hat for hat in hats]].any(axis=1)
    known = ~is_alien | has_hat
    compositor = Compositor(recover_layers(images[known], labels[known]))
    bare = collection.punks.draw("Alien", 43, set())[None]
    base = np.flatnonzero(compositor.types == TYPES.index("Alien"))
    drawn = compositor.draw(base, np.full((1, 9), NO_ACCESSORY))
    below = np.logical_and.reduce(collection.punks.sprites[0][hats] >= 0)
    assert ((drawn[0] == UNKNOWN) == below).all()
    assert find_nearest_outfits(compositor, bare).distance_px[0] >= min(1, below.sum())


def test_equal_sprites_have_equal_results(collection: Collection) -> None:
    rows = np.array([5, 3, 5, 8, 3])
    nearest = find_nearest_outfits(collection.compositor, collection.images[rows])
    assert (nearest.slots[[0, 1]] == nearest.slots[[2, 4]]).all()
    labels = collection.compositor.labels(nearest.base, nearest.slots)
    assert labels[:, : len(TYPES)].sum(axis=1).tolist() == [1] * 5
    assert labels.shape[1] == len(LABELS)
