"""The labels of a punk: 5 types and 87 accessories in a fixed order.

    >>> encode_labels("Zombie", ["Pipe"]).sum()
    np.uint8(2)
    >>> decode_labels(encode_labels("Zombie", ["Pipe"]))
    ('Zombie', ('Pipe',))

`LABELS` is the order of every label vector in punkdata and punkmodels: the types, then the
accessories, each sorted as Python sorts strings. Names are spelled as in the CryptoPunks contract
(for example "Tassle Hat" and "Do-rag").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TYPES: tuple[str, ...] = ("Alien", "Ape", "Female", "Male", "Zombie")

ACCESSORIES: tuple[str, ...] = (
    "3D Glasses",
    "Bandana",
    "Beanie",
    "Big Beard",
    "Big Shades",
    "Black Lipstick",
    "Blonde Bob",
    "Blonde Short",
    "Blue Eye Shadow",
    "Buck Teeth",
    "Cap",
    "Cap Forward",
    "Chinstrap",
    "Choker",
    "Cigarette",
    "Classic Shades",
    "Clown Eyes Blue",
    "Clown Eyes Green",
    "Clown Hair Green",
    "Clown Nose",
    "Cowboy Hat",
    "Crazy Hair",
    "Dark Hair",
    "Do-rag",
    "Earring",
    "Eye Mask",
    "Eye Patch",
    "Fedora",
    "Front Beard",
    "Front Beard Dark",
    "Frown",
    "Frumpy Hair",
    "Goat",
    "Gold Chain",
    "Green Eye Shadow",
    "Half Shaved",
    "Handlebars",
    "Headband",
    "Hoodie",
    "Horned Rim Glasses",
    "Hot Lipstick",
    "Knitted Cap",
    "Luxurious Beard",
    "Medical Mask",
    "Messy Hair",
    "Mohawk",
    "Mohawk Dark",
    "Mohawk Thin",
    "Mole",
    "Mustache",
    "Muttonchops",
    "Nerd Glasses",
    "Normal Beard",
    "Normal Beard Black",
    "Orange Side",
    "Peak Spike",
    "Pigtails",
    "Pilot Helmet",
    "Pink With Hat",
    "Pipe",
    "Police Cap",
    "Purple Eye Shadow",
    "Purple Hair",
    "Purple Lipstick",
    "Red Mohawk",
    "Regular Shades",
    "Rosy Cheeks",
    "Shadow Beard",
    "Shaved Head",
    "Silver Chain",
    "Small Shades",
    "Smile",
    "Spots",
    "Straight Hair",
    "Straight Hair Blonde",
    "Straight Hair Dark",
    "Stringy Hair",
    "Tassle Hat",
    "Tiara",
    "Top Hat",
    "VR",
    "Vampire Hair",
    "Vape",
    "Welding Goggles",
    "Wild Blonde",
    "Wild Hair",
    "Wild White Hair",
)

LABELS: tuple[str, ...] = TYPES + ACCESSORIES
"""Names of all 92 labels, in the order of label vectors."""

TYPE_IDS: dict[str, int] = {name: i for i, name in enumerate(TYPES)}
"""Index of each type in `TYPES`, by name."""
ACCESSORY_IDS: dict[str, int] = {name: i for i, name in enumerate(ACCESSORIES)}
"""Index of each accessory in `ACCESSORIES`, by name."""


def normalize_name(name: str) -> str:
    """Return the letters and digits of a name in lower case: "Do-rag" gives "dorag"."""
    return "".join(c for c in name if c.isalnum()).casefold()


_KNOWN = frozenset(LABELS)
_BY_NORMALIZED: dict[str, str] = {normalize_name(name): name for name in LABELS}


def find_label(name: str) -> str | None:
    """Return the label with this name, ignoring case and punctuation; None if there is none."""
    # Almost all names are spelled exactly. Normalizing all of them would dominate parsing time.
    return name if name in _KNOWN else _BY_NORMALIZED.get(normalize_name(name))


def encode_labels(punk_type: str, accessories: Iterable[str]) -> NDArray[np.uint8]:
    """Return the label vector of 0 and 1, uint8 (92,), in the order of `LABELS`.

    Raises:
        KeyError: A name is not spelled as in `TYPES` or `ACCESSORIES`.
    """
    labels = np.zeros(len(LABELS), np.uint8)
    labels[TYPE_IDS[punk_type]] = 1
    for name in accessories:
        labels[len(TYPES) + ACCESSORY_IDS[name]] = 1
    return labels


def decode_labels(labels: NDArray[np.uint8]) -> tuple[str, tuple[str, ...]]:
    """Return the type and the accessories of a label vector (92,), in the order of `ACCESSORIES`.

    Raises:
        ValueError: The vector does not have exactly one type.
    """
    types = np.flatnonzero(labels[: len(TYPES)])
    if len(types) != 1:
        raise ValueError(f"a punk has exactly one type, not {len(types)}")
    accessories = np.flatnonzero(labels[len(TYPES) :])
    return TYPES[types[0]], tuple(ACCESSORIES[i] for i in accessories)
