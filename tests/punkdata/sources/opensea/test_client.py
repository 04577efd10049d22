from __future__ import annotations

import json

import httpx
import pytest
from support.network import open_network
from support.opensea_server import KEY, Faults, OpenSeaServer, draw_punks
from support.sales_events import CHAIN, CONTRACT
from support.sprites import png_bytes

from punkdata.errors import DataError, ImageError, NetworkError, RefusedError
from punkdata.sources.opensea.client import OpenSeaClient, create_instant_key
from punkdata.sources.opensea.retry import RetryTransport


def client(server: OpenSeaServer) -> OpenSeaClient:
    network = open_network(server)
    return OpenSeaClient(RetryTransport(network, sleep=network.sleep), server.base_url)


def test_tokens_come_200_a_page_by_cursors_that_need_encoding(server: OpenSeaServer) -> None:
    server.punks = draw_punks(450)
    pages = list(client(server).iter_nfts())
    assert [len(page or ()) for page in pages] == [200, 200, 50]
    assert [nft.identifier for page in pages for nft in page or ()] == [str(i) for i in range(450)]
    asked = server.requests_to("/collection/")
    assert [r.query.get("limit") for r in asked] == ["200"] * 3
    assert all("=" in r.query["next"] for r in asked[1:])


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1]), (150, [150]), (201, [200, 200]), (9999, [200, 200, 50])]
)
def test_a_limit_asks_for_no_more_pages_than_it_needs(
    server: OpenSeaServer, limit: int, sizes: list[int]
) -> None:
    server.punks = draw_punks(450)
    assert [len(page or ()) for page in client(server).iter_nfts(limit=limit)] == sizes


@pytest.mark.parametrize("fault", ["cursor_loops", "rejected_cursors"])
def test_a_listing_begins_anew_when_its_cursor_is_of_no_use(
    server: OpenSeaServer, fault: str
) -> None:
    server.punks = draw_punks(650)
    server.faults = Faults(**{fault: 2})
    ids: list[str] = []
    again = 0
    for page in client(server).iter_nfts():
        if page is None:
            ids.clear()
            again += 1
        ids += [nft.identifier for nft in page or ()]
    assert again == 2
    assert ids == [str(i) for i in range(650)]


@pytest.mark.parametrize("fault", ["cursor_loops", "rejected_cursors"])
def test_cursors_of_no_use_for_ever_are_an_error(server: OpenSeaServer, fault: str) -> None:
    server.punks = draw_punks(650)
    server.faults = Faults(**{fault: 99})
    with pytest.raises(DataError, match="cursor.*4 times over"):
        list(client(server).iter_nfts())


def test_pages_that_bring_nothing_end_however_new_their_cursors_are(server: OpenSeaServer) -> None:
    server.faults = Faults(endless_pages=True)
    with pytest.raises(DataError, match="sends the same page again and again, 4 times over"):
        list(client(server).iter_nfts())
    assert len(server.requests_to()) <= 4 * 25


@pytest.mark.parametrize("most", [200, 100, 7, 1])
def test_the_size_of_a_batch_is_found_by_halving(server: OpenSeaServer, most: int) -> None:
    server.punks = draw_punks(300)
    server.max_batch_size = most
    ids = list(range(0, 300, 2))
    pages = list(client(server).get_nfts(ids, CHAIN, CONTRACT))
    assert [int(nft.identifier) for _, page in pages for nft in page] == ids
    assert [i for some, _ in pages for i in some] == ids
    posts = server.requests_to("/nfts/batch")
    refused = [r for r in posts if r.status == 400]
    assert len(refused) <= 8
    body = json.loads(posts[-1].body)["identifiers"][0]
    assert body == {"chain": CHAIN, "contract_address": CONTRACT, "token_id": body["token_id"]}


def test_a_server_without_batches_gives_none(server: OpenSeaServer) -> None:
    server.max_batch_size = 0
    assert list(client(server).get_nfts([1, 2], CHAIN, CONTRACT)) == []


def test_one_token_can_be_asked_for_and_may_not_be_there(server: OpenSeaServer) -> None:
    nft = client(server).get_nft(5, CHAIN, CONTRACT)
    assert nft is not None
    assert nft.identifier == "5"
    assert client(server).get_nft(9_000, CHAIN, CONTRACT) is None


def test_totals_and_counts_are_read(server: OpenSeaServer) -> None:
    assert client(server).get_collection().total_supply == 60
    assert client(server).get_trait_counts().counts["type"]["Alien"] == 12


def test_sales_are_asked_for_by_type_and_time(server: OpenSeaServer) -> None:
    pages = list(client(server).iter_sales(after=1_498_000_100))
    times = [event.event_timestamp for page in pages for event in page or ()]
    assert times == sorted(times, reverse=True)
    assert min(times) > 1_498_000_100
    query = server.requests_to("/events/")[0].query
    assert query == {"event_type": "sale", "limit": "200", "after": "1498000100"}


def test_a_refused_key_is_said_with_what_to_type_and_without_the_key(
    server: OpenSeaServer,
) -> None:
    network = open_network(server, "wrong-key")
    with pytest.raises(RefusedError) as caught:
        OpenSeaClient(network, server.base_url).get_collection()
    assert "(401): Invalid API key: ***" in str(caught.value)
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"errors": ["bad", "worse"]}', ": bad, worse"),
        (b'{"detail": "no such thing"}', ": no such thing"),
        (b"in plain words\r\n\x1b[31m", ": in plain words"),
        (b"<html><b>Oops</b></html>", ""),
        (b"[" * 100_000, ""),
        (b"", ""),
    ],
)
def test_an_error_body_is_read_in_every_dress(body: bytes, says: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(418, content=body))
    with pytest.raises(NetworkError) as caught:
        OpenSeaClient(transport, "https://api.test").get_collection()
    assert caught.value.message.startswith(
        f"GET /collections/cryptopunks was answered with 418{says}"
    )
    assert "\x1b" not in str(caught.value)


def test_an_image_is_its_bytes_or_a_reason(server: OpenSeaServer) -> None:
    server.images = {1: 404, 2: "https://evil.test/x.png", 3: b"<html>", 4: 503}
    asked = client(server)
    data, body = asked.get_image(f"{server.base_url}/images/0.png")
    assert data == png_bytes(server.punks[0].sprite)
    assert body == ""  # nothing was recorded
    for number, reason in [(1, "404"), (2, "not allowed"), (3, "HTML"), (4, "503")]:
        with pytest.raises((ImageError, NetworkError), match=reason):
            asked.get_image(f"{server.base_url}/images/{number}.png")


@pytest.mark.parametrize(
    "url",
    [
        "https://[x",
        "data:image/svg+xml;utf8,<svg/>",
        "\x00",
        "",
        "https://\udcff/",
        "https:////%]",
        "https://xn--a.seadn.io/",
    ],
)
def test_an_address_that_is_none_is_a_reason_too(server: OpenSeaServer, url: str) -> None:
    with pytest.raises(ImageError):
        client(server).get_image(url)


def test_a_new_key_comes_with_its_limits_and_is_not_shown(server: OpenSeaServer) -> None:
    created = create_instant_key(open_network(server, "old-key"), server.base_url)
    assert created.api_key.get_secret_value() == KEY
    assert KEY not in repr(created)
    assert created.expires_at is not None
    assert created.rate_limits is not None
    assert created.rate_limits.read == "600/h"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_no_key_is_given_with_a_reason(status: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status))
    with pytest.raises((RefusedError, NetworkError), match=f"no instant key .{status}"):
        create_instant_key(transport, "https://api.test")


def test_a_cursor_too_long_for_an_address_is_refused_before_it_is_recorded(
    server: OpenSeaServer,
) -> None:
    network = open_network(server)
    page = {"nfts": [], "next": "x" * 70_000}
    server._page = lambda *args: (200, json.dumps(page).encode(), {})  # type: ignore[method-assign]
    asked = OpenSeaClient(RetryTransport(network, sleep=network.sleep), server.base_url)
    with pytest.raises(DataError, match="next: String should have at most 4096 characters"):
        list(asked.iter_nfts())


def test_names_that_the_server_invents_reach_no_terminal_as_they_are(
    server: OpenSeaServer,
) -> None:
    server.trait_counts = {"counts": {"\x1b]0;pwned\x07" + "A" * 3000: 5}}
    with pytest.raises(DataError) as caught:
        client(server).get_trait_counts()
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_contract_that_is_no_address_is_refused(server: OpenSeaServer) -> None:
    told = server._collection() | {"contracts": [{"address": "0xabc\n/../x", "chain": "e"}]}
    server._collection = lambda: told  # type: ignore[method-assign]
    with pytest.raises(DataError, match="contracts.0.address"):
        client(server).get_collection()
