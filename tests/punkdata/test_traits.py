from __future__ import annotations

import numpy as np
import pytest
from support.cpunks10k_package import to_camel_case

from punkdata.errors import UsageError
from punkdata.traits import (
    ACCESSORIES,
    ACCESSORY_SLOTS,
    LABELS,
    TYPES,
    allowed_accessories,
    check_traits,
    decode_labels,
    encode_labels,
    find_label,
)


def test_labels_are_5_types_and_87_accessories_in_sorted_order() -> None:
    assert len(TYPES) == 5
    assert len(ACCESSORIES) == 87 == len(set(ACCESSORIES))
    assert list(TYPES) == sorted(TYPES)
    assert list(ACCESSORIES) == sorted(ACCESSORIES)
    assert LABELS == TYPES + ACCESSORIES


def test_decode_labels_inverts_encode_labels() -> None:
    vector = encode_labels("Zombie", ["Pipe", "3D Glasses"])
    assert vector.dtype == np.uint8
    assert vector.sum() == 3
    assert decode_labels(vector) == ("Zombie", ("3D Glasses", "Pipe"))


@pytest.mark.parametrize("types", [[], ["Ape", "Alien"]])
def test_decode_labels_rejects_vectors_without_exactly_one_type(types: list[str]) -> None:
    vector = np.zeros(92, np.uint8)
    vector[[TYPES.index(t) for t in types]] = 1
    with pytest.raises(ValueError, match="exactly one type"):
        decode_labels(vector)


def test_encode_labels_rejects_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        encode_labels("Male", ["Monocle"])


@pytest.mark.parametrize("label", LABELS)
def test_find_label_ignores_case_and_punctuation(label: str) -> None:
    assert find_label(to_camel_case(label)) == label
    assert find_label(label.upper().replace(" ", "-")) == label


def test_find_label_returns_none_for_an_unknown_name() -> None:
    assert find_label("7 attributes") is None
    assert find_label("") is None


def test_every_accessory_has_one_of_nine_slots() -> None:
    assert sorted(name for slot in ACCESSORY_SLOTS for name in slot) == list(ACCESSORIES)
    assert len(ACCESSORY_SLOTS) == 9


def test_allowed_accessories_depend_on_the_type() -> None:
    female, male, ape = (allowed_accessories(name) for name in ("Female", "Male", "Ape"))
    assert (len(female - male), len(male - female)) == (24, 28)
    assert female | male == set(ACCESSORIES)
    assert allowed_accessories("Zombie") == male
    assert allowed_accessories("Alien") == ape < male


@pytest.mark.parametrize(
    ("punk_type", "worn"),
    [
        ("Zombie", ("3D Glasses", "Do-rag", "Big Beard")),
        ("Female", ("Mohawk", "Hot Lipstick", "Mole", "Earring", "Choker", "VR", "Pipe")),
        ("Ape", ("Cowboy Hat", "Eye Patch")),
        *((punk_type, ()) for punk_type in TYPES),
    ],
)
def test_check_traits_accepts_possible_punks(punk_type: str, worn: tuple[str, ...]) -> None:
    check_traits(punk_type, worn)


@pytest.mark.parametrize(
    ("punk_type", "worn", "message"),
    [
        (
            "Female",
            ["Goat"],
            r'type Female cannot wear Goat; no .* "beards" is possible for this type$',
        ),
        ("Male", ["Tiara"], r"type Male cannot wear Tiara; hats .* Bandana, .*, Top Hat$"),
        (
            "Ape",
            ["Mohawk"],
            r'type Ape cannot wear Mohawk; no .* "hair" is possible for this type$',
        ),
        ("Male", ["Mohawk", "Cap"], r"Cap and Mohawk cannot be worn together; choose one of them$"),
        ("Male", ["VR", "Clown Eyes Blue"], r"VR and Clown Eyes Blue cannot be worn together"),
        (
            "Male",
            ["Cap", "VR", "Goat", "Smile", "Pipe", "Mole", "Clown Nose", "Earring"],
            r"a punk can wear at most 7 accessories, not 8",
        ),
    ],
)
def test_check_traits_names_the_alternatives_to_impossible_traits(
    punk_type: str, worn: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_traits(punk_type, worn)
