"""A small OpenSea on a real socket, written from the API's published document.

    with OpenSeaServer(draw_punks(60)) as server:
        ...  # talk to server.base_url; server.log tells what was asked

It serves drawn sprites, and can do everything that the real one and its image hosts have
been seen to do: limits in both forms, errors in every dress, broken connections, pages that
overlap, cursors that lead in a circle or are refused, tokens that are missing or never were.
Run as a script, it serves until Ctrl-C: cd tests; python -m support.opensea_server --punks 200
"""

from __future__ import annotations

import argparse
import base64
import email.utils
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from support.sales_events import ABSENT, CHAIN, CONTRACT, SLUG, WETH, ZERO, Json, make_sales
from support.sprites import DrawnPunk, draw_punks, png_bytes

KEY = "test-key-0123456789abcdef"


@dataclass
class Faults:
    """How the server misbehaves. Shares are of all requests, decided by a seeded generator."""

    rate_limited: float = 0.0
    """429, with Retry-After in seconds and as a date by turns, and 599"""
    unavailable: float = 0.0
    """503, with a body of HTML, text, {"errors": …} and {"detail": …} by turns"""
    drop: float = 0.0
    """the connection is closed without a word"""
    truncate: float = 0.0
    """half of the body, under the length of all of it, or under none, by turns"""
    html_with_200: float = 0.0
    """200 with a proxy's page instead of the answer"""
    reply_delay_s: float = 0.0
    """every reply takes so long, half of it in the middle of the body"""
    retry_after_s: int = 0
    cursor_loops: int = 0
    """so many times, the third page's cursor leads back to the second"""
    endless_pages: bool = False
    """every page has a cursor, also those after the last, which are empty"""
    rejected_cursors: int = 0
    """so many times, the second page's cursor is a 400"""
    seed: int = 1


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    key: str | None
    status: int = 0
    """0 when the connection was broken"""
    time: float = 0.0

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")


@dataclass
class OpenSeaServer:
    """See the module. Everything may be changed while it runs."""

    punks: list[DrawnPunk]
    sales: list[Json] = field(default_factory=list)
    """events as `sale_event` makes them, in any order"""
    listings: list[Json] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    inline_traits: bool = True
    """False: the listing gives rows without traits, as in 2025"""
    max_page_size: int = 200
    """no page holds more, whatever was asked for"""
    max_batch_size: int = 100
    """more identifiers in one POST are a 400; 0: the endpoint is a 404"""
    blank_style: str = "absent"
    """how an optional field without a value arrives: absent, null or empty"""
    overlapping_pages: bool = False
    """each page begins with the last token of the one before"""
    phantom_ids: tuple[int, ...] = ()
    """tokens without traits that the listing adds"""
    unlisted_ids: frozenset[int] = frozenset()
    """tokens that no page lists, though they can be asked for"""
    unavailable_ids: frozenset[int] = frozenset()
    """tokens that are announced but cannot be had"""
    pseudo_accessories: bool = False
    """adds the accessory "3 attributes" to who has three"""
    total_supply: int | None = None
    """what is announced, when that is not the truth"""
    trait_counts: Json | None = None
    images: dict[int, Any] = field(default_factory=dict)
    """punk_id -> bytes, a status, a URL to be redirected to, or a callable that gives these"""
    image_fields: Callable[[int], Json] | None = None
    """punk_id -> the image fields of its token"""
    image_scale: int = 1
    image_background: str | None = None
    image_content_type: str = "image/png"
    latency_s: float = 0.0
    disabled_endpoints: tuple[str, ...] = ()
    """endpoints, as "traits" or "listings", that this server has not"""
    port: int = 0
    """0: any that is free"""
    limit: int | None = None
    """requests to the API a window"""
    window_s: int = 10**9
    """by default none ends during a test, in whatever minute of an hour that runs"""
    key: str | None = KEY
    """None: any will do"""
    key_limit: str = "600/h"
    key_lifetime_s: float = 7 * 24 * 3600

    log: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._random = random.Random(self.faults.seed)
        self._turns: Counter[str] = Counter()
        self._used: Counter[int] = Counter()
        self._pngs: dict[int, bytes] = {}
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _Server(("127.0.0.1", self.port), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def requests_to(self, part: str = "/api/") -> list[Request]:
        """The requests so far whose path contains `part`."""
        with self._lock:
            return [r for r in self.log if part in r.path]

    # -- what the endpoints say ----------------------------------------------------------

    def answer(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a reply without faults."""
        if not request.is_api:
            return self._image(request)
        parts = request.path.removeprefix("/api/v2/").split("/")
        if parts == ["auth", "keys"] and request.method == "POST":
            return (
                _json(403, {}) if "auth" in self.disabled_endpoints else _json(201, self._new_key())
            )
        if self.key is not None and request.key != self.key:
            return _json(401, {"errors": [f"Invalid API key: {request.key}"]})
        query = request.query
        if parts[0] in self.disabled_endpoints:
            return _json(404, {"errors": ["Not found"]})
        match parts, request.method:
            case ["collections", slug], "GET" if slug == SLUG:
                return _json(200, self._collection())
            case ["traits", slug], "GET" if slug == SLUG:
                return _json(200, self._counts())
            case ["collection", slug, "nfts"], "GET" if slug == SLUG:
                return self._page("nfts", self._listed(query), query)
            case ["nfts", "batch"], "POST":
                return self._batch(request)
            case ["chain", chain, "contract", address, "nfts", identifier], "GET":
                known = {str(p.punk_id): p for p in self._known()}
                if (chain, address) == (CHAIN, CONTRACT) and identifier in known:
                    return _json(200, {"nft": self.token(known[identifier], detailed=True)})
            case ["events", "collection", slug], "GET" if slug == SLUG:
                return self._page("asset_events", self._events(query), query)
            case ["listings", "collection", slug, "best"], "GET" if slug == SLUG:
                return self._page("listings", self.listings, query)
        return _json(404, {"errors": ["Not found"]})

    def _new_key(self) -> Json:
        expires = time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.key_lifetime_s)
        )
        limits = {"read": self.key_limit, "write": "30/h", "fulfillment": "5/m"}
        return {
            "api_key": self.key or KEY,
            "name": "instant",
            "expires_at": expires,
            "rate_limits": limits,
            "upgrade_url": "https://opensea.io/settings/developer",
        }

    def _known(self) -> list[DrawnPunk]:
        return [p for p in self.punks if p.punk_id not in self.unavailable_ids]

    def _collection(self) -> Json:
        total = len(self.punks) if self.total_supply is None else self.total_supply
        return {
            "collection": SLUG,
            "name": "CryptoPunks",
            "contracts": [{"address": CONTRACT, "chain": CHAIN}],
            "total_supply": total,
            "unique_item_count": total,
            "created_date": "2017-06-23",
            "opensea_url": f"https://opensea.io/collection/{SLUG}",
            "safelist_status": "verified",
            "is_disabled": False,
            "is_nsfw": False,
            "trait_offers_enabled": True,
            "collection_offers_enabled": True,
            "editors": [],
            "fees": [{"fee": 0.5, "recipient": ZERO, "required": True}],
            "pricing_currencies": {
                "listing_currency": _currency("ETH"),
                "offer_currency": _currency("WETH"),
            },
        }

    def _counts(self) -> Json:
        if self.trait_counts is not None:
            return self.trait_counts
        types = Counter(p.type for p in self.punks)
        names = Counter(name for p in self.punks for name in p.accessories)
        if self.pseudo_accessories:
            names += Counter(f"{len(p.accessories)} attributes" for p in self.punks)
        return {
            "categories": {"type": "string", "accessory": "string"},
            "counts": {"type": dict(types), "accessory": dict(names)},
        }

    def traits(self, punk: DrawnPunk) -> list[Json]:
        names = list(punk.accessories)
        if self.pseudo_accessories:
            names.append(f"{len(names)} attributes")
        pairs = [("type", punk.type), *(("accessory", name) for name in names)]
        return [
            self._filled({"trait_type": kind, "display_type": self.blank(), "value": value})
            for kind, value in pairs
        ]

    def token(self, punk: DrawnPunk, *, detailed: bool = False, phantom: bool = False) -> Json:
        """A token as the document's Nft, or NftDetailed."""
        punk_id = punk.punk_id
        made: Json = {
            "identifier": str(punk_id),
            "collection": SLUG,
            "contract": CONTRACT,
            "token_standard": "cryptopunks",
            "name": f"CryptoPunk #{punk_id}",
            "description": self.blank(),
            "image_url": f"{self.base_url}/images/{punk_id}.png",
            "display_image_url": self.blank(),
            "original_image_url": self.blank(),
            "metadata_url": self.blank(),
            "opensea_url": f"https://opensea.io/assets/{CHAIN}/{CONTRACT}/{punk_id}",
            "updated_at": "2026-01-01T00:00:00",
            "is_disabled": False,
            "is_nsfw": False,
            "traits": [] if phantom else self.traits(punk),
            "new_field_of_tomorrow": {"x": 1},
        }
        if self.image_fields is not None:
            made |= self.image_fields(punk_id)
        if detailed:
            made |= {"creator": ZERO, "owners": [], "is_suspicious": False, "rarity": self.blank()}
        elif not self.inline_traits:
            made["traits"] = self.blank()
        return self._filled(made)

    def _filled(self, made: Json) -> Json:
        return {name: value for name, value in made.items() if value is not ABSENT}

    def blank(self) -> Any:
        return {"absent": ABSENT, "null": None, "empty": ""}[self.blank_style]

    def _listed(self, query: dict[str, str]) -> list[Json]:
        wanted = json.loads(query["traits"]) if "traits" in query else []
        punks = [p for p in self._known() if p.punk_id not in self.unlisted_ids]
        for trait in wanted:
            punks = [p for p in punks if trait["value"] in (p.type, *p.accessories)]
        rows = [self.token(p) for p in punks]
        if not wanted:
            rows += [self.token(DrawnPunk(i, "Male"), phantom=True) for i in self.phantom_ids]
        return rows

    def _batch(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        if not self.max_batch_size:
            return _json(404, {"errors": ["Not found"]})
        identifiers = json.loads(request.body)["identifiers"]
        if len(identifiers) > self.max_batch_size:
            return _json(400, {"errors": [f"At most {self.max_batch_size} identifiers"]})
        known = {str(p.punk_id): p for p in self._known()}
        wanted = [
            i["token_id"]
            for i in identifiers
            if (i["chain"], i["contract_address"]) == (CHAIN, CONTRACT)
        ]
        rows = [self.token(known[i], detailed=True) for i in wanted if i in known]
        return _json(200, {"nfts": rows})

    def _events(self, query: dict[str, str]) -> list[Json]:
        after, before = int(query.get("after", 0)), int(query.get("before", 2**60))
        events = [e for e in self.sales if after < e["event_timestamp"] < before]
        return sorted(events, key=lambda e: -e["event_timestamp"])

    def _page(
        self, name: str, rows: list[Json], query: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        size = int(query.get("limit", 20))
        if not 1 <= size <= 200:
            return _json(400, {"errors": ["limit must be between 1 and 200"]})
        size = min(size, self.max_page_size)
        start = 0
        if "next" in query:
            start = int(base64.b64decode(query["next"]).decode().removeprefix("offset="))
            if start == size and self._turn("refused", self.faults.rejected_cursors):
                return _json(400, {"errors": ["Invalid cursor"]})
        stop = start + size
        some = rows[max(start - 1, 0) if self.overlapping_pages else start : stop]
        follow: Any = self.blank()
        if stop < len(rows) or self.faults.endless_pages:
            follow = _cursor(stop)
        if start == 2 * size and self._turn("looped", self.faults.cursor_loops):
            follow = _cursor(size)
        page = {name: some, "next": follow}
        return _json(200, {key: value for key, value in page.items() if value is not ABSENT})

    def _turn(self, what: str, times: int) -> bool:
        with self._lock:
            if self._turns[what] >= times:
                return False
            self._turns[what] += 1
            return True

    def _image(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        name = request.path.removeprefix("/images/").removesuffix(".png")
        punk_id = int(name) if name.isdecimal() else -1
        special = self.images.get(punk_id)
        if callable(special):
            special = special()
        if isinstance(special, bytes):
            return 200, special, {"content-type": self.image_content_type}
        if isinstance(special, int):
            return special, b"<html>no</html>", {"content-type": "text/html"}
        if isinstance(special, str):
            return 302, b"", {"location": special}
        png = self.png(punk_id)
        if png is None:
            return 404, b"not found", {"content-type": "text/plain"}
        return 200, png, {"content-type": self.image_content_type}

    def png(self, punk_id: int) -> bytes | None:
        """The picture of a punk, drawn when it is first asked for."""
        with self._lock:
            if not self._pngs.keys() >= {p.punk_id for p in self.punks[-1:]}:
                scale, behind = self.image_scale, self.image_background
                self._pngs = {p.punk_id: png_bytes(p.sprite, scale, behind) for p in self.punks}
            return self._pngs.get(punk_id)

    # -- how it misbehaves ---------------------------------------------------------------

    def spend(self) -> tuple[dict[str, str], bool]:
        """Count one request to the API; the headers of the budget, and whether it is spent."""
        if self.limit is None:
            return {}, False
        with self._lock:
            window = int(time.time() // self.window_s)
            self._used[window] += 1
            left = self.limit - self._used[window]
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": str((window + 1) * self.window_s),
        }
        return headers, left < 0

    def fault(self) -> str | None:
        """What is to go wrong with this request, by chance."""
        faults = self.faults
        with self._lock:
            chance = self._random.random()
        for name in ("rate_limited", "unavailable", "drop", "truncate", "html_with_200"):
            share: float = getattr(faults, name)
            if chance < share:
                return name
            chance -= share
        return None


def _currency(symbol: str) -> Json:
    return {
        "symbol": symbol,
        "address": ZERO if symbol == "ETH" else WETH,
        "chain": CHAIN,
        "image": "https://static.seadn.io/eth.png",
        "name": symbol,
        "decimals": 18,
        "eth_price": "1.0",
        "usd_price": "3000.0",
    }


def _cursor(offset: int) -> str:
    # Padded so that there is a "=" in it, which must be encoded in the next address.
    text = f"offset={offset}"
    while len(text) % 3 == 0:
        text = text.replace("=", "=0")
    return base64.b64encode(text.encode()).decode()


def _json(status: int, data: Any) -> tuple[int, bytes, dict[str, str]]:
    return status, json.dumps(data).encode(), {"content-type": "application/json"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, as a killed one does, is no news."""


class _Handler(BaseHTTPRequestHandler):
    owner: OpenSeaServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet; `owner.log` has it all."""

    def _serve(self) -> None:
        owner, parts = self.owner, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        request = Request(
            self.command, parts.path, query, body, self.headers["x-api-key"], time=time.time()
        )
        with owner._lock:
            owner.log.append(request)
        if owner.latency_s:
            time.sleep(owner.latency_s)
        budget, spent = owner.spend() if request.is_api else ({}, False)
        fault = owner.fault()
        if fault == "drop":
            self._break()
            return
        if spent:
            reset = budget["X-RateLimit-Reset"]
            after = {"Retry-After": str(max(1, int(reset) - int(time.time())))}
            status, body, headers = 429, b'{"errors": ["Too many requests"]}', after
        elif fault == "rate_limited":
            status, body, headers = self._too_fast()
        elif fault == "unavailable":
            status, body, headers = self._unavailable()
        elif fault == "html_with_200":
            status, body, headers = 200, b"<html>Please wait</html>", {"content-type": "text/html"}
        else:
            status, body, headers = owner.answer(request)
        request.status = 0 if fault == "truncate" and body else status
        self._send(status, body, headers | budget, truncated=fault == "truncate")

    def _too_fast(self) -> tuple[int, bytes, dict[str, str]]:
        wait_s = self.owner.faults.retry_after_s
        date = email.utils.formatdate(time.time() + wait_s, usegmt=True)
        kinds = [(429, {"Retry-After": str(wait_s)}), (429, {"Retry-After": date}), (599, {})]
        status, headers = kinds[self._count("rate_limited") % 3]
        return status, b'{"errors": ["Too many requests"]}', headers

    def _unavailable(self) -> tuple[int, bytes, dict[str, str]]:
        bodies = [
            (b"<html><h1>503 Service Unavailable</h1></html>", "text/html"),
            (b"upstream is tired", "text/plain"),
            (b'{"errors": ["Service unavailable"]}', "application/json"),
            (b'{"detail": "Service unavailable"}', "application/json"),
        ]
        body, kind = bodies[self._count("unavailable") % 4]
        return 503, body, {"content-type": kind}

    def _count(self, what: str) -> int:
        with self.owner._lock:
            self.owner._turns[what] += 1
            return self.owner._turns[what]

    def _send(self, status: int, body: bytes, headers: dict[str, str], truncated: bool) -> None:
        reply_delay_s = self.owner.faults.reply_delay_s
        if reply_delay_s:
            time.sleep(reply_delay_s / 2)
        named = not truncated or self._count("truncate") % 2
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if named:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if reply_delay_s:
            self.wfile.flush()
            time.sleep(reply_delay_s / 2)
        if truncated:
            self.wfile.flush()
            self._break()
            return
        self.wfile.write(body[half:])

    def _break(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--punks", type=int, default=200, help="how many; default: 200")
    parser.add_argument("--sales", type=int, default=500, help="how many; default: 500")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--scale", type=int, default=1, help="enlarge the images so many times")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a request")
    parser.add_argument("--limit", type=int, help="requests a window; default: none")
    parser.add_argument("--window", type=int, default=3600, help="seconds a window")
    parser.add_argument("--faults", action="store_true", help="5%% 429, 3%% 503, 2%% drops, …")
    options = parser.parse_args()
    punks = draw_punks(options.punks)
    faults = Faults(rate_limited=0.05, unavailable=0.03, drop=0.02, truncate=0.02)
    server = OpenSeaServer(
        punks,
        make_sales(punks, options.sales),
        faults=faults if options.faults else Faults(),
        image_scale=options.scale,
        latency_s=options.latency,
        limit=options.limit,
        window_s=options.window,
        port=options.port,
    )
    with server:
        command = f"punkdata fetch --root /tmp/drawn --base-url {server.base_url}"
        print(f"OPENSEA_API_KEY={KEY} {command}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(server.log)} requests")


if __name__ == "__main__":
    main()
