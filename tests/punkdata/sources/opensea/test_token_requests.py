from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from support.network import make_client
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED
from support.opensea_server import OpenSeaServer
from support.sales_events import CHAIN, CONTRACT
from support.sprites import make_punks

from punkdata.sources.opensea.token_requests import TokenRequests


def request(server: OpenSeaServer, ids: Sequence[int]) -> tuple[TokenRequests, list[int]]:
    """Return the finished requests, and the ids that were found, in order."""
    requests = TokenRequests(make_client(server), CONTRACT, CHAIN)
    replies = list(requests.request(ids))
    return requests, [int(text) for _, batch in replies for text in batch.identifiers]


def batch_sizes(server: OpenSeaServer) -> list[int]:
    return [len(json.loads(r.body)["identifiers"]) for r in server.requests_to("/batch")]


@pytest.mark.parametrize("max_batch_size", [200, 100, 7, 1])
def test_batch_size_is_halved_until_the_server_accepts_it(
    server: OpenSeaServer, max_batch_size: int
) -> None:
    server.punks = make_punks(300)
    server.max_batch_size = max_batch_size
    ids = list(range(0, 300, 2))
    requests, found = request(server, ids)
    assert found == ids
    assert (requests.unanswered, requests.warnings) == ({}, [])
    assert sum(r.status == 400 for r in server.requests_to("/batch")) <= 8
    assert server.requests_to("/chain/") == []


@pytest.mark.parametrize("poison_ids", [{0}, {77, 78}, {59, 101, 299}])
def test_token_that_makes_batches_fail_costs_only_itself(
    server: OpenSeaServer, poison_ids: set[int]
) -> None:
    server.punks, server.max_batch_size = make_punks(300), 25
    server.oddities.poison_ids = frozenset(poison_ids)
    requests, found = request(server, range(300))
    assert sorted(found) == list(range(300))  # They can be requested alone.
    assert len(server.requests_to("/chain/")) == len(poison_ids)
    assert len(batch_sizes(server)) < 12 + len(poison_ids) * (4 * 8 + 12) + 6
    assert len(requests.warnings) == 1
    server.oddities.replies = {f"/nfts/{i}": BROKEN for i in poison_ids}
    requests, found = request(server, range(300))
    assert sorted(found) == sorted(set(range(300)) - poison_ids)
    assert requests.unanswered == dict.fromkeys(poison_ids, "could not be requested by its id")


@pytest.mark.parametrize(
    ("reply", "num_batches"), [(BROKEN, 8 * 6), (NOT_JSON, 8 * 6), (REFUSED, 1)]
)
def test_batches_that_always_fail_are_given_up(
    server: OpenSeaServer, reply: tuple[int, bytes, dict[str, str]], num_batches: int
) -> None:
    server.oddities.replies = {"/batch": reply}
    requests, found = request(server, range(60))
    assert found == list(range(60))
    assert len(batch_sizes(server)) == num_batches
    server.log.clear()
    assert len(list(requests.request(range(5)))) == 5
    assert batch_sizes(server) == []


def test_ids_that_many_batches_lack_are_not_requested_alone(server: OpenSeaServer) -> None:
    found = request(server, range(300))[1]
    assert found == list(range(60))
    assert server.requests_to("/chain/") == []
    assert request(server, range(50, 100))[1] == list(range(50, 60))
    assert len(server.requests_to("/chain/")) == 40
