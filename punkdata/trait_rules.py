"""Rules on which traits a punk can have, as observed in all 10,000 CryptoPunks.

Each accessory belongs to one of 11 kinds, and each kind to one of nine slots. A punk has at most
one accessory per slot and at most seven in total. 24 accessories occur only on Females, and 28
others never occur on Females. Apes and Aliens have no accessories of the kinds in
`NOT_ON_APES_OR_ALIENS`.
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
"""All 87 accessories by kind."""
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
"""The nine slots; a punk has at most one accessory of the kinds in a slot."""
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
"""Accessories that only Females have."""
NEVER_FEMALE = frozenset(
    {
        *ACCESSORY_KINDS["beards"],
        *("Buck Teeth", "Frown", "Smile", "Small Shades"),
        *("Beanie", "Cap Forward", "Cowboy Hat", "Do-rag", "Fedora", "Hoodie", "Police Cap"),
        *("Top Hat", "Peak Spike", "Purple Hair", "Shaved Head", "Vampire Hair"),
    }
)
"""Accessories that no Female has."""
NOT_ON_APES_OR_ALIENS = ("hair", "eye make-up", "beards", "mouths", "cheeks", "noses")
"""Kinds of accessories that no Ape and no Alien has."""
MAX_ACCESSORIES = 7
"""Largest number of accessories on one punk."""


def allowed_accessories(punk_type: str) -> frozenset[str]:
    """Return the accessories that punks of a type can have."""
    if punk_type == "Female":
        return frozenset(ACCESSORIES) - NEVER_FEMALE
    excluded = NOT_ON_APES_OR_ALIENS if punk_type in ("Ape", "Alien") else ()
    names = {name for kind in excluded for name in ACCESSORY_KINDS[kind]}
    return frozenset(ACCESSORIES) - FEMALE_ONLY - names


def check_traits(punk_type: str, accessories: Collection[str]) -> None:
    """Check that a punk of this type can have these accessories at the same time.

    Args:
        punk_type: Name from `TYPES`.
        accessories: Names from `ACCESSORIES`.

    Raises:
        UsageError: The combination is not possible; the hint lists the alternatives, if any.
    """
    for name in accessories:
        if name not in allowed_accessories(punk_type):
            kind = next(kind for kind, names in ACCESSORY_KINDS.items() if name in names)
            others = [
                other for other in ACCESSORY_KINDS[kind] if other in allowed_accessories(punk_type)
            ]
            if not others:
                raise UsageError(f"{_with_article(punk_type)} can wear no {kind}, such as {name}")
            raise UsageError(
                f"{_with_article(punk_type)} cannot wear {name}",
                hint=f"{kind} that this type can wear: {', '.join(others)}",
            )
    for slot in ACCESSORY_SLOTS:
        worn = [name for kind in slot for name in ACCESSORY_KINDS[kind] if name in accessories]
        if len(worn) > 1:
            raise UsageError(
                f"{', '.join(worn[:-1])} and {worn[-1]} cannot be worn together",
                hint="choose one of them",
            )
    count = len(set(accessories))
    if count > MAX_ACCESSORIES:
        raise UsageError(
            f"a punk can wear at most {MAX_ACCESSORIES} accessories, not {count}",
            hint="choose fewer accessories",
        )


def _with_article(punk_type: str) -> str:
    return f"{'an' if punk_type[0] == 'A' else 'a'} {punk_type}"
