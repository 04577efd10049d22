from __future__ import annotations

import pytest

from punkdata.errors import UsageError
from punkdata.trait_rules import (
    ACCESSORY_KINDS,
    ACCESSORY_SLOTS,
    FEMALE_ONLY,
    NEVER_FEMALE,
    allowed_accessories,
    check_traits,
)
from punkdata.traits import ACCESSORIES, TYPES


def test_accessories_have_one_kind_and_kinds_have_one_slot() -> None:
    assert sorted(name for names in ACCESSORY_KINDS.values() for name in names) == sorted(
        ACCESSORIES
    )
    assert sorted(kind for slot in ACCESSORY_SLOTS for kind in slot) == sorted(ACCESSORY_KINDS)


def test_allowed_accessories_depend_on_the_type() -> None:
    assert (len(FEMALE_ONLY), len(NEVER_FEMALE), len(FEMALE_ONLY & NEVER_FEMALE)) == (24, 28, 0)
    assert set(ACCESSORIES) > FEMALE_ONLY | NEVER_FEMALE
    assert allowed_accessories("Female").isdisjoint(NEVER_FEMALE)
    assert (
        allowed_accessories("Zombie")
        == allowed_accessories("Male")
        == set(ACCESSORIES) - FEMALE_ONLY
    )
    assert allowed_accessories("Ape") == allowed_accessories("Alien") < allowed_accessories("Male")


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
        ("Female", ["Goat"], r"type Female cannot wear Goat; beards that it can wear: none$"),
        ("Male", ["Tiara"], r"type Male cannot wear Tiara; hats .* Bandana, .*, Top Hat$"),
        ("Ape", ["Mohawk"], r"type Ape cannot wear Mohawk; hair that it can wear: none$"),
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
