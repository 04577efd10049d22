"""A snapshot with sales for statistics: priced ones, and some for each reason to leave one out."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.network import open_network
from support.opensea_server import OpenSeaServer
from support.sales_events import USDC, Json, paid, sale_event
from support.sprites import FakePunk, make_punks

from punkdata.build import build_dataset
from punkdata.build_tables import make_tables
from punkdata.fetch import fetch_opensea
from punkdata.records import RateRecord, TraitFloorRecord
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources.read_recording import read_recording
from punkdata.sources.recording import open_recording

START_S = 1_609_459_200  # January 1, 2021
DAY_S = 24 * 3600
NUM_DAYS = 181
NUM_RATES = 151
NUM_OMITTED = {
    "is_zero_amount": 2,
    "is_other_currency": 1,
    "is_bundle": 3,
    "is_self_trade": 2,
    "is_outlier": 1,
    "no_price": 1,
}
"""Number of sales of the market cryptopunks that statistics leave out, by reason."""


def make_market(punks: list[FakePunk], n: int = 500) -> list[Json]:
    """Return n sales in half a year, in which the price doubles twice, and those to be omitted."""
    rng = random.Random(1)
    accounts = (f"0x{number:040x}" for number in range(10_000, 100_000))
    events: list[Json] = []

    def add(punk_id: int, day: float, payment: Json | None, **fields: Any) -> None:
        parties = {"seller": next(accounts), "buyer": next(accounts)}
        sold_at = START_S + int(day * DAY_S)
        events.append(sale_event(punk_id, sold_at, payment, **(parties | fields)))

    for i in range(n):
        punk, day = rng.choice(punks), NUM_DAYS * i / n
        price = 10 * 2 ** (day / 90) * rng.lognormvariate(0, 0.5) * (1 + len(punk.accessories))
        add(punk.punk_id, day, paid(f"{price:.4f}"))
    add(0, 100, paid("0"))
    add(1, 101, paid("0"))
    add(2, 102, paid("40000", "USDC", USDC, 6))
    for punk_id in (3, 4, 5):
        add(punk_id, 103, paid("20"), transaction="0xbb")
    add(6, 104, paid("90"), seller="0xaa", buyer="0xab")
    add(6, 104.5, paid("91"), seller="0xab", buyer="0xaa")
    add(7, 105, paid("123456"))
    add(8, 106, None)
    return events


def build_market(root: Path) -> Snapshot:
    """Build a snapshot of 60 punks with these sales, 20 wrapped ones, rates and floor prices.

    The rates end with May, so sales in June have no price in USD. The lowest price of a Female is
    in USDC.
    """
    punks = make_punks(60)
    with OpenSeaServer(punks, make_market(punks)) as server:
        network = open_network(server)
        fetch_opensea(root / "fetched", network, server.base_url)
        network.close()
    built = build_dataset(root / "fetched")
    data = read_recording(open_recording(built.recording), "", lambda done, total: None)
    assert data.sales is not None
    start = datetime.fromtimestamp(START_S, UTC)
    wrapped = [
        replace(sale, market="wrapped", sold_at=sale.sold_at + timedelta(hours=1))
        for sale in data.sales[: 20 * 14 : 14]
    ]
    labels = sorted({label for punk in punks for label in (punk.type, *punk.accessories)})
    floors = [TraitFloorRecord(label, "ETH", 20.5 + i, 20.5 + i) for i, label in enumerate(labels)]
    floors = [floor for floor in floors if floor.label != "Female"]
    floors.append(TraitFloorRecord("Female", "USDC", 9e4, None))
    floors.append(TraitFloorRecord("Zombie", "WETH", 7.5, 7.5))
    data = replace(
        data,
        sales=sorted([*data.sales, *wrapped], key=lambda sale: sale.sold_at),
        eth_usd=[RateRecord(start + timedelta(days=i), 1000.5 + i) for i in range(NUM_RATES)],
        trait_floors=sorted(floors, key=lambda floor: (floor.label, floor.symbol or "")),
    )
    tables = make_tables(data)
    manifest = built.snapshot.manifest.model_copy(update=summarize_tables(tables))
    return write_snapshot(root, manifest, tables)[0]
