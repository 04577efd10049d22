"""The labels of a punk, read from the traits of its token.

A known value is either a type or an accessory, so the name of its trait type does not matter:
"accessory", "Accessory", "attribute" or none at all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from punkdata.sources.opensea.api.schemas import Trait
from punkdata.traits import ACCESSORIES, TYPES, find_label

PSEUDO_ACCESSORY = re.compile(r"([0-9]) attributes?", re.IGNORECASE)
"""Values such as "3 attributes", which are no accessories but state how many a punk has."""
LABEL_KINDS = frozenset({"type", "accessory", "attribute"})
"""Trait types, in lower case, all of whose values should be labels."""
MAX_VALUE_CHARS = 40
"""Length to which values are shortened in messages; longer ones are never labels."""
_SKIN_TONE = re.compile(r"[\s_#-]*[0-9]{1,2}$")
"""End of a type that is spelled as in the contract's own metadata, for example "Male 2"."""

Labels = tuple[str, tuple[str, ...]]
"""Type and accessories of a punk; the accessories are in the order of `ACCESSORIES`."""


@dataclass(frozen=True)
class ParsedTraits:
    """The labels that traits describe. If `labels` is None, `problem` says what the traits lack.

    `ignored` has the traits (trait type, value) that are no labels, and need not be.
    """

    labels: Labels | None
    problem: str
    ignored: tuple[tuple[str, str], ...]


def find_trait_label(value: str) -> str | None:
    """Return the label that a trait's value means, which may be a type with a skin tone."""
    if len(value) > MAX_VALUE_CHARS:
        return None
    if label := find_label(value):
        return label
    base = find_label(_SKIN_TONE.sub("", value))
    return base if base in TYPES else None


def parse_traits(traits: Iterable[Trait]) -> ParsedTraits:
    """Return the labels of a token with these traits, or why they do not describe one punk.

    A pseudo-accessory such as "3 attributes" is compared with the number of accessories. Types
    under another trait type, for example a "gender", count only if there is no trait type "type".
    """
    types: dict[str, str] = {}
    accessories: set[str] = set()
    ignored: list[tuple[str, str]] = []
    problems: list[str] = []
    reported_count: int | None = None
    for trait in traits:
        kind, value = to_text(trait.trait_type), to_text(trait.value)
        if count := PSEUDO_ACCESSORY.fullmatch(value):
            reported_count = int(count[1])
        elif label := find_trait_label(value):
            if label in ACCESSORIES:
                accessories.add(label)
            elif types.get(label, "").casefold() != "type":
                types[label] = kind
        elif kind.casefold() in LABEL_KINDS:
            problems.append(f"has the unknown {kind.casefold()} {shorten(value)!r}")
        else:
            ignored.append((shorten(kind), shorten(value)))

    names = [name for name, kind in types.items() if kind.casefold() == "type"] or list(types)
    ignored += [(shorten(kind), name) for name, kind in types.items() if name not in names]
    if len(names) != 1:
        problems.append(_describe_types(names, ignored))
    if reported_count not in (None, len(accessories)):
        problems.append(f"has {reported_count} attributes but lists {len(accessories)}")
    if problems:
        return ParsedTraits(None, problems[0], tuple(ignored))
    labels = names[0], tuple(name for name in ACCESSORIES if name in accessories)
    return ParsedTraits(labels, "", tuple(ignored))


def _describe_types(types: list[str], ignored: list[tuple[str, str]]) -> str:
    if types:
        return f"has {len(types)} types among its traits ({', '.join(sorted(types))})"
    kinds = sorted({repr(kind) for kind, _ in ignored})[:5]
    seen = f"; unknown trait types: {', '.join(kinds)}" if kinds else ""
    return f"has no type among its traits{seen}"


def to_text(value: Any) -> str:
    """Return a value of a reply as text without surrounding spaces; "" for null."""
    if value is None:
        return ""
    try:
        return str(value).strip()
    except (ValueError, RecursionError):  # An integer of thousands of digits, or deep nesting.
        return "?"


def shorten(text: str) -> str:
    return text[:MAX_VALUE_CHARS]
