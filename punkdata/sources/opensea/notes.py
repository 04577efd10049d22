"""Notes on rows that a fetch could not use as they are, and their summary in one line per kind."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

NO_TIME = "left out {sales} without a readable time"
NO_IDENTIFIER = "left out {sales} without a readable token identifier"
NO_AMOUNT = "left out {sales} without a readable amount"
UNREADABLE_SALE = "left out {sales} that cannot be read"
NO_SALE = "left out {events} of another type than sale"
UNLISTED_SALE = "kept {sales} of an earlier fetch, although the API lists none since then"
SALE_ELSEWHERE = "left out {sales} on another contract or chain, or in another collection"
OTHER_UNIT = "read the time of {sales} in milliseconds or microseconds instead of seconds"
NO_PAYMENT = "kept {sales} without a price, because the payment is missing"
SALE_NOT_IN_ETH = (
    "kept {sales} without a price in ETH, because the currency has the symbol of ETH, WETH or "
    "BETH, but another address or number of decimals"
)
UNREADABLE_LISTING = "left out {listings} that cannot be read"
LISTING_ELSEWHERE = "left out {listings} on another contract or chain, or in another collection"
INACTIVE_LISTING = "left out {listings} without an active order"
PRIVATE_LISTING = "left out {listings} that only one address may accept"
BUNDLE = "left out {listings} of several tokens together"
LISTING_NOT_IN_ETH = SALE_NOT_IN_ETH.replace("sales", "listings")


@dataclass(frozen=True)
class Note:
    """A note about a row: its kind (one of the texts above), and an example.

    If `is_lost`, the price of a sale is unknown because of this row. `punk_id` is None if unknown.
    """

    kind: str
    example: str
    is_lost: bool = False
    punk_id: int | None = None


@dataclass
class NoteBook:
    """The notes on the rows of several pages; a row that overlapping pages repeat counts once."""

    _notes: dict[tuple[str, str, int], Note] = field(default_factory=dict)
    _on_page: Counter[tuple[str, str]] = field(default_factory=Counter)

    def start_page(self) -> None:
        self._on_page.clear()

    def add(self, row: object, notes: Iterable[Note]) -> None:
        """Add notes on a row. The same row again on the same page is another row."""
        for note in notes:
            key = note.kind, repr(row)
            self._notes.setdefault((*key, self._on_page[key]), note)
            self._on_page[key] += 1

    def clear(self) -> None:
        self._notes.clear()

    def merge(self, other: "NoteBook") -> None:
        """Add the notes of another collection, except on rows that this one has."""
        self._notes = other._notes | self._notes

    def about(self, known_ids: Iterable[int]) -> list[Note]:
        """Return the notes, except those that are certainly about other punks."""
        wanted = {None, *known_ids}
        return [note for note in self._notes.values() if note.punk_id in wanted]


def summarize_notes(notes: Iterable[Note]) -> list[str]:
    """Return one line per kind of note, with the number of rows and the first example."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for note in notes:
        counts[note.kind] += 1
        examples.setdefault(note.kind, note.example)
    lines = []
    for kind, n in counts.items():
        rows = {f"{noun}s": f"{n:,} {noun}{'s' * (n > 1)}" for noun in ("sale", "event", "listing")}
        such_as = "for example " if n > 1 else ""
        lines.append(f"{kind.format(**rows)} ({such_as}{examples[kind]})")
    return lines
