"""The labels of a punk: 5 types and 87 accessories in a fixed order.

    >>> encode_labels("Zombie", ["Pipe"]).sum()
    np.uint8(2)
    >>> decode_labels(encode_labels("Zombie", ["Pipe"]))
    ('Zombie', ('Pipe',))

`LABELS` is the order of every label vector in punkdata and punkmodels: the types, then the
accessories, each sorted as Python sorts strings. `data/traits.toml` lists the names, spelled as in
the CryptoPunks contract (for example "Tassle Hat" and "Do-rag").
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TRAITS: dict[str, Any] = tomllib.loads(
    resources.files("punkdata").joinpath("data/traits.toml").read_text("utf-8")
)
ACCESSORY_GROUPS: dict[str, dict[str, list[str]]] = _TRAITS["accessories"]
"""Names of the accessories by kind, then by the punks that have them."""

TYPES: tuple[str, ...] = tuple(_TRAITS["types"])
ACCESSORIES: tuple[str, ...] = tuple(
    sorted(
        name for groups in ACCESSORY_GROUPS.values() for names in groups.values() for name in names
    )
)
LABELS: tuple[str, ...] = TYPES + ACCESSORIES
"""Names of all 92 labels, in the order of label vectors."""
TYPE_IDS: dict[str, int] = {name: i for i, name in enumerate(TYPES)}
ACCESSORY_IDS: dict[str, int] = {name: i for i, name in enumerate(ACCESSORIES)}


def _normalize(name: str) -> str:
    """Return the letters and digits of a name in lower case: "Do-rag" gives "dorag"."""
    return "".join(c for c in name if c.isalnum()).casefold()


_LABEL_SET = frozenset(LABELS)
_BY_NORMALIZED = {_normalize(name): name for name in LABELS}


def find_label(name: str) -> str | None:
    """Return the label with this name, ignoring case and punctuation; None if there is none."""
    # Almost all names are spelled exactly. Normalizing all of them would dominate parsing time.
    return name if name in _LABEL_SET else _BY_NORMALIZED.get(_normalize(name))


def encode_labels(punk_type: str, accessories: Iterable[str]) -> NDArray[np.uint8]:
    """Return the label vector of 0 and 1, uint8 (92,), in the order of `LABELS`.

    Raises KeyError if a name is not spelled as in `TYPES` or `ACCESSORIES`.
    """
    labels = np.zeros(len(LABELS), np.uint8)
    labels[TYPE_IDS[punk_type]] = 1
    for name in accessories:
        labels[len(TYPES) + ACCESSORY_IDS[name]] = 1
    return labels


def decode_labels(labels: NDArray[np.uint8]) -> tuple[str, tuple[str, ...]]:
    """Return the type and the accessories of a label vector (92,), in the order of `ACCESSORIES`.

    Raises ValueError if the vector does not have exactly one type.
    """
    types = np.flatnonzero(labels[: len(TYPES)])
    if len(types) != 1:
        raise ValueError(f"a punk has exactly one type, not {len(types)}")
    accessories = np.flatnonzero(labels[len(TYPES) :])
    return TYPES[types[0]], tuple(ACCESSORIES[i] for i in accessories)
