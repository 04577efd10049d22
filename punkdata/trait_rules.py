"""Rules on which traits a punk can have, as observed in all 10,000 CryptoPunks.

Each accessory belongs to one of 11 kinds, and each kind to one of nine slots. A punk has at most
one accessory per slot and at most seven in total. Apes and Aliens have no accessories of some
kinds, and 24 accessories occur only on Females, 28 others never on Females.
"""

from __future__ import annotations

from collections.abc import Collection

from punkdata.errors import UsageError
from punkdata.traits import ACCESSORIES, ACCESSORY_GROUPS

ACCESSORY_KINDS: dict[str, tuple[str, ...]] = {
    kind: tuple(sorted(name for names in groups.values() for name in names))
    for kind, groups in ACCESSORY_GROUPS.items()
}
"""All 87 accessories by kind."""
ACCESSORY_SLOTS: tuple[tuple[str, ...], ...] = (
    ("hats", "hair"),
    ("glasses", "eye make-up"),
    *((kind,) for kind in ("beards", "mouths", "mouthpieces", "cheeks", "noses", "ears", "necks")),
)
"""The nine slots; a punk has at most one accessory of the kinds in a slot."""
MAX_ACCESSORIES = 7
"""Largest number of accessories on one punk."""
_NOT_ON_APES_OR_ALIENS = ("hair", "eye make-up", "beards", "mouths", "cheeks", "noses")


def _find_group(group: str) -> frozenset[str]:
    """Return the accessories of all kinds that `data/traits.toml` lists in this group."""
    kinds = ACCESSORY_GROUPS.values()
    return frozenset(name for groups in kinds for name in groups.get(group, ()))


FEMALE_ONLY = _find_group("female_only")
NEVER_FEMALE = _find_group("never_female")


def allowed_accessories(punk_type: str) -> frozenset[str]:
    """Return the accessories that punks of a type can have."""
    if punk_type == "Female":
        return frozenset(ACCESSORIES) - NEVER_FEMALE
    excluded = _NOT_ON_APES_OR_ALIENS if punk_type in ("Ape", "Alien") else ()
    names = {name for kind in excluded for name in ACCESSORY_KINDS[kind]}
    return frozenset(ACCESSORIES) - FEMALE_ONLY - names


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
                hint=f"{kind} that it can wear: {others or 'none'}",
            )
    for slot in ACCESSORY_SLOTS:
        worn = [name for kind in slot for name in ACCESSORY_KINDS[kind] if name in accessories]
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
