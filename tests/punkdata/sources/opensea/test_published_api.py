"""Our models and the tests' server, held against the API's own published document.

The document comes from the npm package @opensea/api-types, checked by its hash.
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
from pydantic import BaseModel, SecretStr
from support.npm import npm_file
from support.opensea_server import KEY, OpenSeaServer
from support.sales_events import CHAIN, CONTRACT

from punkdata.sources.opensea import schemas

PACKAGE = "@opensea/api-types@0.12.0"
SHA256 = (
    "a5f53d67a80adfcad4c6f3ff9ba609453cb100b62cffbd2df70ba9bcc379f5c4"  # of the package's archive
)

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

SLUG = {"slug": "string"}
TOKEN = {"chain": "string", "address": "string", "identifier": "string"}
PAGED = SLUG | {"limit": "integer", "next": "string"}
EVENTS = PAGED | {"event_type": "array", "after": "integer"}

ENDPOINTS: list[tuple[str, str, dict[str, str], type[BaseModel]]] = [
    ("get", "/api/v2/collections/{slug}", SLUG, schemas.Collection),
    ("get", "/api/v2/collection/{slug}/nfts", PAGED | {"traits": "string"}, schemas.NftsPage),
    ("post", "/api/v2/nfts/batch", {}, schemas.NftsBatch),
    ("get", "/api/v2/chain/{chain}/contract/{address}/nfts/{identifier}", TOKEN, schemas.NftReply),
    ("get", "/api/v2/events/collection/{slug}", EVENTS, schemas.EventsPage),
    ("get", "/api/v2/listings/collection/{slug}/best", PAGED, schemas.ListingsPage),
    ("post", "/api/v2/auth/keys", {}, schemas.InstantKey),
]
IDS = [f"{method} {path}" for method, path, _, _ in ENDPOINTS]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("npm")
    found: dict[str, Any] = json.loads(
        npm_file(PACKAGE, SHA256, "package/opensea-api.json", folder)
    )
    return found


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed and its parts joined."""
    while "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    process_group = dict(schema)
    for part in schema.get("allOf", ()):
        inner = resolve(document, part)
        process_group["properties"] = process_group.get("properties", {}) | inner.get(
            "properties", {}
        )
    return process_group


def answer_schema(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    replies = document["paths"][path][method]["responses"]
    (content,) = next(
        replies[code]["content"] for code in ("200", "201") if code in replies
    ).values()
    schema: dict[str, Any] = content["schema"]
    return schema


def plain(annotation: Any) -> Any:
    """An annotation without Annotated and without None."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        (inner,) = [a for a in typing.get_args(annotation) if a is not type(None)]
        return plain(inner)
    return annotation


JSON_TYPES: dict[Any, set[str]] = {
    str: {"string"},
    SecretStr: {"string"},
    datetime: {"string"},
    int: {"integer", "string"},  # exact amounts come as text
}


def unlike(
    document: dict[str, Any], model: type[BaseModel], schema: dict[str, Any]
) -> Iterator[str]:
    """The fields of `model` that the document does not have, or has of another type."""
    properties = resolve(document, schema).get("properties", {})
    for name, field in model.model_fields.items():
        if name not in properties:
            yield f"{model.__name__}.{name} is not in the document"
            continue
        told, wanted = resolve(document, properties[name]), plain(field.annotation)
        if typing.get_origin(wanted) is list:
            if told.get("type") != "array":
                yield f"{model.__name__}.{name} is {told.get('type')}, not an array"
                continue
            items = told["items"]
            # Of the kinds of events, ours is the sale.
            kinds = [k for k in items.get("oneOf", ()) if k["$ref"].endswith("/SaleEvent")]
            yield from unlike(
                document, plain(typing.get_args(wanted)[0]), kinds[0] if kinds else items
            )
        elif isinstance(wanted, type) and issubclass(wanted, BaseModel):
            yield from unlike(document, wanted, told)
        elif wanted is not Any and told.get("type") not in JSON_TYPES[wanted]:
            yield f"{model.__name__}.{name} is {told.get('type')}, not {wanted.__name__}"


@pytest.mark.parametrize(("method", "path", "parameters", "model"), ENDPOINTS, ids=IDS)
def test_every_field_and_parameter_that_we_rely_on_is_in_the_document(
    document: dict[str, Any],
    method: str,
    path: str,
    parameters: dict[str, str],
    model: type[BaseModel],
) -> None:
    operation = document["paths"][path][method]
    told = {
        p["name"]: resolve(document, p["schema"])["type"] for p in operation.get("parameters", ())
    }
    assert parameters.items() <= told.items()
    assert list(unlike(document, model, answer_schema(document, method, path))) == []


def test_pages_hold_200_and_batches_take_what_we_send(document: dict[str, Any]) -> None:
    for path in ("/api/v2/collection/{slug}/nfts", "/api/v2/events/collection/{slug}"):
        parameters = document["paths"][path]["get"]["parameters"]
        (limit,) = [p for p in parameters if p["name"] == "limit"]
        assert limit["schema"]["maximum"] == 200
    sent = document["components"]["schemas"]["NftIdentifierInput"]["properties"]
    assert {name: p["type"] for name, p in sent.items()} == {
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


def test_the_key_goes_into_the_header_that_the_document_names(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["ApiKeyAuth"]
    assert (scheme["in"], scheme["name"]) == ("header", "x-api-key")


@pytest.mark.parametrize(("method", "path", "parameters", "model"), ENDPOINTS, ids=IDS)
def test_the_tests_own_server_answers_as_the_document_says(
    document: dict[str, Any],
    server: OpenSeaServer,
    method: str,
    path: str,
    parameters: dict[str, str],
    model: type[BaseModel],
) -> None:
    # What the document has no word for: a payment that is missing or null.
    server.sales = [e for e in server.sales if e.get("payment") and e.get("nft")]
    filled = path.format(slug="cryptopunks", chain=CHAIN, address=CONTRACT, identifier=5)
    body = None
    if path.endswith("/batch"):
        one = {"chain": CHAIN, "contract_address": CONTRACT, "token_id": "5"}
        body = {"identifiers": [one]}
    reply = httpx.request(
        method,
        server.base_url + filled,
        headers={"x-api-key": KEY},
        json=body,
        params={"limit": 50},
    )
    assert reply.is_success
    schema = answer_schema(document, method, path) | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(reply.json())
