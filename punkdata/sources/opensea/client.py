"""Client for the OpenSea API v2, limited to the endpoints that a data set needs.

The client does no file or network access of its own: all requests go through the transport it
is given. During a fetch that is a `RetryTransport` around a `RecordingTransport` around a
`NetworkTransport`; during a build it is a recording alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import httpx

from punkdata.errors import DataError, ImageError, NetworkError, RefusedError
from punkdata.files import DEFAULT_COLLECTION
from punkdata.sources.opensea.pagination import NOT_OFFERED_STATUSES, iter_pages
from punkdata.sources.opensea.rate_limit import RETRY_HINT
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
    SaleEvent,
    TraitCounts,
    parse_body,
)
from punkdata.sources.opensea.session import ApiSession, expect_success
from punkdata.sources.recording import Recording
from punkdata.sources.recording_transport import RecordingTransport

SOURCE = "opensea"
"""Name of this source in recordings."""
PAGE_SIZE = 200
"""Largest page size that the API accepts."""


class OpenSeaClient:
    """A client for one collection.

    The `iter_` methods yield pages. If a cursor expires or repeats, pagination starts over: they
    then yield None, and the caller must discard all pages received so far.

    Args:
        transport: Carries out the requests.
        base_url: Base URL of the API, for example "https://api.opensea.io".
        collection: Slug of the collection.

    Raises (from every method):
        RefusedError: The status is 401 or 403.
        NetworkError, LimitError: See `RetryTransport`.
        DataError: A reply does not match its schema, or the replayed recording lacks it.
    """

    def __init__(
        self, transport: httpx.BaseTransport, base_url: str, collection: str = DEFAULT_COLLECTION
    ) -> None:
        self._transport = transport
        self._session = ApiSession(transport, base_url)
        self._slug = collection
        self._batch_size = PAGE_SIZE

    def get_collection(self) -> Collection:
        """Return the totals and the contracts of the collection."""
        return self._session.get(Collection, f"/collections/{self._slug}")

    def get_trait_counts(self) -> TraitCounts | None:
        """Return the number of tokens with each trait, or None if the API does not offer it."""
        path = f"/traits/{self._slug}"
        response = self._session.send(
            "GET", path, TraitCounts, extensions={"not_found_is_final": True}
        )
        if response.status_code in NOT_OFFERED_STATUSES:
            return None
        expect_success(response, path)
        return parse_body(TraitCounts, response.content, f"GET {path}")

    def iter_nfts(
        self, *, limit: int | None = None, traits: Sequence[tuple[str, str]] = ()
    ) -> Iterator[list[Nft] | None]:
        """Yield pages of tokens.

        Args:
            limit: Number of tokens after which to stop. The last page may exceed it.
            traits: (type, value) pairs that each token must have.
        """
        page_size = min(PAGE_SIZE, limit or PAGE_SIZE)
        params = {"limit": str(page_size)}
        if traits:
            trait_filter = [{"traitType": kind, "value": value} for kind, value in traits]
            params["traits"] = json.dumps(trait_filter, separators=(",", ":"))
        path = f"/collection/{self._slug}/nfts"
        num_tokens = 0
        for page in iter_pages(self._session, NftsPage, path, params):
            yield page.nfts if page else None
            num_tokens = num_tokens + len(page.nfts) if page else 0
            if limit is not None and num_tokens >= limit:
                return

    def get_nfts(
        self, ids: Sequence[int], chain: str, contract: str
    ) -> Iterator[tuple[Sequence[int], list[Nft]]]:
        """Yield (requested ids, tokens found) for each batch of ids.

        Stops early if the API does not offer this endpoint.
        """
        start = 0
        while start < len(ids):
            batch_ids = ids[start : start + self._batch_size]
            identifiers = [
                {"chain": chain, "contract_address": contract, "token_id": str(punk_id)}
                for punk_id in batch_ids
            ]
            body = json.dumps({"identifiers": identifiers}, separators=(",", ":")).encode()
            response = self._session.send("POST", "/nfts/batch", NftsBatch, content=body)
            # The maximum batch size is not documented. A batch that is too large is rejected.
            if response.status_code in (400, 413, 422) and len(batch_ids) > 1:
                self._batch_size = len(batch_ids) // 2
                continue
            if not response.is_success:
                return
            page = parse_body(NftsBatch, response.content, "POST /nfts/batch")
            yield batch_ids, page.nfts
            start += len(batch_ids)

    def get_nft(self, punk_id: int, chain: str, contract: str) -> Nft | None:
        """Return one token, or None if it does not exist."""
        path = f"/chain/{chain}/contract/{contract}/nfts/{punk_id}"
        response = self._session.send(
            "GET", path, NftReply, extensions={"not_found_is_final": True}
        )
        if response.status_code in (400, 404, 410):
            return None
        expect_success(response, path)
        return parse_body(NftReply, response.content, f"GET {path}").nft

    def iter_sales(
        self, after: int | None = None, *, reuse: bool = False
    ) -> Iterator[list[SaleEvent] | None]:
        """Yield pages of sales, newest first.

        Args:
            after: Unix time in seconds. Only later sales are listed; whether sales at exactly
                this time are included is not documented.
            reuse: Whether to take replies from the parent recording.
        """
        params = {"event_type": "sale", "limit": str(PAGE_SIZE)}
        if after is not None:
            params["after"] = str(after)
        path = f"/events/collection/{self._slug}"
        for page in iter_pages(self._session, EventsPage, path, params, reuse=reuse):
            yield page.asset_events if page else None

    def iter_listings(self) -> Iterator[list[Listing] | None]:
        """Yield pages of the best listings, cheapest first. A token may occur more than once.

        Yields no page if the API does not offer listings for this collection.
        """
        params = {"limit": str(PAGE_SIZE)}
        path = f"/listings/collection/{self._slug}/best"
        pages = iter_pages(self._session, ListingsPage, path, params, not_found_is_final=True)
        for page in pages:
            yield page.listings if page else None

    def get_image(self, url: str, *, reuse: bool = True) -> tuple[bytes, str]:
        """Return an image's bytes, and the hash that names its body in the recording.

        The hash is "" if nothing is recorded.

        Args:
            reuse: Whether to take the image from the parent recording.

        Raises:
            ImageError: The image does not exist, is not allowed, or is not an image.
            NetworkError, LimitError: The host does not answer.
        """
        extensions = {"image": True, "reuse": reuse, "not_found_is_final": True}
        try:
            request = httpx.Request("GET", url, extensions=extensions)
        except (httpx.InvalidURL, ValueError):
            raise ImageError("has an invalid URL") from None
        if request.url.scheme == "data":
            raise ImageError(f"is a data URI ({url[5:40].partition(',')[0]})")
        response = self._transport.handle_request(request)
        if not response.is_success:
            raise ImageError(
                f"could not be downloaded: {request.url.host} answered with status "
                f"{response.status_code}"
            )
        return response.content, response.extensions.get("body_sha256", "")


def open_replay(recording: Recording) -> OpenSeaClient:
    """Return a client that reads all replies from a recording.

    Raises:
        DataError: The recording does not name the base URL of its API.
    """
    info = recording.info
    if info.base_url is None:
        raise DataError(f"{recording.path} does not name the base URL of the API it was made from")
    return OpenSeaClient(RecordingTransport(recording), info.base_url, info.collection)


def create_instant_key(transport: httpx.BaseTransport, base_url: str) -> InstantKey:
    """Request a new free API key, which needs no account.

    The transport must not record anything, because the reply is a secret.

    Raises:
        RefusedError, NetworkError, LimitError: The server does not issue a key.
        DataError: The reply does not match its schema.
    """
    path = "/auth/keys"
    # The transport does not check the reply, so that the key cannot get into its errors.
    extensions = {"check": lambda body: None}
    request = httpx.Request("POST", f"{base_url}/api/v2{path}", extensions=extensions)
    response = transport.handle_request(request)
    status = response.status_code
    message = f"{request.url.host} did not issue an instant key (status {status})"
    if status in (401, 403):
        raise RefusedError(message)
    if not response.is_success:
        raise NetworkError(message, hint=RETRY_HINT)
    return parse_body(InstantKey, response.content, f"POST {path}")
