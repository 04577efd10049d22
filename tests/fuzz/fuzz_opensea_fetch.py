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
from support.opensea_server import KEY, OpenSeaServer
from support.row_damage import check_message, damage_row
from support.sales_events import listing, make_sales
from support.sprites import make_punks

from punkdata.errors import PunkError
from punkdata.fetch import OpenSeaResult, fetch_opensea

PUNKS = make_punks(12)


def damage_reply(rng: random.Random, data: Any) -> Any:
    """Damage some rows of a list, or now and then a document of another endpoint."""
    for name in ("nfts", "asset_events", "listings"):
        if name in data:
            return data | {
                name: [damage_row(rng, r) if rng.random() < 0.1 else r for r in data[name]]
            }
    return damage_row(rng, data) if rng.random() < 0.2 else data


def fetch_damaged(rng: random.Random, root: Path) -> OpenSeaResult | None:
    """Return the result of a fetch, or None if it ends with an error, whose message is checked."""
    offers = [listing(i, f"{i + 1}.5") for i in range(6)]
    server = OpenSeaServer(PUNKS, make_sales(PUNKS, 60), offers)
    server.inline_traits = rng.random() < 0.7
    server.max_batch_size = rng.choice([0, 5, 100])
    server.max_page_size = rng.choice([5, 200])
    server.change = lambda path, data: damage_reply(rng, data)
    with server:
        try:
            limit = rng.choice([None, None, 7])
            return fetch_opensea(root, open_network(server), server.base_url, limit=limit)
        except PunkError as error:
            check_message(str(error).replace(KEY, "\n"))  # The key must not occur.
            return None
        finally:
            OPEN_NETWORKS.pop().close()


def test_fetch_replay_and_build_agree_on_damaged_rows(tmp_path: Path) -> None:
    results = []

    def check(rng: random.Random) -> None:
        root = tmp_path / str(len(results))
        result = fetch_damaged(rng, root)
        results.append(result and result.recording.info.status)
        if result:
            check_agreement(root, result)

    for_each_seed(check, max(1, NUM_EXAMPLES // 30))
    assert {"partial", "complete"} <= set(results) or len(results) < 20
