"""The OpenSea API v2, as far as a data set needs it. Touches no disk.

Everything goes through one injected transport: in a fetch that is `RetryTransport` over
`RecordingTransport` over `NetworkTransport`, in a build a recording alone. Listings are
read page by page, 200 items each, by their cursor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import httpx
from pydantic import BaseModel

from punkdata.errors import DataError, ImageError, NetworkError, RefusedError
from punkdata.sources.opensea.retry import IMAGE_ATTEMPTS, RETRY_HINT
from punkdata.sources.opensea.schemas import (
    Collection,
    EventsPage,
    InstantKey,
    Listing,
    ListingsPage,
    Nft,
    NftReply,
    NftsBatch,
    NftsPage,
    Page,
    SaleEvent,
    TraitCounts,
    parse_body,
)
from punkdata.sources.recording import Recording
from punkdata.sources.recording_transport import RecordingTransport

SOURCE = "opensea"
PAGE_SIZE = 200
"""the largest page that the API serves"""
MAX_RESTARTS = 3
MAX_PAGES_AGAIN = 20
"""so many pages in a row that say what the one before said are no listing"""

_M = TypeVar("_M", bound=BaseModel)
_P = TypeVar("_P", bound=Page)
_RETIRED_CURSOR = frozenset({400, 404, 410, 422})
_NOT_OFFERED = frozenset({400, 404, 410, 501})


class OpenSeaClient:
    """A client for one collection.

    The `iter_` methods yield pages. Should a listing have to begin anew, because its cursor
    is refused or leads in a circle, they yield None: what came before counts no more.

    Args:
        transport: carries out the requests.
        base_url: as "https://api.opensea.io".
        collection: its slug.

    Raises (from every method):
        RefusedError: 401 or 403.
        NetworkError, LimitError: see `retry`.
        DataError: a reply is not what the endpoint should send, or no answer is recorded.
    """

    def __init__(
        self, transport: httpx.BaseTransport, base_url: str, collection: str = "cryptopunks"
    ) -> None:
        self._transport = transport
        self._api = f"{base_url}/api/v2"
        self._slug = collection
        self._batch_size = PAGE_SIZE

    def get_collection(self) -> Collection:
        """Totals and contract of the collection."""
        return self._get(Collection, f"/collections/{self._slug}")

    def get_trait_counts(self) -> TraitCounts | None:
        """How many tokens carry each trait; None if the API does not say."""
        path = f"/traits/{self._slug}"
        response = self._send("GET", path, TraitCounts, extensions={"not_found_is_final": True})
        if response.status_code in _NOT_OFFERED:
            return None
        self._expect_success(response, path)
        return parse_body(TraitCounts, response.content, f"GET {path}")

    def iter_nfts(
        self, *, limit: int | None = None, traits: Sequence[tuple[str, str]] = ()
    ) -> Iterator[list[Nft] | None]:
        """Pages of tokens.

        Args:
            limit: how many tokens are wanted; the pages may hold more.
            traits: only tokens with all these (type, value) pairs.
        """
        page_size = min(PAGE_SIZE, limit or PAGE_SIZE)
        params = {"limit": str(page_size)}
        if traits:
            wanted = [{"traitType": kind, "value": value} for kind, value in traits]
            params["traits"] = json.dumps(wanted, separators=(",", ":"))
        seen = 0
        for page in self._pages(NftsPage, f"/collection/{self._slug}/nfts", params):
            yield page.nfts if page else None
            seen = seen + len(page.nfts) if page else 0
            if limit is not None and seen >= limit:
                return

    def get_nfts(
        self, ids: Sequence[int], chain: str, contract: str
    ) -> Iterator[tuple[Sequence[int], list[Nft]]]:
        """The tokens of these ids, as (which were asked for, which are known), by the hundred."""
        at = 0
        while at < len(ids):
            some = ids[at : at + self._batch_size]
            wanted = [
                {"chain": chain, "contract_address": contract, "token_id": str(punk_id)}
                for punk_id in some
            ]
            body = json.dumps({"identifiers": wanted}, separators=(",", ":")).encode()
            response = self._send("POST", "/nfts/batch", NftsBatch, content=body)
            # Nobody says how many may be asked for: too many is a 400.
            if response.status_code in (400, 413, 422) and len(some) > 1:
                self._batch_size = len(some) // 2
                continue
            if not response.is_success:  # a server without this endpoint: one by one, then
                return
            yield some, parse_body(NftsBatch, response.content, "POST /nfts/batch").nfts
            at += len(some)

    def get_nft(self, punk_id: int, chain: str, contract: str) -> Nft | None:
        """One token; None if there is none."""
        path = f"/chain/{chain}/contract/{contract}/nfts/{punk_id}"
        response = self._send("GET", path, NftReply, extensions={"not_found_is_final": True})
        if response.status_code in (400, 404, 410):
            return None
        self._expect_success(response, path)
        return parse_body(NftReply, response.content, f"GET {path}").nft

    def iter_sales(
        self, after: int | None = None, *, reuse: bool = False
    ) -> Iterator[list[SaleEvent] | None]:
        """Pages of sales, newest first.

        Args:
            after: Unix seconds; only later sales, perhaps with those of that very second.
            reuse: take over what an earlier recording holds of this listing.
        """
        params = {"event_type": "sale", "limit": str(PAGE_SIZE)}
        if after is not None:
            params["after"] = str(after)
        path = f"/events/collection/{self._slug}"
        for page in self._pages(EventsPage, path, params, reuse=reuse):
            yield page.asset_events if page else None

    def iter_listings(self) -> Iterator[list[Listing] | None]:
        """Pages of the best listings, cheapest first; a token may stand there more than once.

        No page at all where the API has no listings for such a collection.
        """
        params = {"limit": str(PAGE_SIZE)}
        path = f"/listings/collection/{self._slug}/best"
        for page in self._pages(ListingsPage, path, params, not_found_is_final=True):
            yield page.listings if page else None

    def get_image(self, url: str, *, reuse: bool = True) -> tuple[bytes, str]:
        """An image's bytes, and what names its body in a recording ("" without one).

        Args:
            reuse: take over what an earlier recording holds at this address.

        Raises:
            ImageError: it is not there, not allowed, or no picture.
            NetworkError, LimitError: the host does not answer.
        """
        extensions = {
            "image": True,
            "reuse": reuse,
            "not_found_is_final": True,
            "attempts": IMAGE_ATTEMPTS,
        }
        try:
            request = httpx.Request("GET", url, extensions=extensions)
        except (httpx.InvalidURL, ValueError):
            raise ImageError("has an address that is none") from None
        if request.url.scheme == "data":
            raise ImageError(f"is a data URI ({url[5:40].partition(',')[0]})")
        response = self._transport.handle_request(request)
        if not response.is_success:
            raise ImageError(f"was answered with {response.status_code} by {request.url.host}")
        return response.content, response.extensions.get("body_sha256", "")

    # -- below: one request, and a listing of many ----------------------------------------

    def _get(self, model: type[_M], path: str) -> _M:
        response = self._send("GET", path, model)
        self._expect_success(response, path)
        return parse_body(model, response.content, f"GET {path}")

    def _send(
        self,
        method: str,
        path: str,
        model: type[BaseModel],
        *,
        params: Mapping[str, str] | None = None,
        content: bytes = b"",
        extensions: Mapping[str, bool] = MappingProxyType({}),
    ) -> httpx.Response:
        endpoint = f"{method} {path}"

        def check(body: bytes) -> None:
            parse_body(model, body, endpoint)

        request = httpx.Request(
            method,
            self._api + path,
            params=params,
            content=content,
            extensions={"check": check, **extensions},
        )
        response = self._transport.handle_request(request)
        if response.status_code in (401, 403):
            raise RefusedError(
                f"{request.url.host} refused {endpoint} ({response.status_code}){_detail(response)}"
            )
        return response

    def _expect_success(self, response: httpx.Response, path: str) -> None:
        if not response.is_success:
            raise NetworkError(
                f"GET {path} was answered with {response.status_code}{_detail(response)}",
                hint=RETRY_HINT,
            )

    def _pages(
        self, model: type[_P], path: str, params: Mapping[str, str], **extensions: bool
    ) -> Iterator[_P | None]:
        """All pages of a listing; None where it begins anew.

        Args:
            extensions: see `RecordingTransport`; with `may_be_gone`, a listing that the API
                does not offer is an empty one.
        """
        for restarts in range(1 + MAX_RESTARTS):
            try:
                yield from self._one_pass(model, path, params, restarts > 0, extensions)
                return
            except _CursorError as error:
                reason = error.reason
                yield None
        raise DataError(
            f"GET {path} {reason}, {1 + MAX_RESTARTS} times over",
            hint="no listing can be complete then; try again later",
        )

    def _one_pass(
        self,
        model: type[_P],
        path: str,
        params: Mapping[str, str],
        restart: bool,
        extensions: Mapping[str, bool],
    ) -> Iterator[_P]:
        cursor: str | None = None
        seen: set[str] = set()
        said, again = b"", 0
        while True:
            response = self._send(
                "GET",
                path,
                model,
                params={**params, **({"next": cursor} if cursor else {})},
                # What is begun anew is neither taken over nor given up.
                extensions={"restart": cursor is None} if restart else extensions,
            )
            not_found_is_final = cursor is None and extensions.get("not_found_is_final")
            if not_found_is_final and response.status_code in _NOT_OFFERED:
                return
            if cursor and response.status_code in _RETIRED_CURSOR:
                raise _CursorError(f"refuses its own cursor ({response.status_code})")
            self._expect_success(response, path)
            page = parse_body(model, response.content, f"GET {path}")
            yield page
            cursor = page.next
            if cursor is None:
                return
            if cursor in seen:
                raise _CursorError("repeats a cursor")
            seen.add(cursor)
            # New cursors alone bring nothing.
            content = response.content.replace(cursor.encode(), b"")
            again = again + 1 if content == said else 0
            if again >= MAX_PAGES_AGAIN:
                raise _CursorError("sends the same page again and again")
            said = content


def open_replay(recording: Recording) -> OpenSeaClient:
    """The client that made a recording, with nothing behind it but the recording.

    Raises:
        DataError: the recording does not say which API it is of.
    """
    info = recording.info
    if info.base_url is None:
        raise DataError(f"{recording.path} does not name the API that it is of")
    return OpenSeaClient(RecordingTransport(recording), info.base_url, info.collection)


class _CursorError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def create_instant_key(transport: httpx.BaseTransport, base_url: str) -> InstantKey:
    """A new free key, for which no account is needed. Never send this through a recording.

    Raises:
        RefusedError, NetworkError, LimitError: the server gives none.
        DataError: its reply is not what it should be.
    """
    path = "/auth/keys"
    # No check by the network layer: a reply that is a key is not for its errors.
    extensions = {"check": lambda body: None}
    request = httpx.Request("POST", f"{base_url}/api/v2{path}", extensions=extensions)
    response = transport.handle_request(request)
    status = response.status_code
    if status in (401, 403):
        raise RefusedError(f"{request.url.host} gives no instant key ({status})")
    if not response.is_success:
        raise NetworkError(f"{request.url.host} gives no instant key ({status})", hint=RETRY_HINT)
    return parse_body(InstantKey, response.content, f"POST {path}")


def _detail(response: httpx.Response) -> str:
    """What an error body says, in a few words: {"errors": […]}, {"detail": …}, text or HTML."""
    try:
        data = json.loads(response.content)
        found = (data.get("errors") or data.get("detail")) if isinstance(data, dict) else data
        text = ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")
    except (ValueError, RecursionError):
        text = response.content[:200].decode("utf-8", "replace")
        text = "" if "<" in text else text
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:120]
    return f": {text}" if text else ""
