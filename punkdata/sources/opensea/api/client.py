"""Client for the OpenSea API v2, limited to the endpoints that a data set needs.

It does no file or network access of its own. During a fetch its transport is a `RetryTransport`
around a `RecordingTransport` around a `NetworkTransport`; during a build it is a recording alone.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import httpx

from punkdata.errors import DataError, ImageError
from punkdata.files import DEFAULT_COLLECTION
from punkdata.sources.opensea.api.connection import NOT_FOUND_STATUSES, ApiConnection
from punkdata.sources.opensea.api.market_schemas import (
    CollectionStats,
    FloorHistory,
    PriceHistory,
    TraitFloors,
)
from punkdata.sources.opensea.api.price_schemas import EventsPage, Listing, ListingsPage, SaleEvent
from punkdata.sources.opensea.api.rows import Page
from punkdata.sources.opensea.api.schemas import (
    Collection,
    InstantKey,
    Nft,
    NftReply,
    NftsBatch,
    NftsPage,
    TraitCounts,
)
from punkdata.sources.opensea.http.rate_limit import RATE_LIMIT_STATUSES
from punkdata.sources.recording import Recording
from punkdata.sources.recording_transport import RecordingTransport

SOURCE = "opensea"
PAGE_SIZE = 200
"""Largest page size that the API accepts."""

_SALES_QUERY = {"event_type": "sale", "limit": str(PAGE_SIZE)}
_LISTINGS_PATH = f"/listings/collection/{DEFAULT_COLLECTION}/best"
_TOO_LARGE_STATUSES = frozenset({400, 413, 422})


class BatchTooLargeError(Exception):
    """Raised when the API rejects a batch, which may succeed with fewer ids."""


class DownloadedImage(NamedTuple):
    """The bytes of an image, the hash that names its body in the recording ("" if there is none),
    and whether the parent recording has other bytes.
    """

    data: bytes
    body_sha256: str
    has_changed: bool


class OpenSeaClient:
    """A client for the CryptoPunks at the API with a base URL such as "https://api.opensea.io".

    The `iter_` methods yield pages, with the rows that can be read and those that cannot. If a
    cursor expires or repeats, pagination starts over: they then yield None, and the caller must
    discard all pages received so far.

    Every method raises RefusedError if the status is 401, its subclass ForbiddenError if it is
    403, ReplyError if a reply does not match its schema, NotRecordedError if the replayed recording
    lacks it, and the errors of the transports.
    """

    def __init__(self, transport: httpx.BaseTransport, base_url: str) -> None:
        self._transport = transport
        self._api = ApiConnection(transport, base_url)

    def get_collection(self) -> Collection:
        """Return the totals and the contracts of the collection."""
        return self._api.send("GET", f"/collections/{DEFAULT_COLLECTION}", Collection).expect()

    def get_trait_counts(self) -> TraitCounts:
        """Return the number of tokens with each trait; empty if the API does not offer it."""
        path = f"/traits/{DEFAULT_COLLECTION}"
        reply = self._api.send("GET", path, TraitCounts, not_found_is_final=True)
        return TraitCounts() if reply.status in NOT_FOUND_STATUSES else reply.expect()

    def iter_nfts(
        self, page_size: int = PAGE_SIZE, trait: tuple[str, str] | None = None
    ) -> Iterator[Page[Nft] | None]:
        """Yield pages of tokens, of all or of those with a trait (type, value)."""
        params = {"limit": str(page_size)}
        if trait:
            trait_filter = [{"traitType": trait[0], "value": trait[1]}]
            params["traits"] = json.dumps(trait_filter, separators=(",", ":"))
        return self._api.iter_pages(NftsPage, f"/collection/{DEFAULT_COLLECTION}/nfts", params)

    def get_nfts(self, ids: Sequence[int], chain: str, contract: str) -> NftsBatch | None:
        """Return the tokens with these ids, or None if the API does not offer batches.

        Raises BatchTooLargeError if the API rejects several ids, because the maximum size of a
        batch is not documented.
        """
        identifiers = [
            {"chain": chain, "contract_address": contract, "token_id": str(punk_id)}
            for punk_id in ids
        ]
        reply = self._api.send("POST", "/nfts/batch", NftsBatch, {"identifiers": identifiers})
        if reply.status in _TOO_LARGE_STATUSES and len(ids) > 1:
            raise BatchTooLargeError
        # A replay has these statuses, which the fetch gave up after several attempts.
        is_temporary = reply.status in {408, *RATE_LIMIT_STATUSES} or reply.status >= 500
        return reply.expect() if reply.parsed or is_temporary else None

    def get_nft(self, punk_id: int, chain: str, contract: str) -> NftsBatch | None:
        """Return a batch of one token, or None if the token does not exist."""
        path = f"/chain/{chain}/contract/{contract}/nfts/{punk_id}"
        reply = self._api.send("GET", path, NftReply, not_found_is_final=True)
        if reply.status in NOT_FOUND_STATUSES:
            return None
        return NftsBatch.model_validate({"nfts": [reply.expect().nft]})

    def iter_sales(
        self, after: int | None = None, *, reuse: bool = False, slug: str = DEFAULT_COLLECTION
    ) -> Iterator[Page[SaleEvent] | None]:
        """Yield pages of the sales of a collection, newest first.

        Only sales later than `after`, a Unix time in seconds, are listed. With `reuse`, the pages
        may come from the parent recording.
        """
        params = dict(_SALES_QUERY)
        if after is not None:
            params["after"] = str(after)
        path, optional = f"/events/collection/{slug}", slug != DEFAULT_COLLECTION
        return self._api.iter_pages(EventsPage, path, params, reuse=reuse, optional=optional)

    def iter_sales_of(
        self, punk_id: int, chain: str, contract: str
    ) -> Iterator[Page[SaleEvent] | None]:
        """Yield pages of the sales of one token, newest first."""
        path = f"/events/chain/{chain}/contract/{contract}/nfts/{punk_id}"
        return self._api.iter_pages(EventsPage, path, _SALES_QUERY)

    def iter_listings(self, *, restart: bool = False) -> Iterator[Page[Listing] | None]:
        """Yield pages of the best listings, cheapest first; with `restart`, request all again."""
        params = {"limit": str(PAGE_SIZE)}
        extensions = {"restart": restart, "optional": True}
        return self._api.iter_pages(ListingsPage, _LISTINGS_PATH, params, **extensions)

    def listings_url(self) -> str:
        """Return the URL of the first page of listings, as a recording contains it."""
        return f"{self._api.url}{_LISTINGS_PATH}?limit={PAGE_SIZE}"

    def get_rates(
        self, token: str, start: date, end: date | None, chain: str
    ) -> PriceHistory | None:
        """Return the daily prices of a currency in US dollars from one day to another.

        `token` is its address, the zero address for ETH. Without `end`, the last day is today;
        with it, the reply may come from the parent recording. Returns None if the API has no prices
        of this currency or time.
        """
        params = {"bucket_size": "1d", "start_time": f"{start.isoformat()}T00:00:00Z"}
        if end is not None:
            params["end_time"] = f"{end.isoformat()}T23:59:59Z"
        extensions = {"reuse": end is not None, "current": end is None, "optional": True}
        extensions["not_found_is_final"] = True
        path = f"/chain/{chain}/token/{token}/price_history"
        reply = self._api.send("GET", path, PriceHistory, params=params, **extensions)
        return None if reply.status in NOT_FOUND_STATUSES else reply.expect()

    def get_floor_prices(self) -> FloorHistory:
        """Return the history of the collection's floor price."""
        path = f"/collections/{DEFAULT_COLLECTION}/floor_prices"
        params = {"timeframe": "all_time"}
        extensions = {"optional": True, "current": True}
        return self._api.send("GET", path, FloorHistory, params=params, **extensions).expect()

    def get_stats(self) -> CollectionStats:
        """Return the statistics of the collection."""
        path = f"/collections/{DEFAULT_COLLECTION}/stats"
        return self._api.send("GET", path, CollectionStats, optional=True, current=True).expect()

    def get_trait_floors(self) -> TraitFloors:
        """Return the lowest price of each trait value in each currency."""
        path = f"/traits/{DEFAULT_COLLECTION}/floors"
        return self._api.send("GET", path, TraitFloors, optional=True, current=True).expect()

    def get_image(
        self, url: str, *, reuse: bool = True, check: bool = False, only_recorded: bool = False
    ) -> DownloadedImage:
        """Return an image.

        With `reuse`, it may come from the parent recording; with `check`, only if the server does
        not say that it has changed. With `only_recorded`, nothing is sent. Raises ImageError if the
        image does not exist, is not allowed, or is not an image.
        """
        extensions = {"image": True, "reuse": reuse, "not_found_is_final": True}
        extensions |= {"check": check, "only_recorded": only_recorded}
        try:
            request = httpx.Request("GET", url, extensions=extensions)
        except (httpx.InvalidURL, ValueError):
            raise ImageError("has an invalid URL") from None
        response = self._transport.handle_request(request)
        if not response.is_success:
            raise ImageError(
                f"could not be downloaded: {request.url.host} answered with status "
                f"{response.status_code}"
            )
        return DownloadedImage(
            response.content,
            response.extensions.get("body_sha256", ""),
            response.extensions.get("has_changed", False),
        )

    def create_instant_key(self) -> InstantKey:
        """Request a new free API key, which needs no account.

        The transport must not record anything, because the reply is a secret.
        """
        # Keys are limited to a few a day, so a reply that is lost or cannot be parsed is not
        # requested again.
        return self._api.send("POST", "/auth/keys", InstantKey, parse=None, once=True).expect()


def open_replay(recording: Recording) -> OpenSeaClient:
    """Return a client that reads all replies from a recording."""
    base_url = recording.info.base_url
    if base_url is None:
        raise DataError(
            f"'{recording.path}' does not name the base URL of the API it was made from"
        )
    return OpenSeaClient(RecordingTransport(recording), base_url)
