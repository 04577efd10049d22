"""The replies of a fake OpenSea API, written from its published OpenAPI document.

`FakeOpenSea` answers requests without a network. `OpenSeaServer` puts it on a socket.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.opensea_documents import (
    collection_document,
    json_reply,
    key_document,
    not_found_reply,
    owner_document,
    token_document,
)
from support.opensea_faults import Faults, Reply
from support.opensea_images import add_validators, image_reply
from support.opensea_market import FakeMarket
from support.opensea_oddities import Oddities
from support.opensea_pages import Cursor, cut_page
from support.opensea_requests import Request
from support.sales_events import (
    ABSENT,
    CHAIN,
    CONTRACT,
    SLUG,
    ZERO,
    Json,
    select_sales,
    without_absent,
)
from support.sprites import FakePunk, png_bytes

KEY = "test-key-0123456789abcdef"
TOKEN_EVENTS_PATH = f"/events/chain/{CHAIN}/contract/{CONTRACT}/nfts/"
TOKEN_PATH = f"/chain/{CHAIN}/contract/{CONTRACT}/nfts/"


@dataclass
class FakeOpenSea:
    """The content of a fake OpenSea. All fields may be changed while it runs."""

    punks: list[FakePunk]
    sales: list[Json] = field(default_factory=list)
    """Events as returned by `sale_event`, in any order."""
    listings: list[Json] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    oddities: Oddities = field(default_factory=Oddities)
    market: FakeMarket = field(default_factory=FakeMarket)
    """Prices of ETH, floor prices, statistics, and the sales of wrapped punks."""
    inline_traits: bool = True
    """Whether the listed tokens include their traits, which those of the real API did not in
    2025."""
    owners: Callable[[int], Any] = lambda punk_id: [owner_document(punk_id)]
    """Function from punk_id to the owners of the token."""
    lists_owners: bool = False
    """Whether the list of tokens has their owners, too."""
    max_page_size: int = 200
    """Largest number of rows in a page, even if a request has a larger limit."""
    max_batch_size: int = 100
    """Largest number of identifiers in a batch request; 0 disables the batch endpoint."""
    blank_style: str = "absent"
    """How an optional field without a value is sent: absent, null or empty."""
    overlapping_pages: bool = False
    """Whether each page begins with the last row of the page before."""
    phantom_ids: tuple[int, ...] = ()
    """Tokens without traits that the pages list although they do not exist."""
    unlisted_ids: frozenset[int] = frozenset()
    """Tokens that no page lists although they can be requested by their id."""
    unavailable_ids: frozenset[int] = frozenset()
    """Tokens that the totals count although they cannot be requested."""
    pseudo_accessories: bool = False
    """Whether a token with three accessories also has the accessory "3 attributes"."""
    total_supply: int | None = None
    """Reported total, if it differs from the number of punks."""
    trait_counts: Json | None = None
    """Reported trait counts, if they differ from those of the punks."""
    images: dict[int, Any] = field(default_factory=dict)
    """Replies for images by punk_id: bytes, a status, a URL to redirect to, or a callable that
    returns one of these."""
    image_fields: Callable[[int], Json] | None = None
    """Function from punk_id to the image fields of the token."""
    image_scale: int = 1
    image_background: str | None = None
    image_content_type: str = "image/png"
    image_validators: tuple[str, ...] = ()
    """Validators that the replies for images have, see `opensea_images.add_validators`."""
    disabled_endpoints: tuple[str, ...] = ()
    """Endpoints that this server does not offer, for example "traits" or "listings"."""
    key: str | None = KEY
    """Expected API key. None accepts any key."""
    key_limit: str = "600/h"
    key_lifetime_s: float = 7 * 24 * 3600
    scripted: dict[str, list[Reply]] = field(default_factory=dict)
    """Replies that are sent first, in turn, by endpoint such as "POST /auth/keys" or
    "GET /events/collection/cryptopunks". They need no key."""
    base_url: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self._random = random.Random(self.faults.seed)
        self._counters: Counter[str] = Counter()
        self._pngs: dict[int, bytes] = {}
        self._png_options: tuple[int, str | None] | None = None

    # -- Endpoints -----------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request, without faults."""
        if not request.is_api:
            return self._answer_image(request)
        path = request.path.removeprefix("/api/v2")
        with self.lock:
            if replies := self.scripted.get(f"{request.method} {path}"):
                return replies.pop(0)
        if (request.method, path) == ("POST", "/auth/keys"):
            if "auth" in self.disabled_endpoints:
                return json_reply(403, {})
            document = key_document(self.key or KEY, self.key_limit, self.key_lifetime_s)
            return json_reply(201, document)
        if self.key is not None and request.key != self.key:
            return json_reply(401, {"errors": [f"Invalid API key: {request.key}"]})
        reply = self.oddities.find_reply(path, request.query, request.body)
        return reply or self._answer_endpoint(path, request)

    def _answer_endpoint(self, path: str, request: Request) -> Reply:
        endpoints: dict[tuple[str, str], Callable[[], Reply]] = {
            ("GET", f"/collections/{SLUG}"): lambda: json_reply(200, self.make_collection()),
            ("GET", f"/traits/{SLUG}"): lambda: json_reply(200, self.make_trait_counts()),
            ("GET", f"/collection/{SLUG}/nfts"): lambda: self.make_page(
                "nfts", self.list_tokens(request.query), request.query
            ),
            ("POST", "/nfts/batch"): lambda: self._answer_batch(request),
            ("GET", f"/events/collection/{SLUG}"): lambda: self.make_page(
                "asset_events", self.list_sales(request.query), request.query
            ),
            ("GET", f"/listings/collection/{SLUG}/best"): lambda: self.make_page(
                "listings", self.listings, request.query
            ),
        }
        if path.split("/")[1] in self.disabled_endpoints:
            return not_found_reply()
        if (wrapped := self.market.find_sales(path, request.query)) is not None:
            return self.make_page("asset_events", wrapped, request.query)
        if reply := self.market.find_reply(path, request.query, self.punks):
            return reply
        if request.method == "GET" and path.startswith((TOKEN_PATH, TOKEN_EVENTS_PATH)):
            return self._answer_token(path, request.query)
        return endpoints.get((request.method, path), not_found_reply)()

    def make_collection(self) -> Json:
        total = len(self.punks) if self.total_supply is None else self.total_supply
        document = collection_document(total)
        if self.oddities.contracts is not None:
            document["contracts"] = self.oddities.contracts
        return document

    def make_trait_counts(self) -> Json:
        if self.trait_counts is not None:
            return self.trait_counts
        types = Counter(self.oddities.spell_type(p) for p in self.punks)
        names = Counter(name for p in self.punks for name in p.accessories)
        if self.pseudo_accessories:
            names += Counter(f"{len(p.accessories)} attributes" for p in self.punks)
        return {
            "categories": {"type": "string", "accessory": "string"},
            "counts": self.oddities.rename_counts({"type": dict(types), "accessory": dict(names)}),
        }

    # -- Tokens --------------------------------------------------------------------------

    def make_token(self, punk: FakePunk, *, detailed: bool = False, phantom: bool = False) -> Json:
        """Return a token in the schema Nft of the API, or in NftDetailed."""
        traits = [] if phantom else self._make_traits(punk)
        token = token_document(punk.punk_id, traits, self.base_url, self.blank)
        if self.image_fields is not None:
            token |= self.image_fields(punk.punk_id)
        if detailed:
            token |= {"creator": ZERO, "is_suspicious": False, "rarity": self.blank}
            token["owners"] = self.owners(punk.punk_id)
        elif not self.inline_traits:
            token["traits"] = self.blank
        if self.lists_owners:
            token["owners"] = self.owners(punk.punk_id)
        return without_absent(token)

    def _make_traits(self, punk: FakePunk) -> list[Json]:
        names = list(punk.accessories)
        if self.pseudo_accessories:
            names.append(f"{len(names)} attributes")
        traits = [
            without_absent({"trait_type": kind, "display_type": self.blank, "value": value})
            for kind, value in self.oddities.make_traits(punk, names)
        ]
        return traits + self.oddities.more_traits

    @property
    def blank(self) -> Any:
        """The value of an optional field that has none."""
        return {"absent": ABSENT, "null": None, "empty": ""}[self.blank_style]

    def available_punks(self) -> list[FakePunk]:
        return [p for p in self.punks if p.punk_id not in self.unavailable_ids]

    def list_tokens(self, query: dict[str, str]) -> list[Json]:
        """Return the tokens of all pages together."""
        punks = [p for p in self.available_punks() if p.punk_id not in self.unlisted_ids]
        if "traits" in query:
            wanted = {trait["value"] for trait in json.loads(query["traits"])}
            spell = self.oddities.spell_type
            return [self.make_token(p) for p in punks if wanted <= {spell(p), *p.accessories}]
        phantoms = [FakePunk(punk_id, "Male") for punk_id in self.phantom_ids]
        tokens = [self.oddities.change_token(self.make_token(p)) for p in punks]
        return tokens + [self.make_token(p, phantom=True) for p in phantoms]

    def _answer_token(self, path: str, query: dict[str, str]) -> Reply:
        identifier = path.rpartition("/")[2]
        if path.startswith(TOKEN_EVENTS_PATH):
            token = None if self.oddities.ignores_token else identifier
            return self.make_page("asset_events", self.list_sales(query, token), query)
        punks = {str(p.punk_id): p for p in self.available_punks()}
        if identifier not in punks:
            return not_found_reply()
        return json_reply(200, {"nft": self.make_token(punks[identifier], detailed=True)})

    def _answer_batch(self, request: Request) -> Reply:
        if not self.max_batch_size:
            return not_found_reply()
        identifiers = json.loads(request.body)["identifiers"]
        if len(identifiers) > self.max_batch_size:
            return json_reply(400, {"errors": [f"At most {self.max_batch_size} identifiers"]})
        punks = {str(p.punk_id): p for p in self.available_punks()}
        wanted = [
            i["token_id"]
            for i in identifiers
            if (i["chain"], i["contract_address"]) == (CHAIN, CONTRACT)
        ]
        tokens = [self.make_token(punks[i], detailed=True) for i in wanted if i in punks]
        return json_reply(200, {"nfts": [self.oddities.change_token(token) for token in tokens]})

    # -- Sales and pages -----------------------------------------------------------------

    def list_sales(self, query: dict[str, str], token: str | None = None) -> list[Any]:
        """Return the sales of all pages together, newest first; with `token`, those of one."""
        after, before = int(query.get("after", 0)), int(query.get("before", 2**60))
        return select_sales([*self.oddities.extra_events, *self.sales], after, before, token)

    def make_page(self, name: str, rows: list[Json], query: dict[str, str]) -> Reply:
        size = int(query.get("limit", 20))
        if not 1 <= size <= 200:
            return json_reply(400, {"errors": ["limit must be between 1 and 200"]})
        size = min(size, self.max_page_size)
        cursor = Cursor.decode(query.get("next"))
        if cursor.offset == size and self._use_up("rejected_cursors", self.faults.rejected_cursors):
            return json_reply(400, {"errors": ["Invalid cursor"]})
        page, next_cursor = cut_page(
            rows, cursor, size, self.faults, is_overlapping=self.overlapping_pages
        )
        if cursor.offset == 2 * size and self._use_up("cursor_loops", self.faults.cursor_loops):
            next_cursor = Cursor(size)
        text = next_cursor.encode() if next_cursor else self.blank
        return json_reply(200, without_absent({name: page, "next": text}))

    def _use_up(self, name: str, times: int) -> bool:
        """Return True for the first `times` calls."""
        with self.lock:
            if self._counters[name] >= times:
                return False
            self._counters[name] += 1
            return True

    # -- Images --------------------------------------------------------------------------

    def _answer_image(self, request: Request) -> Reply:
        name = request.path.removeprefix("/images/").removesuffix(".png")
        punk_id = int(name) if name.isdecimal() else -1
        image = self.images.get(punk_id)
        image = image() if callable(image) else image
        reply = image_reply(image or self.png(punk_id), self.image_content_type)
        return add_validators(reply, self.image_validators, request.conditions)

    def png(self, punk_id: int) -> bytes | None:
        """Return the image of a punk. All images are encoded at the first request."""
        with self.lock:
            options = (self.image_scale, self.image_background)
            has_all = self._pngs.keys() >= {p.punk_id for p in self.punks[-1:]}
            if not has_all or options != self._png_options:
                self._pngs = {p.punk_id: png_bytes(p.sprite, *options) for p in self.punks}
                self._png_options = options
            return self._pngs.get(punk_id)
