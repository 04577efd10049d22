"""Fuzz tests of the parsers of OpenSea's replies; `make fuzz` runs them.

For any input, a parser must return a result or raise a PunkError.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from pydantic import SecretStr
from support.fuzzing import (
    ByteEdit,
    JsonEdit,
    byte_edits,
    check_reader,
    damage_bytes,
    damage_json,
    fuzz_settings,
    json_edits,
)
from support.opensea_api import FakeOpenSea, Request
from support.sales_events import CHAIN, CONTRACT, listing, make_sales
from support.sprites import make_punks

from punkdata.errors import DataError
from punkdata.sources.opensea.api import price_schemas, schemas
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.http.transport import NetworkTransport
from punkdata.sources.opensea.parsing import parse_token
from punkdata.sources.opensea.prices import Market, parse_listing, parse_sale
from punkdata.sources.opensea.tokens import collect_punks

MARKET = Market("cryptopunks", "cryptopunks", CONTRACT, CHAIN)
REPLIES = {
    price_schemas.EventsPage: {"asset_events": make_sales(make_punks(8), 40), "next": "abc"},
    price_schemas.ListingsPage: {"listings": [listing(3, "70")], "next": None},
    schemas.NftsPage: {
        "nfts": [
            {
                "identifier": "3",
                "collection": "cryptopunks",
                "contract": CONTRACT,
                "token_standard": "cryptopunks",
                "name": "CryptoPunk #3",
                "image_url": "https://i.seadn.io/3.png",
                "traits": [{"trait_type": "type", "value": "Male"}],
            }
        ]
    },
}


ROW_PARSERS: dict[Any, Callable[[Any], Any]] = {
    price_schemas.EventsPage: lambda row: parse_sale(row, MARKET)[0],
    price_schemas.ListingsPage: lambda row: parse_listing(row, CONTRACT, CHAIN)[0],
    schemas.NftsPage: lambda row: parse_token(row, CONTRACT),
}


def parse_reply(model: Any, body: bytes) -> None:
    """Parse a reply as a fetch does: after an invalid entry, continue with the next one."""
    for row in schemas.parse_body(model, "the endpoint", body).rows:
        with suppress(DataError):
            ROW_PARSERS[model](row)


def test_undamaged_replies_are_parsed_completely() -> None:
    """Check that the parsers accept the inputs that the other tests damage.

    Damage to an entry that is rejected anyway would test nothing.
    """
    parsed: dict[Any, list[Any]] = {model: [] for model in REPLIES}
    for model, document in REPLIES.items():
        body = json.dumps(document).encode()
        for row in schemas.parse_body(model, "the endpoint", body).rows:
            with suppress(DataError):
                parsed[model].append(ROW_PARSERS[model](row))
    assert [token.labels for token in parsed[schemas.NftsPage]] == [("Male", ())]
    assert len(parsed[price_schemas.EventsPage]) > 20
    assert all(parsed[price_schemas.ListingsPage])


@pytest.mark.parametrize("model", REPLIES)
def test_parsers_handle_damaged_bytes(model: Any) -> None:
    body = json.dumps(REPLIES[model]).encode()

    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        check_reader(lambda: parse_reply(model, damage_bytes(body, edits)))

    fuzz()


@pytest.mark.parametrize("model", REPLIES)
def test_parsers_handle_other_json(model: Any) -> None:
    @fuzz_settings
    @given(json_edits)
    def fuzz(edits: list[JsonEdit]) -> None:
        check_reader(lambda: parse_reply(model, damage_json(REPLIES[model], edits)))

    fuzz()


@pytest.mark.parametrize(
    "endpoint", ["/collections/", "/traits/", "/collection/", "/batch", "/nfts/"]
)
def test_collection_of_tokens_survives_other_json(endpoint: str) -> None:
    """Check that tokens are collected, or refused, whatever one endpoint sends."""
    server = FakeOpenSea(make_punks(12), inline_traits=endpoint == "/collection/", key=None)
    server.max_batch_size = 0 if endpoint == "/nfts/" else 5

    @fuzz_settings
    @given(json_edits)
    def fuzz(edits: list[JsonEdit]) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            query = dict(request.url.params)
            asked = Request(request.method, request.url.path, query, request.content, None)
            status, body, _ = server.answer(asked)
            if endpoint in request.url.path and status == 200:
                body = damage_json(json.loads(body), edits)
            return httpx.Response(status, content=body)

        client = OpenSeaClient(httpx.MockTransport(answer), "https://api.test")
        check_reader(lambda: list(collect_punks(client).labels.items()))

    fuzz()


def test_transport_handles_damaged_gzip() -> None:
    compressed = gzip.compress(json.dumps(REPLIES[price_schemas.EventsPage]).encode())
    base_url = "https://api.opensea.io"

    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            body = httpx.ByteStream(damage_bytes(compressed, edits))
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=body)

        def send() -> None:
            http = httpx.Client(transport=httpx.MockTransport(answer))
            url = f"{base_url}/api/v2/events"
            request = httpx.Request("GET", url, extensions={"parse": len})
            with suppress(httpx.RequestError):  # the client retries after these
                NetworkTransport(base_url, SecretStr("k" * 20), http=http).handle_request(request)

        check_reader(send)

    fuzz()
