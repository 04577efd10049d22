from __future__ import annotations

import numpy as np
import pytest
from support.layered_punks import SKINS, LayeredPunks

from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.analysis.outfit_suites import (
    HELD_OUT_PAIRS,
    SUITE_NAMES,
    USUAL_SUITES,
    OutfitSuite,
    sample_outfit_suites,
)
from punkdata.errors import UsageError
from punkdata.traits import ACCESSORIES, LABELS, TYPES, check_traits, decode_labels


@pytest.fixture(scope="module")
def punks() -> LayeredPunks:
    return LayeredPunks()


@pytest.fixture(scope="module")
def collection(punks: LayeredPunks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels, and which punks are in the training split; these lack a pair."""
    images, labels = punks.generate(1000)
    pair = [len(TYPES) + accessory for accessory in punks.find_disjoint_pair()]
    return images, labels, ~labels[:, pair].all(axis=1)


@pytest.fixture(scope="module")
def suites(collection: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, OutfitSuite]:
    return sample_outfit_suites(*collection, count=20)


def test_outfits_are_legal_new_and_different(
    suites: dict[str, OutfitSuite], collection: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    known = {row.tobytes() for row in collection[1]}
    assert tuple(suites) == USUAL_SUITES
    assert suites.keys() < SUITE_NAMES.keys()
    for suite in suites.values():
        assert 0 < len(suite.labels) <= 20
        assert len({sprite.tobytes() for sprite in suite.sprites}) == len(suite.sprites)
        for row in suite.labels:
            check_traits(*decode_labels(row.astype(np.uint8)))
            assert row.tobytes() not in known


def test_sprites_are_the_truth_with_all_accessories_visible(
    suites: dict[str, OutfitSuite], punks: LayeredPunks
) -> None:
    for suite in suites.values():
        for row, sprite in zip(suite.labels, suite.sprites, strict=True):
            name, skin = TYPES[row[: len(TYPES)].argmax()], int(sprite[SKIN_PIXEL])
            assert skin in SKINS[name]
            accessories = set(np.flatnonzero(row[len(TYPES) :]).tolist())
            assert (punks.draw(name, skin, accessories) == sprite).all()
            for accessory in accessories:
                assert (punks.draw(name, skin, accessories - {accessory}) != sprite).any()


def test_each_suite_has_what_its_name_says(
    suites: dict[str, OutfitSuite], punks: LayeredPunks
) -> None:
    num_accessories = suites["many_accessories"].labels[:, len(TYPES) :].sum(axis=1)
    assert set(num_accessories) <= {6, 7}
    assert suites["unusual_types"].labels[:, LABELS.index("Alien")].all()
    pair = [len(TYPES) + accessory for accessory in punks.find_disjoint_pair()]
    assert suites["unmet_pairs"].labels[:, pair].all()


def test_suites_depend_on_the_seed_alone(
    suites: dict[str, OutfitSuite], collection: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    again = sample_outfit_suites(*collection, count=20)
    other = sample_outfit_suites(*collection, count=20, seed=1)
    for name, suite in suites.items():
        assert (again[name].sprites == suite.sprites).all()
    assert not np.array_equal(other["new_sets"].sprites, suites["new_sets"].sprites)


def test_punks_that_labels_do_not_determine_give_no_suites() -> None:
    images, labels = LayeredPunks().generate(50)
    images[0, 0] += 1
    labels[1], images[1] = labels[0], images[0]
    images[1, 0] += 1
    assert sample_outfit_suites(images, labels, np.ones(50, bool)) == {}


def test_pairs_and_foreign_types_can_be_chosen(
    collection: tuple[np.ndarray, np.ndarray, np.ndarray], punks: LayeredPunks
) -> None:
    _, labels, is_train = collection
    # Remove a hat of all aliens from the training split.
    alien, hat = LABELS.index("Alien"), len(TYPES) + punks.slots["Alien"][0][0]
    is_train = is_train & ~(labels[:, alien] & labels[:, hat])
    first, second = punks.slots["Male"][0][0], punks.slots["Male"][1][0]
    suites = sample_outfit_suites(
        *(collection[0], labels, is_train),
        count=20,
        pairs=[(ACCESSORIES[first], ACCESSORIES[second])],
        names=("unmet_pairs", "foreign_types"),
    )
    assert tuple(suites) == ("unmet_pairs", "foreign_types")
    assert suites["unmet_pairs"].labels[:, [len(TYPES) + first, len(TYPES) + second]].all()
    assert suites["foreign_types"].labels[:, [alien, hat]].all()


def test_held_out_pairs_are_possible_and_sorted() -> None:
    assert list(HELD_OUT_PAIRS) == sorted(set(HELD_OUT_PAIRS))
    for pair in HELD_OUT_PAIRS:
        assert list(pair) == sorted(pair)
        assert any(_is_legal(name, pair) for name in TYPES)


def _is_legal(punk_type: str, accessories: tuple[str, str]) -> bool:
    try:
        check_traits(punk_type, accessories)
    except UsageError:
        return False
    return True
