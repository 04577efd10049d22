from __future__ import annotations

import json

import pytest
from support.network import make_client
from support.opensea_server import Faults, OpenSeaServer
from support.sprites import make_punks

from punkdata.errors import DataError, ReplyError


def test_pages_have_200_rows_and_cursors_are_url_encoded(server: OpenSeaServer) -> None:
    server.punks = make_punks(450)
    pages = list(make_client(server).iter_nfts())
    rows = [page.rows if page else [] for page in pages]
    assert [len(page) for page in rows] == [200, 200, 50]
    assert [nft.identifier for page in rows for nft in page] == [str(i) for i in range(450)]
    requests = server.requests_to("/collection/")
    assert [r.query.get("limit") for r in requests] == ["200"] * 3
    assert all("=" in r.query["next"] for r in requests[1:])


@pytest.mark.parametrize("fault", ["cursor_loops", "rejected_cursors"])
def test_pagination_restarts_after_a_bad_cursor(server: OpenSeaServer, fault: str) -> None:
    server.punks = make_punks(650)
    server.faults = Faults(**{fault: 2})
    ids: list[str] = []
    restarts = 0
    for page in make_client(server).iter_nfts():
        if page is None:
            ids.clear()
            restarts += 1
        ids += [nft.identifier for nft in (page.rows if page else ())]
    assert restarts == 2
    assert ids == [str(i) for i in range(650)]


@pytest.mark.parametrize("fault", ["cursor_loops", "rejected_cursors"])
def test_pagination_fails_if_the_cursor_is_always_bad(server: OpenSeaServer, fault: str) -> None:
    server.punks = make_punks(650)
    server.faults = Faults(**{fault: 99})
    with pytest.raises(DataError, match="failed 4 times.*cursor"):
        list(make_client(server).iter_nfts())


@pytest.mark.parametrize("cycle", [1, 2, 3, 7])
def test_pagination_fails_on_a_cycle_of_pages_with_new_cursors(
    server: OpenSeaServer, cycle: int
) -> None:
    server.max_page_size, server.faults = 5, Faults(page_cycle=cycle)
    client = make_client(server)
    with pytest.raises(ReplyError, match="/collection/cryptopunks/nfts failed 4 times: .* same"):
        list(client.iter_nfts())
    assert len(server.requests_to()) == 4 * (cycle + 20)


def read_ids(server: OpenSeaServer) -> list[int]:
    pages = list(make_client(server).iter_nfts())
    assert None not in pages
    return [int(nft.identifier) for page in pages if page for nft in page.rows]


@pytest.mark.parametrize(
    ("faults", "num_requests"),
    [
        (Faults(endless_pages=True), 12 + 5),
        (Faults(last_cursor_repeats=True), 12 + 1),
        (Faults(empty_pages=1), 2 * 12),
        (Faults(empty_pages=4, last_cursor_repeats=True), 5 * 13),
    ],
)
def test_empty_pages_with_a_cursor_lose_nothing_and_end(
    server: OpenSeaServer, faults: Faults, num_requests: int
) -> None:
    server.max_page_size, server.faults = 5, faults
    assert read_ids(server) == list(range(60))
    assert len(server.requests_to()) == num_requests


def test_empty_page_whose_cursor_leads_back_is_not_the_last(server: OpenSeaServer) -> None:
    server.max_page_size, server.faults = 5, Faults(empty_pages=1, cursor_loops=1)
    pages = list(make_client(server).iter_nfts())
    restart = pages.index(None)
    rows = [nft.identifier for page in pages[restart + 1 :] if page for nft in page.rows]
    assert rows == [str(i) for i in range(60)]


def test_page_of_unreadable_rows_is_not_empty(server: OpenSeaServer) -> None:
    server.max_page_size = 5
    ids = {str(i) for i in range(30, 60)}
    server.oddities.change_token = lambda token: None if token["identifier"] in ids else token
    assert read_ids(server) == list(range(30))
    assert len(server.requests_to()) == 12


def test_page_that_shifts_by_a_row_is_no_cycle(server: OpenSeaServer) -> None:
    server.max_page_size, server.overlapping_pages = 2, True
    assert read_ids(server) == [0, 1, *(i for n in range(2, 60, 2) for i in (n - 1, n, n + 1))]


def test_overlong_cursor_is_rejected(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = json.dumps({"nfts": [], "next": "x" * 70_000}).encode()
    monkeypatch.setattr(server, "make_page", lambda *args: (200, page, {}))
    with pytest.raises(DataError, match="next: must have at most 4096 characters"):
        list(make_client(server).iter_nfts())
