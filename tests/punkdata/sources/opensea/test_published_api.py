"""Comparison of our schemas and of the fake server with the API's published OpenAPI document.

The document comes from the npm package @opensea/api-types, which is verified by its hash.
"""

from __future__ import annotations

import json
import shutil
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import jsonschema
import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from support.npm import npm_file
from support.opensea_server import KEY, OpenSeaServer
from support.sales_events import CHAIN, CONTRACT, ZERO

from punkdata.sources.opensea.api import market_schemas, price_schemas, schemas

PACKAGE = "@opensea/api-types@0.12.0"
ARCHIVE_SHA256 = "a5f53d67a80adfcad4c6f3ff9ba609453cb100b62cffbd2df70ba9bcc379f5c4"

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

SLUG = {"slug": "string"}
TOKEN = {"chain": "string", "address": "string", "identifier": "string"}
PAGED = SLUG | {"limit": "integer", "next": "string"}
EVENTS = {"limit": "integer", "next": "string", "event_type": "array", "after": "integer"}

TOKEN_EVENTS = "/api/v2/events/chain/{chain}/contract/{address}/nfts/{identifier}"

FLOOR_PRICES = "/api/v2/collections/{slug}/floor_prices"
RATES = "/api/v2/chain/{chain}/token/{address}/price_history"
RATES_QUERY = {"start_time": "string", "end_time": "string", "bucket_size": "string"}

ENDPOINTS: list[tuple[str, str, dict[str, str], type[BaseModel]]] = [
    ("get", "/api/v2/collections/{slug}", SLUG, schemas.Collection),
    ("get", "/api/v2/collection/{slug}/nfts", PAGED, schemas.NftsPage),
    ("post", "/api/v2/nfts/batch", {}, schemas.NftsBatch),
    ("get", "/api/v2/chain/{chain}/contract/{address}/nfts/{identifier}", TOKEN, schemas.NftReply),
    ("get", "/api/v2/events/collection/{slug}", SLUG | EVENTS, price_schemas.EventsPage),
    ("get", TOKEN_EVENTS, TOKEN | EVENTS, price_schemas.EventsPage),
    ("get", "/api/v2/listings/collection/{slug}/best", PAGED, price_schemas.ListingsPage),
    ("post", "/api/v2/auth/keys", {}, schemas.InstantKey),
    ("get", RATES, RATES_QUERY, market_schemas.PriceHistory),
    ("get", FLOOR_PRICES, SLUG | {"timeframe": "string"}, market_schemas.FloorHistory),
    ("get", "/api/v2/collections/{slug}/stats", SLUG, market_schemas.CollectionStats),
    ("get", "/api/v2/traits/{slug}/floors", SLUG, market_schemas.TraitFloors),
]
IDS = [f"{method} {path}" for method, path, _, _ in ENDPOINTS]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("npm")
    text = npm_file(PACKAGE, ARCHIVE_SHA256, "package/opensea-api.json", folder)
    openapi: dict[str, Any] = json.loads(text)
    return openapi


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its references resolved and its parts merged."""
    while "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    merged = dict(schema)
    for part in schema.get("allOf", ()):
        properties = resolve(document, part).get("properties", {})
        merged["properties"] = merged.get("properties", {}) | properties
    return merged


def reply_schema(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    replies = document["paths"][path][method]["responses"]
    (content,) = next(
        replies[code]["content"] for code in ("200", "201") if code in replies
    ).values()
    schema: dict[str, Any] = content["schema"]
    return schema


def strip_annotation(annotation: Any) -> Any:
    """Return the type in an annotation, without Annotated and without None."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        (inner,) = [a for a in typing.get_args(annotation) if a is not type(None)]
        return strip_annotation(inner)
    return annotation


JSON_TYPES: dict[Any, set[str]] = {
    str: {"string"},
    SecretStr: {"string"},
    datetime: {"string"},
    int: {"integer", "string"},  # Exact amounts are strings.
    dict[str, Any]: {"object"},
}


UNDOCUMENTED = {"Listing.taker", "Listing.is_private_listing"}
"""Fields that orders have elsewhere in the API, and that would make a listing private."""


def published_path(name: str, field: FieldInfo) -> list[str]:
    """Return the names and indices on the path to a field in the document."""
    alias = field.validation_alias or name
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]  # The others are undocumented.
    return [str(key) for key in alias.path] if isinstance(alias, AliasPath) else [str(alias)]


def find_differences(
    document: dict[str, Any], model: type[BaseModel], schema: dict[str, Any]
) -> Iterator[str]:
    """Yield the fields of `model` that the document lacks, or that have another type in it."""
    for field_name, field in model.model_fields.items():
        name = f"{model.__name__}.{field_name}"
        if name in UNDOCUMENTED:
            continue
        published = resolve(document, schema)
        for key in published_path(field_name, field):
            step = published.get("items") if key.isdecimal() else published["properties"].get(key)
            published = resolve(document, step or {})
        expected = strip_annotation(field.annotation)
        if typing.get_origin(expected) is list:
            if published.get("type") != "array":
                yield f"{name} is {published.get('type')}, not an array"
                continue
            items = published["items"]
            # A page may contain several kinds of events, but only sales are parsed.
            kinds = [k for k in items.get("oneOf", ()) if k["$ref"].endswith("/SaleEvent")]
            row = strip_annotation(typing.get_args(expected)[0])
            yield from find_differences(document, row, kinds[0] if kinds else items)
        elif isinstance(expected, type) and issubclass(expected, BaseModel):
            yield from find_differences(document, expected, published)
        elif expected is not Any and published.get("type") not in JSON_TYPES[expected]:
            yield f"{name} is {published.get('type')}, not {expected.__name__}"


@pytest.mark.parametrize(("method", "path", "parameters", "model"), ENDPOINTS, ids=IDS)
def test_fields_and_parameters_are_in_the_published_document(
    document: dict[str, Any],
    method: str,
    path: str,
    parameters: dict[str, str],
    model: type[BaseModel],
) -> None:
    operation = document["paths"][path][method]
    published = {
        p["name"]: resolve(document, p["schema"])["type"] for p in operation.get("parameters", ())
    }
    assert parameters.items() <= published.items()
    assert list(find_differences(document, model, reply_schema(document, method, path))) == []


def test_page_size_and_batch_format_are_as_published(document: dict[str, Any]) -> None:
    for path in ("/api/v2/collection/{slug}/nfts", "/api/v2/events/collection/{slug}"):
        parameters = document["paths"][path]["get"]["parameters"]
        (limit,) = [p for p in parameters if p["name"] == "limit"]
        assert limit["schema"]["maximum"] == 200
    identifier = document["components"]["schemas"]["NftIdentifierInput"]["properties"]
    assert {name: p["type"] for name, p in identifier.items()} == {
        "chain": "string",
        "contract_address": "string",
        "token_id": "string",
    }
    counts = document["paths"]["/api/v2/traits/{slug}"]["get"]["responses"]["200"]
    example = counts["content"]["application/json"]["examples"]["TraitsResponse"]["value"]
    assert schemas.TraitCounts.model_validate(example).counts["face"] == {
        "glasses": 4,
        "sunglasses": 2,
    }


def test_api_key_header_is_as_published(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["ApiKeyAuth"]
    assert (scheme["in"], scheme["name"]) == ("header", "x-api-key")


@pytest.mark.parametrize(("method", "path", "parameters", "model"), ENDPOINTS, ids=IDS)
def test_fake_server_replies_match_the_published_document(
    document: dict[str, Any],
    server: OpenSeaServer,
    method: str,
    path: str,
    parameters: dict[str, str],
    model: type[BaseModel],
) -> None:
    # The document does not allow a missing payment or a missing token.
    server.sales = [e for e in server.sales if e.get("payment") and e.get("nft")]
    address = ZERO if path == RATES else CONTRACT
    request_path = path.format(slug="cryptopunks", chain=CHAIN, address=address, identifier=5)
    body = None
    if path.endswith("/batch"):
        token = {"chain": CHAIN, "contract_address": CONTRACT, "token_id": "5"}
        body = {"identifiers": [token]}
    reply = httpx.request(
        method,
        server.base_url + request_path,
        headers={"x-api-key": KEY},
        json=body,
        params={"limit": 50, "start_time": "2021-01-01T00:00:00Z", "bucket_size": "1d"},
    )
    assert reply.is_success
    schema = reply_schema(document, method, path) | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(reply.json())
