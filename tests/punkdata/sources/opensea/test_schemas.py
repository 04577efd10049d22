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
    parsed = parse_body(NftsPage, json.dumps(page).encode(), "GET /nfts")
    assert parsed.next is None
    assert (parsed.nfts[0].traits, parsed.nfts[0].image_url) == (None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "nfts: Field required"),
        ({"nfts": None}, "nfts: "),
        ({"nfts": [{"identifier": "1"}, {"name": "x"}]}, "nfts.1.identifier: Field required"),
        ({"nfts": [{"identifier": 5}]}, "nfts.0.identifier: "),
        ({"nfts": [{"identifier": "5", "traits": "many"}]}, "nfts.0.traits: "),
        ([], "the reply: "),
    ],
)
def test_invalid_field_is_named_with_its_endpoint(body: Any, field: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_body(NftsPage, json.dumps(body).encode(), "GET /collection/x/nfts")
    assert str(caught.value).startswith("unexpected reply to GET /collection/x/nfts: ")
    assert field in str(caught.value)


def test_error_contains_no_value_of_the_reply() -> None:
    with pytest.raises(DataError) as caught:
        parse_body(EventsPage, b'{"asset_events": [{"event_timestamp": "sesame"}]}', "GET /x")
    assert "asset_events.0.event_timestamp" in str(caught.value)
    assert "sesame" not in str(caught.value)
