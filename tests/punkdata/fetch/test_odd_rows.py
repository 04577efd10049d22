"""What one odd row, reply or total costs a whole fetch, its replay and the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agreement import check_agreement
from support.network import Fetch
from support.opensea_documents import json_reply
from support.opensea_market import without_market
from support.opensea_oddities import BROKEN, REFUSED
from support.opensea_server import OpenSeaServer
from support.row_damage import raw_json
from support.sales_events import Json, listing, paid, sale_event
from support.sprites import make_punks

Change = Callable[[OpenSeaServer], None]


@pytest.fixture
def server() -> Iterator[OpenSeaServer]:
    """A fake OpenSea with 12 punks, a sale of each in 3 pages, and one listing."""
    sales = [sale_event(i, 1_600_000_000 + i, paid(f"{i + 1}")) for i in range(12)]
    with OpenSeaServer(make_punks(12), sales, [listing(3, "70")], max_page_size=5) as server:
        yield server


def change_rows(name: str, change: Callable[[Json], Any]) -> Change:
    """Return a function that replaces the rows of lists with this name, but not of batches."""

    def change_document(path: str, document: Any) -> Any:
        if name in document and not path.endswith("/batch"):
            document[name] = [change(row) for row in document[name]]
        return document

    return lambda server: setattr(server, "change", change_document)


def token(number: int, row: Any) -> Change:
    """Return a function that merges `row` into a listed token, or replaces it by another value."""

    def change(nft: Json) -> Any:
        if nft["identifier"] != str(number):
            return nft
        return nft | row if isinstance(row, dict) else row

    return change_rows("nfts", change)


def respell_traits(spell: Callable[[Json], Any]) -> Change:
    return change_rows("nfts", lambda nft: nft | {"traits": [spell(t) for t in nft["traits"]]})


def event(**fields: Any) -> Change:
    """Return a function that replaces fields of the sale of punk 4, among 11 other sales."""
    return change_rows(
        "asset_events", lambda row: row | fields if row["nft"]["identifier"] == "4" else row
    )


def payment(**fields: Any) -> Change:
    return event(payment=paid("5") | fields)


def totals(**fields: Any) -> Change:
    def change(path: str, document: Any) -> Any:
        return document | fields if path.startswith("/collections/") else document

    return lambda server: setattr(server, "change", change)


def reply(path: str, answer: Any) -> Change:
    return lambda server: server.oddities.replies.update({path: answer})


COMPLETE: dict[str, Change] = {
    "number as identifier": token(7, {"identifier": 7}),
    "null in place of a token": token(7, None),
    "list in place of a token": token(7, [{"identifier": "7"}]),
    "token without an identifier": token(7, {"identifier": None}),
    "traits by kind": token(7, {"traits": {"type": "Male"}}),
    "trait that is a string": token(7, {"traits": ["Male"]}),
    "contract in upper case": change_rows(
        "nfts", lambda n: n | {"contract": n["contract"].upper()}
    ),
    "token without a contract": token(7, {"contract": ""}),
    "values in upper case": respell_traits(lambda t: t | {"value": t["value"].upper()}),
    "values with spaces": respell_traits(lambda t: t | {"value": f" {t['value']}\n"}),
    "traits that repeat": change_rows("nfts", lambda n: n | {"traits": n["traits"] * 2}),
    "trait types of null": respell_traits(lambda t: t | {"trait_type": None}),
    "totals as text": totals(total_supply="12", unique_item_count="12.0"),
    "totals as words": totals(total_supply="many", unique_item_count=[12]),
    "negative totals": totals(total_supply=-1, unique_item_count=0),
    "huge totals": totals(total_supply=raw_json("1e999999999"), unique_item_count="12"),
    "no contracts": totals(contracts={"address": None}),
    "another contract": totals(contracts=[{"address": "0xab", "chain": "ethereum"}]),
    "amount as a number": payment(quantity=5 * 10**18),
    "amount in scientific notation": payment(quantity=raw_json("5.0e18")),
    "amount as such a text": payment(quantity="5e+18"),
    "decimals as text": payment(decimals="18"),
    "payment without an address": payment(token_address=""),
    "chain in upper case": event(chain="ETHEREUM"),
    "time as text": event(event_timestamp="1600000004"),
    "time with a fraction": event(event_timestamp=raw_json("1600000004.5")),
    "buyer of null": event(buyer=None),
    "repeated events": lambda server: server.sales.extend(list(server.sales)),
    "counts that fail": reply("/traits/", BROKEN),
}


@pytest.mark.parametrize("change", COMPLETE.values(), ids=COMPLETE)
def test_odd_row_that_can_be_read_costs_nothing(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, change: Change
) -> None:
    change(server)
    result = fetch(root=tmp_path / "data")
    assert (result.recording.info.status, result.recording.info.missing) == ("complete", {})
    assert (result.punks, result.sales, result.listed) == (12, 12, 1)
    snapshot = check_agreement(tmp_path / "data", result)
    assert snapshot
    rows = snapshot.punks().sort_by("punk_id")
    assert rows.column("type").to_pylist() == [p.type for p in server.punks]
    assert rows.column("accessories").to_pylist() == [p.accessories for p in server.punks]
    assert rows.column("last_sale_eth").to_pylist() == [float(i + 1) for i in range(12)]
    assert rows.column("lowest_listing_eth").to_pylist()[3] == 70
    assert len(without_market(server.requests_to())) <= 20


LOST: dict[str, Change] = {
    "null in place of a sale": change_rows(
        "asset_events", lambda row: None if row["nft"]["identifier"] == "4" else row
    ),
    "sale of no token": event(nft=None),
    "sale of an odd token": event(nft={"identifier": "4.5"}),
    "sale without a time": event(event_timestamp=None),
    "sale with a date": event(event_timestamp="2020-09-13T12:26:44Z"),
    "sale before the collection": event(event_timestamp=-5),
    "sale with an infinite time": event(event_timestamp=raw_json("1e999")),
    "amount that is no number": payment(quantity="five"),
    "negative amount": payment(quantity="-5"),
    "amount with a fraction": payment(quantity="5.5"),
    "infinite amount": payment(quantity=raw_json("Infinity")),
    "amount beyond any price": payment(quantity="9" * 60),
    "payment that is a number": event(payment=5),
    "decimals beyond any currency": payment(decimals=1000),
}


@pytest.mark.parametrize("change", LOST.values(), ids=LOST)
def test_odd_sale_makes_the_recording_partial_and_costs_no_other(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, change: Change
) -> None:
    change(server)
    result = fetch(root=tmp_path / "data")
    info = result.recording.info
    assert (info.status, info.missing, info.lost_sales) == ("partial", {}, 1)
    assert (result.punks, result.sales, len(info.warnings)) == (12, 11, 1)
    snapshot = check_agreement(tmp_path / "data", result)
    assert snapshot
    prices = snapshot.punks().sort_by("punk_id").column("last_sale_eth").to_pylist()
    assert prices == [None if i == 4 else float(i + 1) for i in range(12)]
    server.change = lambda path, document: document
    assert fetch(root=tmp_path / "data").recording.info.status == "complete"


UNKNOWN_LISTINGS: dict[str, Any] = {
    "403": REFUSED,
    "500": BROKEN,
    "nothing": (200, b"", {}),
    "null": json_reply(200, None),
    "a list": json_reply(200, []),
    "listings of null": json_reply(200, {"listings": None}),
    "404": json_reply(404, {"errors": ["Not found"]}),
}


@pytest.mark.parametrize("answer", UNKNOWN_LISTINGS.values(), ids=UNKNOWN_LISTINGS)
def test_listings_that_fail_cost_no_punk_and_no_sale(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, answer: Any
) -> None:
    reply("/listings/", answer)(server)
    result = fetch(root=tmp_path / "data")
    assert result.recording.info.status == "complete"
    assert (result.punks, result.sales, result.listed) == (12, 12, None)
    assert "listings are missing" in " ".join(result.recording.info.warnings)
    assert check_agreement(tmp_path / "data", result)
