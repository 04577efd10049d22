"""All that the API may do at once without losing data gives the same snapshot as a calm API."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agreement import check_agreement
from support.network import Fetch
from support.opensea_faults import Faults
from support.opensea_market import WRAPPERS, wrapped_sale
from support.opensea_oddities import WEB_PAGE, Oddities
from support.opensea_server import KEY, OpenSeaServer
from support.opensea_worst import make_worst
from support.sales_events import (
    USDC,
    flat_listing,
    listing,
    make_sales,
    order_item,
    paid,
    sale_event,
)
from support.snapshots import build_version
from support.sprites import make_punks

from punkdata.sources.opensea.sales import DAY_S
from punkdata.sources.recording import list_recordings

NUM_KILLS = 20
START = 1_600_000_000


@pytest.fixture
def server() -> Iterator[OpenSeaServer]:
    """A fake OpenSea with pages of 20 rows, listings in two currencies, and wrapped punks."""
    punks = make_punks(60)
    offers = [listing(3, "70"), listing(3, "65.5"), flat_listing(9, "12")]
    offers.append(listing(4, "9000", "USDC", 6, paid_in=[order_item(1, USDC)]))
    with OpenSeaServer(punks, make_sales(punks, 90), offers, max_page_size=20) as server:
        server.lists_owners = True
        for slug, number in zip(WRAPPERS, (30, 5), strict=True):
            events = [wrapped_sale(i, START + i, paid("2"), slug) for i in range(number)]
            server.market.wrapped[slug] = events
        yield server


@pytest.mark.parametrize("seed", range(3))
def test_all_faults_at_once_do_not_change_the_snapshot(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, seed: int
) -> None:
    calm = fetch(root=tmp_path / "calm")
    version = build_version(tmp_path / "calm")
    make_worst(server, seed=seed)
    worst = fetch(root=tmp_path / "worst")
    assert {r.status for r in server.log} >= {0, 200, 400, 403, 429, 503}
    assert {r.path.rsplit("/", 1)[1] for r in server.requests_to("/chain/")} >= {"3", "8", "17"}
    for name in ("punks", "sales", "listed", "listed_other_currency", "wrapped_sales", "owners"):
        assert getattr(worst, name) == getattr(calm, name), name
    assert calm.wrapped_sales == {"wrapped": 30, "cryptopunks-721": 5}
    assert worst.recording.info.status == "complete"
    snapshot = check_agreement(tmp_path / "worst", worst)
    assert snapshot
    assert snapshot.version == version


def test_refresh_with_all_faults_gives_the_snapshot_of_a_fresh_fetch(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.image_validators = ("etag",)
    calm_listings = list(server.listings)
    make_worst(server, seed=5)
    fetch(root=tmp_path / "worst")
    newest_s = max(event["event_timestamp"] for event in server.sales)
    for number in range(45):
        server.sales.append(sale_event(number, newest_s + number, paid(f"{number}.5")))
    for late_s in (DAY_S, 6 * DAY_S):
        server.sales.append(sale_event(50, newest_s - late_s, paid("3")))
    server.listings.append(listing(3, "60"))
    newest = wrapped_sale(9, START + 100, paid("5"))
    server.market.wrapped[WRAPPERS[0]].append(newest)
    refreshed = fetch(root=tmp_path / "worst")
    assert refreshed.recording.info.parent
    assert refreshed.recording.info.sales_after
    check_agreement(tmp_path / "worst", refreshed)
    server.faults, server.oddities = Faults(), Oddities()
    server.listings = [*calm_listings, listing(3, "60")]
    fetch(root=tmp_path / "calm")
    assert build_version(tmp_path / "worst") == build_version(tmp_path / "calm")


def test_failures_of_everything_optional_cost_no_punk_and_no_sale(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    calm = fetch(root=tmp_path / "calm")
    make_worst(server, seed=7)
    paths = ("/listings/", "/price_history", "/floor_prices", "/stats", "/floors", *WRAPPERS)
    server.oddities.replies |= dict.fromkeys(paths, WEB_PAGE)
    worst = fetch(root=tmp_path / "worst")
    assert (worst.punks, worst.sales, worst.owners) == (calm.punks, calm.sales, calm.owners)
    assert worst.wrapped_sales == {"wrapped": None, "cryptopunks-721": None}
    assert [v for name, v in vars(worst.market).items() if name != "warnings"] == [None] * 4
    assert (worst.listed, worst.recording.info.status) == (None, "complete")
    assert sum("are missing" in line for line in worst.recording.info.warnings) == 7
    assert check_agreement(tmp_path / "worst", worst)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_kills_and_all_faults_do_not_change_the_snapshot(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path
) -> None:
    fetch(root=tmp_path / "calm")
    make_worst(server, waits=True)
    rng = random.Random(4)
    command = [sys.executable, "-m", "punkdata", "fetch", "--base-url", server.base_url]
    environment = os.environ | {"OPENSEA_API_KEY": KEY, "PUNKDATA_ROOT": str(new_root)}
    num_kills, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        num_until_kill = rng.randrange(1, 6) if num_kills < NUM_KILLS else 10**9
        num_before = len(server.log)
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            # Requests of the process that was killed before may still arrive.
            while process.poll() is None and len(server.log) < num_before + num_until_kill:
                time.sleep(0.001)
            if num_kills < NUM_KILLS:
                process.kill()
            _, err = process.communicate()
            code = process.returncode
        assert "Traceback" not in err
        num_kills += code == -signal.SIGKILL
    assert (code, num_kills) == (0, NUM_KILLS), err
    (recording,) = list_recordings(new_root)
    assert recording.info.status == "complete"
    assert build_version(new_root) == build_version(tmp_path / "calm")
