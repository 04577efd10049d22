"""What the real API does, or may do, besides what its document says.

`FakeOpenSea.oddities` switches these behaviors on, in any combination, also with `Faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.opensea_documents import json_reply
from support.opensea_faults import Reply
from support.sales_events import Json
from support.sprites import FakePunk

REFUSED: Reply = json_reply(403, {"errors": ["Forbidden"]})
BROKEN: Reply = json_reply(500, {"errors": ["Internal error"]})
WEB_PAGE: Reply = (403, b"<html><title>Just a moment</title></html>", {"content-type": "text/html"})
NOT_JSON: Reply = (200, b"[not json", {"content-type": "application/json"})


@dataclass
class Oddities:
    """Behaviors of the API that are not in its document."""

    replies: dict[str, Reply] = field(default_factory=dict)
    """Replies that replace those of all endpoints whose path contains the key. "$" stands for the
    end of a path, and "?traits" for that of a list of tokens with a trait. Refused keys are still
    answered with 401."""
    poison_ids: frozenset[int] = frozenset()
    """Tokens that make every batch fail which contains them."""
    trait_types: dict[str, Any] = field(default_factory=dict)
    """New names of the trait types "type" and "accessory", in tokens and in counts. None leaves out
    their traits and counts."""
    skin_tones: bool = False
    """Whether types carry the skin tone, for example "Male 2", as in the contract's metadata."""
    more_traits: list[Json] = field(default_factory=list)
    """Traits that every token has besides its own."""
    change_token: Callable[[Json], Any] = lambda token: token
    """Function that may replace a token of lists and of batches, for example by an invalid row."""
    extra_events: list[Any] = field(default_factory=list)
    """Rows of every list of sales, of any type."""
    ignores_token: bool = False
    """Whether the list of the sales of one token has the sales of all tokens."""
    contracts: list[Any] | None = None
    """Contracts of the collection, if not only that of 2017."""

    def find_reply(self, path: str, query: dict[str, str], body: bytes) -> Reply | None:
        """Return the reply that replaces that of an endpoint, or None."""
        if any(f'"{punk_id}"'.encode() in body for punk_id in self.poison_ids):
            return BROKEN
        place = path + ("?traits" if "traits" in query else "$")
        return next((reply for part, reply in self.replies.items() if part in place), None)

    def make_traits(self, punk: FakePunk, names: list[str]) -> list[tuple[Any, str]]:
        """Return the trait types and values of a punk, whose accessories have these names."""
        pairs = [("type", self.spell_type(punk)), *(("accessory", name) for name in names)]
        renamed = [(self.trait_types.get(kind, kind), value) for kind, value in pairs]
        return [(kind, value) for kind, value in renamed if kind is not None]

    def spell_type(self, punk: FakePunk) -> str:
        return f"{punk.type} {1 + punk.punk_id % 4}" if self.skin_tones else punk.type

    def rename_counts(self, counts: Json) -> Json:
        renamed = {self.trait_types.get(kind, kind): values for kind, values in counts.items()}
        return {kind: values for kind, values in renamed.items() if kind is not None}
