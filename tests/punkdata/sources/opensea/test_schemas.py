from __future__ import annotations

import json
from typing import Any

import pytest

from punkdata.errors import DataError
from punkdata.sources.opensea.api.price_schemas import EventsPage, ListingsPage
from punkdata.sources.opensea.api.rows import Rows, describe_problem
from punkdata.sources.opensea.api.schemas import (
    Collection,
    NftsBatch,
    NftsPage,
    TraitCounts,
    parse_body,
)


@pytest.mark.parametrize(
    "blank", [{}, {"traits": None, "image_url": None}, {"traits": "", "image_url": ""}]
)
def test_null_empty_and_absent_fields_are_equivalent(blank: dict[str, Any]) -> None:
    page = {"nfts": [{"identifier": "7", "news": {}} | blank], "next": blank.get("traits")}
    parsed = parse_body(NftsPage, "GET /nfts", json.dumps(page).encode())
    assert parsed.next is None
    assert (parsed.rows[0].traits, parsed.rows[0].image_url) == (None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "nfts: is missing"),
        ({"nfts": None}, "nfts: "),
        ({"nfts": "none"}, "nfts: must be a list"),
        ({"nfts": {"0": {"identifier": "5"}}}, "nfts: must be a list"),
        ({"nfts": [1] * 100_001}, "nfts: must have at most 100000 items"),
        ({"nfts": [{"identifier": "5"}], "next": 5}, "next: must be a string"),
        ({"nfts": [{"name": "x"}], "next": 5}, "next: must be a string"),
        ([], "the reply: "),
    ],
)
def test_invalid_field_is_named_with_its_endpoint(body: Any, field: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_body(NftsPage, "GET /collection/x/nfts", json.dumps(body).encode())
    assert str(caught.value).startswith("unexpected reply to GET /collection/x/nfts: ")
    assert field in str(caught.value)


@pytest.mark.parametrize("end", ["", False, None])
def test_page_with_an_empty_cursor_is_the_last(end: Any) -> None:
    body = json.dumps({"nfts": [], "next": end}).encode()
    assert parse_body(NftsPage, "GET /x", body).next is None


def test_all_tokens_may_come_on_one_page() -> None:
    body = json.dumps({"nfts": [{"identifier": str(i)} for i in range(10_001)]}).encode()
    assert len(parse_body(NftsPage, "GET /x", body).rows) == 10_001


def test_error_contains_no_value_of_the_reply() -> None:
    with pytest.raises(DataError) as caught:
        parse_body(NftsPage, "GET /x", b'{"nfts": [], "next": ["sesame"]}')
    assert "next: must be a string" in str(caught.value)
    assert "sesame" not in str(caught.value)


def parse_rows(model: type[Rows[Any]], name: str, rows: list[Any]) -> Rows[Any]:
    document = {name: rows, "next": "abc", "unreadable": ["a field of the server"]}
    return parse_body(model, "GET /x", json.dumps(document).encode())


@pytest.mark.parametrize(
    ("row", "identifier", "reason"),
    [
        ({"name": "x"}, None, "identifier: is missing"),
        ({"identifier": None}, None, "identifier: must be a string"),
        ({"identifier": True}, None, "identifier: must be a string"),
        ({"identifier": "5", "traits": "many"}, "5", "traits: must be a list"),
        ({"identifier": 5, "traits": [None, 1]}, "5", "traits.0: must be an object"),
        ({"identifier": "5", "traits": [{}] * 1001}, "5", "traits: must have at most 1000 items"),
        (None, None, "the row must be an object"),
        (["5"], None, "the row must be an object"),
    ],
)
@pytest.mark.parametrize("model", [NftsPage, NftsBatch])
def test_row_that_cannot_be_read_costs_no_other_row(
    model: type[Rows[Any]], row: Any, identifier: str | None, reason: str
) -> None:
    page = parse_rows(model, "nfts", [{"identifier": "1"}, row, {"identifier": 2}, row])
    assert [nft.identifier for nft in page.rows] == ["1", "2"]
    assert [(bad.row, bad.identifier, bad.reason) for bad in page.unreadable] == [
        (row, identifier, reason)
    ] * 2


def test_field_names_from_the_server_are_shortened_and_printable() -> None:
    problem = describe_problem(["counts", "\x1b]0;pwned\x07" + "A" * 3000], "Field required")
    assert problem == f"counts. ]0;pwned {'A' * 83}: is missing"


def test_trait_counts_leave_out_everything_else() -> None:
    counts = {
        "type": {"Male": 3, "Ape": "2", "Alien": -1, "Zombie": None, "Female": 1.5},
        "rank": {"min": 1, "max": 10**400},
        "news": None,
        "level": [1],
    }
    for value, kept in [
        (counts, {"type": {"Male": 3, "Ape": 2}, "rank": {"min": 1}, "news": {}, "level": {}}),
        (None, {}),
        ("", {}),
    ]:
        body = json.dumps({"counts": value}).encode()
        assert parse_body(TraitCounts, "GET /x", body).counts == kept
    with pytest.raises(DataError, match="counts: must be an object"):
        parse_body(TraitCounts, "GET /x", b'{"counts": [1]}')


@pytest.mark.parametrize(
    ("model", "name"), [(EventsPage, "asset_events"), (ListingsPage, "listings")]
)
def test_every_object_is_a_row_of_events_and_listings(model: type[Rows[Any]], name: str) -> None:
    odd = [{}, {"nft": 5, "asset": [], "price": "x"}, {"status": [], "offer": {}, "chain": 1e999}]
    page = parse_rows(model, name, [*odd, None, "x"])
    assert len(page.rows) == len(odd)
    assert [row.reason for row in page.unreadable] == ["the row must be an object"] * 2


def test_collection_keeps_its_valid_contracts() -> None:
    contracts = [
        None,
        "0xaa",
        {"address": "0xbad\n/../x", "chain": "ethereum"},
        {"address": "0xAA", "chain": "Ethereum "},
        {"address": "0xbb", "chain": "a/../b"},
    ]
    for value, kept in [
        (contracts, [("0xaa", "ethereum"), ("0xbb", None)]),
        ("none", []),
        (None, []),
    ]:
        body = json.dumps({"contracts": value, "total_supply": "12"}).encode()
        collection = parse_body(Collection, "GET /x", body)
        assert [(c.address, c.chain) for c in collection.contracts] == kept
        assert collection.total_supply == 12
