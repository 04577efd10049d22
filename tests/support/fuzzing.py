"""Random damage to bytes and JSON, and a check that a reader handles it.

The fuzz tests in tests/fuzz use this module. FUZZ_EXAMPLES sets the number of inputs per test, and
FUZZ_SEED repeats a single one of those that come from a seed.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from punkdata.errors import PunkError

MAX_MEMORY_MIB = 1500
"""Limit for the memory of the whole process, including imported libraries."""

NUM_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
"""Number of inputs per test."""

fuzz_settings = settings(
    max_examples=NUM_EXAMPLES,
    # In ms. The slowest input takes 0.5 s, but has taken 10 s on a busy machine.
    deadline=60_000,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def for_each_seed(check: Callable[[random.Random], None], num: int = NUM_EXAMPLES) -> None:
    """Call `check` with a random generator for each seed from 0 on, or of FUZZ_SEED alone.

    A failure names the seed.
    """
    only = os.environ.get("FUZZ_SEED")
    for seed in [int(only)] if only else range(num):
        try:
            check(random.Random(seed))
        except Exception as error:
            error.add_note(f"repeat this alone with FUZZ_SEED={seed}")
            raise


ByteEdit = tuple[str, float, bytes]
"""Kind of edit, position as a fraction of the length, and bytes to write."""
byte_edits: st.SearchStrategy[list[ByteEdit]] = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "repeat", "truncate"]),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def damage_bytes(data: bytes, edits: list[ByteEdit]) -> bytes:
    """Return a copy in which bytes are replaced, inserted, deleted, repeated or truncated."""
    damaged = bytearray(data)
    for kind, position, piece in edits:
        at = int(position * len(damaged))
        if kind == "replace":
            damaged[at : at + len(piece)] = piece
        elif kind == "insert":
            damaged[at:at] = piece
        elif kind == "delete":
            del damaged[at : at + len(piece)]
        elif kind == "repeat":
            damaged[at:at] = damaged[at : at + 4 * len(piece)]
        else:
            del damaged[at + 1 :]
    return bytes(damaged)


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["../../x", "0x0", "1e9", "-1", "9" * 400, "\ud800", "\x00", "https://[x"])
)
_values = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))

JsonEdit = tuple[float, str, Any]
"""Position as a fraction of the number of values, kind of edit, and a new value."""
json_edits: st.SearchStrategy[list[JsonEdit]] = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["replace", "delete", "duplicate"]), _values),
    min_size=1,
    max_size=4,
)


def damage_json(data: Any, edits: list[JsonEdit]) -> bytes:
    """Return the JSON of a copy in which values are replaced, deleted or duplicated."""
    damaged = copy.deepcopy(data)
    for position, kind, value in edits:
        places = list(_iter_places(damaged))
        if not places:
            break
        container, key = places[min(int(position * len(places)), len(places) - 1)]
        if kind == "replace":
            container[key] = copy.deepcopy(value)  # Another edit may change it.
        elif kind == "delete":
            del container[key]
        elif isinstance(container, list):
            container.append(container[key])
        else:
            container[f"{key} "] = container[key]
    return json.dumps(damaged).encode()


def _iter_places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key or index of every value, at all depths."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield data, key
        if isinstance(value, dict | list):
            yield from _iter_places(value)


def check_reader(read: Callable[[], Any]) -> None:
    """Check that a reader returns or raises a one-line PunkError, and needs little memory."""
    message = "read"
    try:
        result = read()
        if hasattr(result, "__next__"):
            list(result)
    except PunkError as error:
        message = str(error)
    assert message.strip()
    assert "\n" not in message
    # ru_maxrss is in bytes on macOS, and in KiB on Linux.
    units_per_mib = 2**20 if sys.platform == "darwin" else 2**10
    used_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units_per_mib
    assert used_mib < MAX_MEMORY_MIB
