"""Rows of the sales table for tests of flags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from support.sales_events import ZERO

from punkdata.currencies import parse_price_wei
from punkdata.snapshots.sale_flags import find_flags

START = datetime(2021, 10, 1, tzinfo=UTC)
TYPES = {1: "Male", 2: "Male", 3: "Male", 4: "Female", 5: "Ape"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_ADDRESSES = {"zero": ZERO} | {name: f"0x{ord(name):040x}" for name in "ABCDE"}

Flag = bool | None


def sale(
    punk_id: int = 1,
    after: timedelta = timedelta(0),
    eth: str | None = "10",
    seller: str | None = "A",
    buyer: str | None = "B",
    **fields: Any,
) -> dict[str, Any]:
    """Return a row of the sales table, with addresses by letter, sold some time after START."""
    amount = None if eth is None else int(Decimal(eth) * 10**18)
    row = {
        "punk_id": punk_id,
        "sold_at": START + after,
        "market": "cryptopunks",
        "payment_base_units": amount,
        "decimals": 18,
        "symbol": "ETH",
        "token_address": ZERO,
        "seller": None if seller is None else _ADDRESSES[seller],
        "buyer": None if buyer is None else _ADDRESSES[buyer],
        "transaction_hash": f"0x{punk_id}-{after}-{seller}-{buyer}",
    } | fields
    row["price_wei"] = parse_price_wei(
        row["payment_base_units"], row["decimals"], row["symbol"], row["token_address"]
    )
    return row


def flags_of(name: str, *sales: dict[str, Any]) -> list[Flag]:
    """Return a flag of each sale."""
    return [flags[name] for flags in find_flags(sales, TYPES)]
