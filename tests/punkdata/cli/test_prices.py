from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from support.cli import run

from punkdata import price_table
from punkdata.snapshots.reader import Snapshot

Capture = pytest.CaptureFixture[str]


def test_prices_prints_a_table_and_what_it_counts(
    market_snapshot: Snapshot, capsys: Capture
) -> None:
    assert run("prices", market_snapshot.path) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split()[:4] == ["type", "punks", "sales", "left"]
    assert [line.split()[0] for line in lines[1:6]] == [*price_table(market_snapshot).index]
    zombies = price_table(market_snapshot).loc["Zombie"]
    (line,) = (line for line in lines if line.startswith("Zombie"))
    assert f"{zombies['median_eth']:.2f}" in line
    assert f"{zombies['median_usd']:,.0f}" in line
    assert f"{zombies['premium']:+.1%}" in line
    assert lines[6:] == [
        "",
        "500 sales in the market cryptopunks from 2021-01-01 to 2021-06-30 (UTC), in ETH, WETH or "
        "BETH",
        "30 sales left out: in other markets 20, without payment 2, in other currencies 1, in "
        "bundles 3, self-trades 2, outliers 1, without a known price 1",
        "median USD: of the 418 sales whose rate is known",
    ]
    assert captured.err == ""


def test_prices_as_json_has_every_value(market_snapshot: Snapshot, capsys: Capture) -> None:
    options = ("--by", "accessory", "--since", "2021-02-01", "--market", "all")
    assert run("prices", market_snapshot.path, *options, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    table = price_table(market_snapshot, "accessory", since="2021-02-01", market="all")
    assert data.pop("version") == market_snapshot.version
    assert data.pop("by") == "accessory"
    assert data.pop("rows") == table.reset_index().to_dict("records")
    assert data == table.attrs


def test_prices_as_json_writes_null_for_unknown_values(
    market_snapshot: Snapshot, capsys: Capture
) -> None:
    options = ("--market", "wrapped", "--until", "2021-01-02", "--json")
    assert run("prices", market_snapshot.path, *options) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert sum(row["sales"] for row in rows) == 1
    assert [row["premium_low"] for row in rows] == [None] * 5
    assert sorted(row["median_eth"] is None for row in rows) == [False, *[True] * 4]


def test_prices_as_csv_leaves_only_data_on_stdout(
    market_snapshot: Snapshot, capsys: Capture
) -> None:
    assert run("prices", market_snapshot.path, "--csv") == 0
    captured = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(captured.out)))
    table = price_table(market_snapshot)
    assert list(rows[0]) == [table.index.name, *table.columns]
    assert [row["type"] for row in rows] == [*table.index]
    assert [float(row["premium"]) for row in rows] == table["premium"].tolist()
    assert "500 sales in the market cryptopunks" in captured.err
    assert "30 sales left out" in captured.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--since", "31.12.2021"), "--since must be a date such as 2021-08-31, not '31.12.2021'"),
        (("--since", "2031-01-01"), "no priced sale was made since 2031-01-01"),
        (("--market", "opensea"), "market must be one of cryptopunks, wrapped, all"),
        (("--json", "--csv"), "--json and --csv exclude each other"),
        (("--by", "hat"), "'hat' is not one of 'type', 'accessory'"),
    ],
)
def test_prices_rejects_options_in_one_line(
    market_snapshot: Snapshot, capsys: Capture, options: tuple[str, ...], message: str
) -> None:
    assert run("prices", market_snapshot.path, *options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_prices_without_sales_says_how_to_get_them(built_root: Path, capsys: Capture) -> None:
    assert run("prices", "--root", built_root) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "has no sales in ETH; get them with: punkdata fetch --instant-key" in captured.err
