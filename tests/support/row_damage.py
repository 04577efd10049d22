"""Random damage to rows of JSON documents, chosen by a seed, and a check of messages about it.

The fuzz tests of rows and the tests with damaged servers use it. The damage is what replies of
real servers have had (other types, missing fields, scientific notation, wrong case), and worse.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

from support.opensea_api import KEY

from punkdata.errors import PunkError
from punkdata.sources.opensea.api.schemas import parse_body

Change = Callable[[str, Any], Any]
"""Function from a path such as "/nfts/batch" and a JSON document to the document that is sent."""

MAX_MESSAGE_CHARS = 600
"""Length above which a message for the user is not one that is read."""

MAX_WARNINGS = 24
"""Number of warnings that a person still reads."""

_RAW = re.compile(r'"<raw ([^>"]*)>"')


def raw_json(text: str) -> str:
    """Return a value that `dump_json` writes as this text, which Python would write differently."""
    return f"<raw {text}>"


def dump_json(data: Any) -> bytes:
    return _RAW.sub(lambda match: match[1], json.dumps(data)).encode()


def nested_lists(depth: int) -> str:
    return raw_json("[" * depth + "]" * depth)


ODD_VALUES: list[Any] = [
    *(None, True, False, "", " ", "null", "None", "-", "?", 0, 1, -1, 7, 10_000, 10**9, 10**40),
    *("0", "-1", "1.5", "1e3", "1E+2", "0x10", "1_000", "９", "9" * 400, "1e999999999", "nan"),
    *(raw_json(n) for n in ("1e3", "5.93e18", "-0.0", "0.1", "1e400", "1e999999999", "9" * 5000)),
    *(raw_json(n) for n in ("NaN", "Infinity", "-Infinity", f"1e{'9' * 30}", f"-{'9' * 400}")),
    *("\ud800", "\udfff\ud800", "\x00", "a\nb", "\x1b[31m", "\u202e\u2066", "\ufeff7", "x" * 5000),
    *("../../etc/passwd", "https://[x", "data:image/png;base64,AAAA", f"key {KEY} again"),
    *([], {}, [[]], [None], {"": None}, {"value": {"value": 1}}, [{"trait_type": "type"}]),
    *(nested_lists(depth) for depth in (10, 60, 150, 300, 900)),
]


def choose_odd_value(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(ODD_VALUES))  # Another edit may change it.


def damage_row(rng: random.Random, row: Any) -> Any:
    """Return something else in place of a row: an odd value, or a copy with up to three edits."""
    if rng.random() < 0.15 or not isinstance(row, dict | list):
        return choose_odd_value(rng)
    damaged = copy.deepcopy(row)
    for _ in range(rng.randint(1, 3)):
        places = list(_iter_places(damaged))
        if places:
            _edit(rng, *rng.choice(places))
    return damaged


def _iter_places(data: Any) -> Any:
    """Yield the container and the key or index of every value, at all depths."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(items):
        yield data, key
        if isinstance(value, dict | list):
            yield from _iter_places(value)


def _edit(rng: random.Random, container: Any, key: Any) -> None:
    value = container[key]
    match rng.choice(["odd", "odd", "delete", "wrap", "spell", "rename", "repeat"]):
        case "odd":
            container[key] = choose_odd_value(rng)
        case "delete":
            del container[key]
        case "wrap":
            container[key] = [value]
        case "spell":
            container[key] = _spell_differently(rng, value)
        case "rename" if isinstance(container, dict):
            container[rng.choice([str.upper, str.title, lambda k: f"{k}_"])(key)] = value
            del container[key]
        case _ if isinstance(container, list):
            container.append(copy.deepcopy(value))


def _spell_differently(rng: random.Random, value: Any) -> Any:
    """Return a number as a string and the other way round, or a string in another spelling."""
    if isinstance(value, str) and value.isdecimal() and rng.random() < 0.7:
        return rng.choice([int(value), raw_json(f"{value}.0"), f"{value}.0", f"{value}e0"])
    if isinstance(value, str):
        return rng.choice([value.upper(), value.title(), f" {value} ", value + "\n"])
    return str(value) if isinstance(value, int) else [value]


def check_message(text: str, max_chars: int = MAX_MESSAGE_CHARS) -> None:
    """Check that a message is one short line without control characters."""
    assert text.strip(), "an empty message"
    assert text.isprintable(), f"a control character: {text!r}"
    assert len(text) <= max_chars, f"{len(text)} characters: {text!r}"


def catch(read: Callable[[], Any]) -> Any:
    """Return a result, or None if reading ends with an error, whose message is checked."""
    try:
        return read()
    except PunkError as error:
        check_message(str(error))
        return None


def check_warnings(lines: list[str]) -> None:
    """Check that these are few readable messages."""
    assert len(lines) <= MAX_WARNINGS
    for line in lines:
        check_message(line)


def damage_some(rng: random.Random, rows: list[Any]) -> tuple[list[Any], set[int]]:
    """Return the rows, of which one to four are damaged, and the numbers of these."""
    chosen = set(rng.sample(range(len(rows)), rng.randint(1, 4)))
    return [damage_row(rng, r) if i in chosen else r for i, r in enumerate(rows)], chosen


def parse_rows(model: Any, name: str, rows: list[Any]) -> Any:
    """Return a list that a reply contains, as a fetch reads it."""
    return parse_body(model, f"GET /{name}", dump_json({name: rows, "next": None}))
