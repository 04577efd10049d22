"""The API's counts of tokens by trait, and the comparison of the collected labels with them.

The counts are optional. Where they are there, they reveal labels that the tokens' own traits lack.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from punkdata.sources.opensea.api.schemas import TraitCounts
from punkdata.sources.opensea.labels import PSEUDO_ACCESSORY, Labels, find_trait_label, shorten
from punkdata.traits import ACCESSORIES, TYPES

MAX_WITHOUT_ACCESSORIES = 8
"""Number of CryptoPunks that have no accessory at all."""
_MAX_NAMED = 5
"""Number of trait types or labels that messages name."""


@dataclass
class LabelCounts:
    """Number of punks with each label, according to the API.

    `filters` has the traits (trait type, value) of each label, of which a type may have several:
    "Male 1" to "Male 4". `unknown` has the values that are no labels, by trait type.
    """

    by_label: dict[str, int] = field(default_factory=dict)
    filters: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)

    @property
    def num_by_type(self) -> int:
        """Number of punks of all types together; 0 if types are not counted."""
        return sum(self.by_label.get(name, 0) for name in TYPES)

    def count_kinds(self) -> list[Collection[str]]:
        """Return the types, the accessories, or both: the labels that are counted at all."""
        return [names for names in (TYPES, ACCESSORIES) if self.by_label.keys() & set(names)]


def read_label_counts(reply: TraitCounts) -> LabelCounts:
    """Return the counts by label. If two trait types count a label, the larger number counts."""
    counts = LabelCounts()
    for kind, values in reply.counts.items():
        in_kind: Counter[str] = Counter()
        filters: dict[str, list[tuple[str, str]]] = {}
        for value, count in values.items():
            if label := find_trait_label(value.strip()):
                in_kind[label] += count
                filters.setdefault(label, []).append((kind, value))
            elif not PSEUDO_ACCESSORY.fullmatch(value.strip()):
                counts.unknown.setdefault(kind, []).append(value)
        for label, count in in_kind.items():
            if count > counts.by_label.get(label, -1):
                counts.by_label[label], counts.filters[label] = count, filters[label]
    return counts


def compare_label_counts(
    labels: Iterable[Labels],
    counts: LabelCounts,
    ignored: Iterable[tuple[str, str]],
    num_missing: int = 0,
) -> list[str]:
    """Return warnings about labels whose number of punks differs from the API's count.

    A label that too few punks have is not reported if the `num_missing` punks without labels may
    have it. Trait types without known labels are reported, too, unless `ignored` has them.
    """
    listed = Counter(name for kind, names in labels for name in (kind, *names))
    counted = [name for names in counts.count_kinds() for name in names]
    reported = {name: counts.by_label.get(name, 0) for name in counted}
    differences = [
        f"the API counts {number:,} punks with {name}, but lists {listed[name]:,}"
        for name, number in reported.items()
        if not 0 <= number - listed[name] <= num_missing
    ]
    ignored_kinds = {kind for kind, _ in ignored}
    unknown = [
        f"unknown values of {shorten(kind)!r} in the API's trait counts: "
        f"{len(values):,}, for example {shorten(values[0])!r}"
        for kind, values in counts.unknown.items()
        if shorten(kind) not in ignored_kinds
    ]
    return [
        *_shorten_list(unknown, "further trait types without known labels in the API's counts"),
        *_shorten_list(differences, "further labels whose counts differ"),
    ]


def _shorten_list(warnings: list[str], rest: str) -> list[str]:
    """Return the first warnings, and one that counts the others."""
    num_left = len(warnings) - _MAX_NAMED
    return warnings[:_MAX_NAMED] + ([f"{rest}: {num_left:,}"] if num_left > 0 else [])


def summarize_ignored(traits: Iterable[tuple[str, str]]) -> list[str]:
    """Return one warning for each type of these ignored traits (trait type, value)."""
    numbers: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for kind, value in traits:
        numbers[kind] += 1
        examples.setdefault(kind, value)
    warnings = [
        f"ignored traits of the unknown type {kind!r}: {number:,}, for example {examples[kind]!r}"
        for kind, number in numbers.most_common()
    ]
    return _shorten_list(warnings, "further unknown trait types that were ignored")


def explain_missing_accessories(
    labels: Mapping[int, Labels],
    counts: LabelCounts,
    ignored: Iterable[tuple[str, str]],
    *,
    is_whole: bool,
) -> str | None:
    """Return why it must be wrong that no punk has an accessory; None if it may be right.

    A few punks without any accessory exist, so a small sample may consist of them, unless its
    tokens have traits of unknown types, in which the accessories may hide. With `is_whole`, the
    punks are not a sample, so they should have the accessories that the API counts.
    """
    if not labels or any(accessories for _, accessories in labels.values()):
        return None
    is_counted = ACCESSORIES in counts.count_kinds()
    kinds = {kind for kind, _ in ignored}
    # If accessories are counted, the trait types that are counted without any hide none.
    harmless = {shorten(kind) for kind in counts.unknown} if is_counted else set()
    is_suspicious = bool(kinds - harmless) or (is_whole and is_counted)
    if len(labels) <= MAX_WITHOUT_ACCESSORIES and not is_suspicious:
        return None
    seen = ", ".join(map(repr, sorted(kinds)[:_MAX_NAMED]))
    return f"no punk has any accessory{'; unknown trait types: ' if seen else ''}{seen}"
