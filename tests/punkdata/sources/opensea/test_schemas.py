from __future__ import annotations

import json
from typing import Any

import pytest

from punkdata.errors import DataError
from punkdata.sources.opensea.schemas import EventsPage, NftsPage, parse_body


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
        ({"nfts": [{"identifier": "1"}, {"name": "x"}]}, "nfts.1.identifier: is missing"),
        ({"nfts": [{"identifier": 5}]}, "nfts.0.identifier: "),
        ({"nfts": [{"identifier": "5", "traits": "many"}]}, "nfts.0.traits: "),
        ([], "the reply: "),
    ],
)
def test_invalid_field_is_named_with_its_endpoint(body: Any, field: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_body(NftsPage, "GET /collection/x/nfts", json.dumps(body).encode())
    assert str(caught.value).startswith("unexpected reply to GET /collection/x/nfts: ")
    assert field in str(caught.value)


def test_error_contains_no_value_of_the_reply() -> None:
    with pytest.raises(DataError) as caught:
        parse_body(EventsPage, "GET /x", b'{"asset_events": [{"event_timestamp": "sesame"}]}')
    assert "asset_events.0.event_timestamp" in str(caught.value)
    assert "sesame" not in str(caught.value)
