from __future__ import annotations

import json

import pytest
from support.network import make_client
from support.opensea_server import Faults, OpenSeaServer
from support.sprites import make_punks

from punkdata.errors import DataError


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


def test_pagination_fails_on_identical_pages_with_new_cursors(server: OpenSeaServer) -> None:
    server.faults = Faults(endless_pages=True)
    with pytest.raises(DataError, match="failed 4 times: the server repeats the same page"):
        list(make_client(server).iter_nfts())
    assert len(server.requests_to()) <= 4 * 25


def test_overlong_cursor_is_rejected(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = json.dumps({"nfts": [], "next": "x" * 70_000}).encode()
    monkeypatch.setattr(server, "make_page", lambda *args: (200, page, {}))
    with pytest.raises(DataError, match="next: must have at most 4096 characters"):
        list(make_client(server).iter_nfts())
