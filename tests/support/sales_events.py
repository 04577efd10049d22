"""Synthetic sales and listings, in the schemas of the API's OpenAPI document."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from support.sprites import FakePunk

SLUG = "cryptopunks"
CHAIN = "ethereum"
CONTRACT = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"
ZERO = "0x" + "0" * 40
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
BETH = "0x0000000000a39bb272e79075ade125fd351887ac"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"

WRAPPER = "0x000000000000003607fce1ac9e043a86675c5c2f"

Json = dict[str, Any]

ABSENT = object()
"""Value of a field that is to be left out."""


def without_absent(document: Json) -> Json:
    """Return the document without the fields that are ABSENT."""
    return {name: value for name, value in document.items() if value is not ABSENT}


def sale_event(punk_id: int, sold_at: int, payment: Json | None, **fields: Any) -> Json:
    """Return a SaleEvent. `fields` replace its fields, or remove those that are ABSENT."""
    event: Json = {
        "event_type": "sale",
        "event_timestamp": sold_at,
        "transaction": f"0x{punk_id * 2**64 + sold_at:064x}",
        "order_hash": f"0x{sold_at:064x}",
        "protocol_address": CONTRACT,
        "chain": CHAIN,
        "payment": payment,
        "closing_date": sold_at,
        "seller": f"0x{punk_id + 1:040X}",
        "buyer": f"0x{punk_id + 2:040x}",
        "quantity": 1,
        "nft": {
            "identifier": str(punk_id),
            "collection": SLUG,
            "contract": CONTRACT,
            "token_standard": "cryptopunks",
            "name": f"CryptoPunk #{punk_id}",
            "opensea_url": f"https://opensea.io/assets/{CHAIN}/{CONTRACT}/{punk_id}",
            "updated_at": "2026-01-01T00:00:00",
            "is_disabled": False,
            "is_nsfw": False,
            "traits": [],
        },
    }
    return without_absent(event | fields)


def wrapped_sale_event(punk_id: int, sold_at: int, payment: Json) -> Json:
    """Return a SaleEvent of a punk in a wrapper contract, which is another collection."""
    event = sale_event(punk_id, sold_at, payment)
    event["nft"] |= {"contract": WRAPPER, "collection": "wrapped-punks"}
    return event


def paid(eth: str, symbol: str = "ETH", address: str = ZERO, decimals: int = 18) -> Json:
    """Return the Payment of an exact decimal amount: paid("0.1")["quantity"] is str(10**17)."""
    integer, _, fraction = eth.partition(".")
    quantity = str(int(integer + fraction.ljust(decimals, "0")))
    return {"quantity": quantity, "token_address": address, "decimals": decimals, "symbol": symbol}


def select_sales(events: list[Any], after: int, before: int, token: str | None) -> list[Any]:
    """Return the events between two times, newest first, and with `token` only those of one token.

    Rows without a time come first, and match every query.
    """
    dated = []
    for event in events:
        fields = event if isinstance(event, dict) else {}
        time, nft = fields.get("event_timestamp"), fields.get("nft") or {}
        time = time if isinstance(time, int) else before - 1
        if after < time < before and token in (None, nft.get("identifier")):
            dated.append((time, event))
    return [event for _, event in sorted(dated, key=lambda pair: -pair[0])]


def make_sales(punks: list[FakePunk], n: int, seed: int = 3) -> list[Json]:
    """Return n sales from 2017 on. The first ones cover every special case of real sales."""
    rng = random.Random(seed)
    ids = [p.punk_id for p in punks]
    start, end = 1_498_000_000, 1_640_000_000
    special_cases: Iterator[Json] = iter(
        [
            sale_event(ids[0], start + 10, paid("0.1"), buyer=ZERO),
            sale_event(ids[0], start + 20, paid("0")),
            sale_event(ids[1], start + 30, paid("25000", "USDC", USDC, 6)),
            sale_event(ids[1], start + 40, paid("2.5", "WETH", WETH)),
            sale_event(ids[2], start + 50, paid("12.345678901234567891", "BETH", BETH)),
            sale_event(ids[2], start + 60, None),
            sale_event(ids[3], start + 70, ABSENT),
            sale_event(ids[3], start + 80, paid("7"), transaction=ABSENT),
            wrapped_sale_event(ids[4], start + 90, paid("8")),
            sale_event(ids[4], start + 100, paid("9", symbol="", address=ZERO)),
            # One transaction with many punks, and one punk twice in the same second.
            *(sale_event(i, start + 110, paid("1.5"), transaction="0xaa") for i in ids[:5]),
            sale_event(ids[0], start + 120, paid("3"), transaction="0xb1"),
            sale_event(ids[0], start + 120, paid("4"), transaction="0xb2"),
        ]
    )
    sales = []
    for i in range(n):
        event = next(special_cases, None)
        if event is None:
            price = f"{rng.lognormvariate(2.5, 1.2) + 0.01:.2f}"
            event = sale_event(rng.choice(ids), start + (end - start) * i // n, paid(price))
        sales.append(event)
    return sales


def order_item(item_type: int, token: str, identifier: str = "0") -> Json:
    """Return an item of an order. Types: 0 is ETH, 1 a currency, 2 a token with an identifier."""
    return {
        "itemType": item_type,
        "token": token,
        "identifierOrCriteria": identifier,
        "startAmount": "1",
        "endAmount": "1",
    }


def listing(
    punk_id: int,
    eth: str,
    currency: str = "ETH",
    decimals: int = 18,
    *,
    offered: Sequence[Json] | None = None,
    paid_in: Sequence[Json] = (),
    **fields: Any,
) -> Json:
    """Return a Listing. `fields` replace its fields, or remove those that are ABSENT.

    `offered` are the items of the order, by default the punk, and `paid_in` what the seller wants.
    """
    value = paid(eth, decimals=decimals)["quantity"]
    document: Json = {
        "order_hash": f"0x{punk_id:064x}",
        "chain": CHAIN,
        "price": {"current": {"currency": currency, "decimals": decimals, "value": value}},
        "protocol_data": {
            "parameters": {
                "offerer": ZERO,
                "consideration": [item | {"recipient": f"0x{punk_id:040x}"} for item in paid_in],
                "startTime": "1700000000",
                "endTime": "1900000000",
                "orderType": 0,
                "zone": ZERO,
                "zoneHash": "0x00",
                "salt": "0x01",
                "conduitKey": "0x00",
                "totalOriginalConsiderationItems": len(paid_in),
                "counter": 0,
                "offer": offered or [order_item(2, CONTRACT, str(punk_id))],
            }
        },
        "remaining_quantity": 1,
        "status": "ACTIVE",
        "type": "basic",
    }
    return without_absent(document | fields)


def flat_listing(punk_id: int, eth: str, currency: str = "ETH", **fields: Any) -> Json:
    """Return a listing whose price lacks the level "current"."""
    document = listing(punk_id, eth, currency, **fields)
    return document | {"price": document["price"]["current"]}


def private_listing(punk_id: int, eth: str) -> Json:
    """Return a listing that hands the punk over to one certain address."""
    items = [order_item(0, ZERO), order_item(2, CONTRACT, str(punk_id))]
    return listing(punk_id, eth, paid_in=items)
