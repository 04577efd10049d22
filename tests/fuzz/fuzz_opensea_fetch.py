"""Fuzz test of whole fetches from a server that damages rows of every endpoint.

The fetch, its replay and the builds of both agree on labels, sales, listings and what is missing.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from support.agreement import check_agreement
from support.fuzzing import NUM_EXAMPLES, for_each_seed
from support.network import OPEN_NETWORKS, open_network
from support.opensea_market import WRAPPERS, wrapped_sale
from support.opensea_server import KEY, OpenSeaServer
from support.row_damage import check_message, choose_odd_value, damage_row
from support.sales_events import listing, make_sales, paid
from support.sprites import make_punks

from punkdata.build import build_dataset
from punkdata.errors import PunkError
from punkdata.fetch import OpenSeaResult, fetch_opensea

PUNKS = make_punks(12)
LISTS = {"nfts", "asset_events", "listings", "prices", "floor_prices", "floors"}


def damage_reply(rng: random.Random, data: Any) -> Any:
    """Damage some rows of a list or its cursor, or now and then a document of another endpoint."""
    if "next" in data and rng.random() < 0.03:
        data["next"] = choose_odd_value(rng)
    for name in data.keys() & LISTS:
        data[name] = [damage_row(rng, r) if rng.random() < 0.1 else r for r in data[name]]
        return data
    return damage_row(rng, data) if rng.random() < 0.2 else data


def make_server(rng: random.Random) -> OpenSeaServer:
    offers = [listing(i, f"{i + 1}.5") for i in range(6)]
    server = OpenSeaServer(PUNKS, make_sales(PUNKS, 60), offers)
    for slug in WRAPPERS:
        server.market.wrapped[slug] = [
            wrapped_sale(i, 1_600_000_000 + i, paid("2"), slug) for i in range(8)
        ]
    server.lists_owners = rng.random() < 0.5
    server.inline_traits = rng.random() < 0.7
    server.max_batch_size = rng.choice([0, 5, 100])
    server.max_page_size = rng.choice([5, 200])
    return server


def try_fetch(server: OpenSeaServer, root: Path, limit: int | None) -> OpenSeaResult | None:
    """Return the result of a fetch, or None if it ends with an error, whose message is checked."""
    try:
        return fetch_opensea(root, open_network(server), server.base_url, limit=limit)
    except PunkError as error:
        check_message(str(error).replace(KEY, "\n"))  # The key must not occur.
        return None
    finally:
        OPEN_NETWORKS.pop().close()


def check_repair(server: OpenSeaServer, root: Path, limit: int | None) -> None:
    """Check that the same command fetches what was missing once the server sends no odd rows.

    The first run may resume a recording that has odd rows; the second one refreshes it.
    """
    server.change = lambda path, data: data
    results = [try_fetch(server, root, limit) for _ in range(2)]
    last = results[-1]
    assert last
    info = last.recording.info
    assert (info.status, info.missing, info.lost_sales) == ("complete", {}, 0)
    punks = build_dataset(root).snapshot.punks().sort_by("punk_id")
    expected = PUNKS[:limit]
    assert punks.column("type").to_pylist() == [p.type for p in expected]
    assert punks.column("accessories").to_pylist() == [p.accessories for p in expected]


def test_fetch_replay_and_build_agree_on_damaged_rows(tmp_path: Path) -> None:
    statuses = []

    def check(rng: random.Random) -> None:
        root = tmp_path / str(len(statuses))
        limit = rng.choice([None, None, 7])
        with make_server(rng) as server:
            server.change = lambda path, data: damage_reply(rng, data)
            result = try_fetch(server, root, limit)
            statuses.append(result and result.recording.info.status)
            if result:
                check_agreement(root, result)
            check_repair(server, root, limit)

    for_each_seed(check, max(1, NUM_EXAMPLES // 30))
    assert {"partial", "complete"} <= set(statuses) or len(statuses) < 20
