"""The accounts that own or trade punks, as the gallery embeds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

NUM_DIGITS = 40
"""Number of hexadecimal digits of an address."""


def number_accounts(*columns: Sequence[str | None]) -> tuple[str, list[list[int | None]]]:
    """Return the digits of all addresses, joined to one text, and each column as their numbers.

    Frequent addresses come first, because small numbers are short. The number of what is no address
    is None.
    """
    stripped = [[strip_prefix(address, NUM_DIGITS) for address in column] for column in columns]
    counts = Counter(address for column in stripped for address in column if address is not None)
    ordered = sorted(counts, key=lambda address: (-counts[address], address))
    numbers = {address: number for number, address in enumerate(ordered)}
    numbered = [[numbers.get(address or "") for address in column] for column in stripped]
    return "".join(ordered), numbered


def strip_prefix(number: str | None, num_digits: int) -> str | None:
    """Return the digits of a number such as 0x12ab, or None if it has another form."""
    digits = (number or "").removeprefix("0x").lower()
    is_whole = len(digits) == num_digits and not digits.strip("0123456789abcdef")
    return digits if is_whole else None
