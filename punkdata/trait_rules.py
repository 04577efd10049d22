"""What punks can wear: one accessory of a kind at each of nine places, and who wears what. Pure.

Nobody wrote these rules down; they are what all 10,000 punks obey. Two accessories of one place
never meet; 24 are women's only and 28 no woman's; no ape and no alien has hair, a beard, a mole or
make-up; and nobody wears more than seven.
"""

from __future__ import annotations

from collections.abc import Collection

from punkdata.errors import UsageError
from punkdata.traits import ACCESSORIES

ACCESSORY_KINDS: dict[str, tuple[str, ...]] = {
    "hats": (
        "Bandana",
        "Beanie",
        "Cap",
        "Cap Forward",
        "Cowboy Hat",
        "Do-rag",
        "Fedora",
        "Headband",
        "Hoodie",
        "Knitted Cap",
        "Pilot Helmet",
        "Pink With Hat",
        "Police Cap",
        "Tassle Hat",
        "Tiara",
        "Top Hat",
    ),
    "hair": (
        "Blonde Bob",
        "Blonde Short",
        "Clown Hair Green",
        "Crazy Hair",
        "Dark Hair",
        "Frumpy Hair",
        "Half Shaved",
        "Messy Hair",
        "Mohawk",
        "Mohawk Dark",
        "Mohawk Thin",
        "Orange Side",
        "Peak Spike",
        "Pigtails",
        "Purple Hair",
        "Red Mohawk",
        "Shaved Head",
        "Straight Hair",
        "Straight Hair Blonde",
        "Straight Hair Dark",
        "Stringy Hair",
        "Vampire Hair",
        "Wild Blonde",
        "Wild Hair",
        "Wild White Hair",
    ),
    "glasses": (
        "3D Glasses",
        "Big Shades",
        "Classic Shades",
        "Eye Mask",
        "Eye Patch",
        "Horned Rim Glasses",
        "Nerd Glasses",
        "Regular Shades",
        "Small Shades",
        "VR",
        "Welding Goggles",
    ),
    "eye make-up": (
        "Blue Eye Shadow",
        "Clown Eyes Blue",
        "Clown Eyes Green",
        "Green Eye Shadow",
        "Purple Eye Shadow",
    ),
    "beards": (
        "Big Beard",
        "Chinstrap",
        "Front Beard",
        "Front Beard Dark",
        "Goat",
        "Handlebars",
        "Luxurious Beard",
        "Mustache",
        "Muttonchops",
        "Normal Beard",
        "Normal Beard Black",
        "Shadow Beard",
    ),
    "mouths": ("Black Lipstick", "Buck Teeth", "Frown", "Hot Lipstick", "Purple Lipstick", "Smile"),
    "mouthpieces": ("Cigarette", "Medical Mask", "Pipe", "Vape"),
    "cheeks": ("Mole", "Rosy Cheeks", "Spots"),
    "noses": ("Clown Nose",),
    "ears": ("Earring",),
    "necks": ("Choker", "Gold Chain", "Silver Chain"),
}
"""kind -> accessories; all 87"""
ACCESSORY_SLOTS: tuple[tuple[str, ...], ...] = (
    ("hats", "hair"),
    ("glasses", "eye make-up"),
    ("beards",),
    ("mouths",),
    ("mouthpieces",),
    ("cheeks",),
    ("noses",),
    ("ears",),
    ("necks",),
)
"""kinds of which a punk wears one accessory in all"""
FEMALE_ONLY = frozenset(
    {
        *("Black Lipstick", "Hot Lipstick", "Purple Lipstick", "Choker", "Welding Goggles"),
        *("Blue Eye Shadow", "Green Eye Shadow", "Purple Eye Shadow"),
        *("Pilot Helmet", "Pink With Hat", "Tassle Hat", "Tiara"),
        *("Blonde Bob", "Blonde Short", "Dark Hair", "Half Shaved", "Orange Side", "Pigtails"),
        *("Red Mohawk", "Straight Hair", "Straight Hair Blonde", "Straight Hair Dark"),
        *("Wild Blonde", "Wild White Hair"),
    }
)
"""worn by no other type"""
NEVER_FEMALE = frozenset(
    {
        *ACCESSORY_KINDS["beards"],
        *("Buck Teeth", "Frown", "Smile", "Small Shades"),
        *("Beanie", "Cap Forward", "Cowboy Hat", "Do-rag", "Fedora", "Hoodie", "Police Cap"),
        *("Top Hat", "Peak Spike", "Purple Hair", "Shaved Head", "Vampire Hair"),
    }
)
NOT_ON_APES_OR_ALIENS = ("hair", "eye make-up", "beards", "mouths", "cheeks", "noses")
"""kinds that no ape and no alien wears"""
MAX_ACCESSORIES = 7


def allowed_accessories(punk_type: str) -> frozenset[str]:
    """The accessories that a type can wear."""
    if punk_type == "Female":
        return frozenset(ACCESSORIES) - NEVER_FEMALE
    bare = NOT_ON_APES_OR_ALIENS if punk_type in ("Ape", "Alien") else ()
    return (
        frozenset(ACCESSORIES) - FEMALE_ONLY - {a for kind in bare for a in ACCESSORY_KINDS[kind]}
    )


def check_traits(punk_type: str, accessories: Collection[str]) -> None:
    """Whether a punk of that type can wear these at once.

    Args:
        accessories: names of `ACCESSORIES`.

    Raises:
        UsageError: it cannot; says what it can.
    """
    for name in accessories:
        if name not in allowed_accessories(punk_type):
            kind = next(kind for kind, names in ACCESSORY_KINDS.items() if name in names)
            others = [
                other for other in ACCESSORY_KINDS[kind] if other in allowed_accessories(punk_type)
            ]
            raise UsageError(
                f"{_with_article(punk_type)} cannot wear {name}",
                hint=f"{kind} that it can wear: {', '.join(others) or 'none'}",
            )
    for place in ACCESSORY_SLOTS:
        worn = [name for kind in place for name in ACCESSORY_KINDS[kind] if name in accessories]
        if len(worn) > 1:
            raise UsageError(
                f"{' and '.join(worn)} cannot be worn together",
                hint=f"ask for one of {' and '.join(place)} only",
            )
    if len(set(accessories)) > MAX_ACCESSORIES:
        raise UsageError(
            f"no punk wears more than {MAX_ACCESSORIES} accessories, not {len(set(accessories))}"
        )


def _with_article(punk_type: str) -> str:
    return f"{'an' if punk_type[0] == 'A' else 'a'} {punk_type}"
