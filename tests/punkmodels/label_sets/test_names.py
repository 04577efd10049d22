from __future__ import annotations

import pytest

from punkdata.errors import UsageError
from punkmodels.label_sets.names import find_fixed_traits


def test_names_are_spelled_as_in_punkdata() -> None:
    assert find_fixed_traits("zombie", ["3d glasses"]) == ("Zombie", ["3D Glasses"])
    assert find_fixed_traits(None, []) == (None, [])
    assert find_fixed_traits(None, ["Tiara"], has_skin_tone=True) == (None, ["Tiara"])


@pytest.mark.parametrize(
    ("punk_type", "accessories", "message"),
    [
        ("Zombei", [], "did you mean Zombie"),
        (None, ["Pip"], "did you mean Pipe"),
        ("Ape", ["Goat"], 'no accessory of the kind "beards"'),
        (None, ["Pipe", "Vape"], "Pipe and Vape cannot be worn together; choose one of them"),
        (None, ["Tiara", "Goat"], "no punk can wear Tiara and Goat together; remove some of them"),
        ("Zombie", [], "only Female and Male punks have a skin tone"),
    ],
)
def test_traits_that_no_punk_has_are_refused(
    punk_type: str | None, accessories: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_fixed_traits(punk_type, accessories, has_skin_tone="skin tone" in message)
