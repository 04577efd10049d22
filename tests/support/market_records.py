"""Snapshots with invented sales in several markets, rates and floor prices."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.sprites import make_punks

from punkdata.build_tables import make_tables
from punkdata.records import (
    FloorPriceRecord,
    MarketStats,
    PunkRecord,
    RateRecord,
    SaleRecord,
    TraitFloorRecord,
)
from punkdata.snapshots import manifest
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources.read_recording import RecordedData

START = datetime(2020, 12, 1, 12, tzinfo=UTC)
FIRST_RATE = datetime(2021, 1, 1, tzinfo=UTC)
ZERO = "0x" + "0" * 40
NUM_SALES = 400


def make_market_records() -> RecordedData:
    """Return invented records of 60 punks: half of the sales of wrapped punks are paid in WETH."""
    rng = random.Random(5)
    punks = [
        PunkRecord(
            punk_id=punk.punk_id,
            punk_type=punk.type,
            accessories=tuple(punk.accessories),
            image=punk.sprite,
            image_url="synthetic:",
            image_sha256="0" * 64,
            image_scale=1.0,
            background=None,
            image_confidence=1.0,
            owner=f"0x{punk.punk_id % 7:040x}" if punk.punk_id % 7 else None,
        )
        for punk in make_punks(60)
    ]
    sales = []
    for i in range(NUM_SALES):
        wei = round(rng.lognormvariate(3, 0.7), 4) * 10**4
        sales.append(
            SaleRecord(
                punk_id=rng.randrange(60),
                sold_at=START + timedelta(hours=12 * i),
                payment_base_units=int(wei) * 10**14,
                decimals=18,
                symbol="ETH",
                token_address=ZERO,
                price_wei=int(wei) * 10**14,
                seller=f"0x{2 * i + 1:040x}",
                buyer=f"0x{2 * i + 2:040x}",
                buyer_is_zero_address=False,
                # Two sales of each 20 are in one transaction.
                transaction_hash=f"0x{i - i % 2 if i % 20 < 2 else 10**6 + i:064x}",
                market="wrapped" if i % 5 == 3 else "cryptopunks",
            )
        )
    rates = [
        RateRecord(FIRST_RATE + timedelta(days=i), rng.uniform(700, 4000))
        for i in range(150)
        if i != 40
    ]
    floors = [
        FloorPriceRecord(FIRST_RATE + timedelta(days=7 * i), rng.uniform(5, 30), rng.uniform(1, 9))
        for i in range(20)
    ]
    floors.append(FloorPriceRecord(FIRST_RATE + timedelta(days=150), None, 5.25))
    trait_floors = [
        TraitFloorRecord("Alien", "ETH", 4200.5, 4200.5),
        TraitFloorRecord("Mohawk", "USDC", 99_000.0, None),
    ]
    return RecordedData(
        punks,
        sales=sales,
        listings=[],
        eth_usd=rates,
        floor_prices=floors,
        trait_floors=trait_floors,
        market_stats=MarketStats(1.5e6, "ETH", 25_000, 3_800, 31.5, "ETH"),
    )


def write_market(root: Path, data: RecordedData | None = None) -> Snapshot:
    """Write a snapshot of these records, by default of `make_market_records`, below a root."""
    data = data or make_market_records()
    tables = make_tables(data)
    assert data.market_stats is not None
    about = manifest.Manifest(
        **summarize_tables(tables),
        status="complete",
        expected=len(data.punks),
        market_stats=manifest.MarketStats(**vars(data.market_stats)),
        source="opensea",
        recording="none",
        created_at="2026-01-01T00:00:00+00:00",
        created_by="tests",
        files=(),
    )
    return write_snapshot(root, about, tables)[0]
