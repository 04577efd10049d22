"""The labels of a punk, 5 types and 87 accessories in a fixed order, and which occur together.

    >>> encode_labels("Zombie", ["Pipe"]).sum()
    np.uint8(2)
    >>> decode_labels(encode_labels("Zombie", ["Pipe"]))
    ('Zombie', ('Pipe',))

`LABELS` is the order of every label vector in punkdata and punkmodels: the types, then the
accessories, each sorted as Python sorts strings. `data/traits.toml` lists the names, spelled as in
the CryptoPunks contract (for example "Tassle Hat" and "Do-rag"). The rules of `check_traits` hold
for all 10,000 CryptoPunks.
"""

import tomllib
from collections.abc import Collection, Iterable
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import UsageError

_TRAITS: dict[str, Any] = tomllib.loads(
    resources.files("punkdata").joinpath("data/traits.toml").read_text("utf-8")
)
ACCESSORY_KINDS: dict[str, tuple[str, ...]] = {
    kind: tuple(sorted(name for names in groups.values() for name in names))
    for kind, groups in _TRAITS["accessories"].items()
}
"""All 87 accessories by kind, for example "hats"."""

TYPES: tuple[str, ...] = tuple(_TRAITS["types"])
ACCESSORIES: tuple[str, ...] = tuple(
    sorted(name for names in ACCESSORY_KINDS.values() for name in names)
)
LABELS: tuple[str, ...] = TYPES + ACCESSORIES
"""Names of all 92 labels, in the order of label vectors."""
TYPE_IDS: dict[str, int] = {name: i for i, name in enumerate(TYPES)}
ACCESSORY_IDS: dict[str, int] = {name: i for i, name in enumerate(ACCESSORIES)}

ACCESSORY_SLOTS: tuple[tuple[str, ...], ...] = (
    ACCESSORY_KINDS["hats"] + ACCESSORY_KINDS["hair"],
    ACCESSORY_KINDS["glasses"] + ACCESSORY_KINDS["eye make-up"],
    *(
        ACCESSORY_KINDS[kind]
        for kind in ("beards", "mouths", "mouthpieces", "cheeks", "noses", "ears", "necks")
    ),
)
"""The accessories in nine slots; a punk has at most one accessory from each."""
MAX_ACCESSORIES = 7
"""Largest number of accessories on one punk."""
_NOT_ON_APES_OR_ALIENS = ("hair", "eye make-up", "beards", "mouths", "cheeks", "noses")


def _normalize(name: str) -> str:
    """Return the letters and digits of a name in lower case: "Do-rag" gives "dorag"."""
    return "".join(c for c in name if c.isalnum()).casefold()


_LABEL_BY_NAME = {_normalize(name): name for name in LABELS} | {name: name for name in LABELS}


def find_label(name: str) -> str | None:
    """Return the label with this name, ignoring case and punctuation; None if there is none."""
    # Almost all names are spelled exactly. Normalizing all of them would dominate parsing time.
    return _LABEL_BY_NAME.get(name) or _LABEL_BY_NAME.get(_normalize(name))


def encode_labels(punk_type: str, accessories: Iterable[str]) -> NDArray[np.uint8]:
    """Return the label vector of 0 and 1, uint8 (92,), in the order of `LABELS`.

    Raises KeyError if a name is not spelled as in `TYPES` or `ACCESSORIES`.
    """
    labels = np.zeros(len(LABELS), np.uint8)
    labels[TYPE_IDS[punk_type]] = 1
    for name in accessories:
        labels[len(TYPES) + ACCESSORY_IDS[name]] = 1
    return labels


def decode_labels(labels: NDArray[np.bool_ | np.uint8]) -> tuple[str, tuple[str, ...]]:
    """Return the type and the accessories of a label vector (92,), in the order of `ACCESSORIES`.

    Raises ValueError if the vector does not have exactly one type.
    """
    types = np.flatnonzero(labels[: len(TYPES)])
    if len(types) != 1:
        raise ValueError(f"a punk has exactly one type, not {len(types)}")
    accessories = np.flatnonzero(labels[len(TYPES) :])
    return TYPES[types[0]], tuple(ACCESSORIES[i] for i in accessories)


def allowed_accessories(punk_type: str) -> frozenset[str]:
    """Return the accessories that punks of a type can have."""
    excluded_group = "never_female" if punk_type == "Female" else "female_only"
    excluded_kinds = _NOT_ON_APES_OR_ALIENS if punk_type in ("Ape", "Alien") else ()
    return frozenset(
        name
        for kind, groups in _TRAITS["accessories"].items()
        for group, names in groups.items()
        for name in names
        if kind not in excluded_kinds and group != excluded_group
    )


def check_traits(punk_type: str, accessories: Collection[str]) -> None:
    """Raise UsageError unless a punk of this type can have these accessories at the same time.

    The hint of the error lists the alternatives, if any.
    """
    allowed = allowed_accessories(punk_type)
    for name in accessories:
        if name not in allowed:
            kind = next(kind for kind, names in ACCESSORY_KINDS.items() if name in names)
            others = ", ".join(other for other in ACCESSORY_KINDS[kind] if other in allowed)
            raise UsageError(
                f"a punk of the type {punk_type} cannot wear {name}",
                hint=f"{kind} that it can wear: {others}"
                if others
                else f'no accessory of the kind "{kind}" is possible for this type',
            )
    for slot in ACCESSORY_SLOTS:
        worn = [name for name in slot if name in accessories]
        if len(worn) > 1:
            raise UsageError(
                f"{', '.join(worn[:-1])} and {worn[-1]} cannot be worn together",
                hint="choose one of them",
            )
    if (count := len(set(accessories))) > MAX_ACCESSORIES:
        raise UsageError(
            f"a punk can wear at most {MAX_ACCESSORIES} accessories, not {count}",
            hint="choose fewer accessories",
        )
