from __future__ import annotations

import json

import httpx
import pytest
from support.network import make_client, open_network
from support.opensea_server import KEY, OpenSeaServer
from support.sales_events import CHAIN, CONTRACT
from support.sprites import png_bytes

from punkdata.errors import ImageError, NetworkError, RefusedError
from punkdata.sources.opensea.api.client import BatchTooLargeError, OpenSeaClient
from punkdata.sources.opensea.http.error_replies import WEB_PAGE


def test_get_nfts_returns_a_batch(server: OpenSeaServer) -> None:
    batch = make_client(server).get_nfts([5, 7, 9_000], CHAIN, CONTRACT)
    assert batch is not None
    assert [nft.identifier for nft in batch.rows] == ["5", "7"]
    body = json.loads(server.log[0].body)["identifiers"][0]
    assert body == {"chain": CHAIN, "contract_address": CONTRACT, "token_id": "5"}


def test_get_nfts_tells_a_large_batch_from_a_missing_endpoint(server: OpenSeaServer) -> None:
    server.max_batch_size = 1
    with pytest.raises(BatchTooLargeError):
        make_client(server).get_nfts([1, 2], CHAIN, CONTRACT)
    server.max_batch_size = 0
    assert make_client(server).get_nfts([1, 2], CHAIN, CONTRACT) is None


def test_get_nft_returns_none_for_an_unknown_id(server: OpenSeaServer) -> None:
    found = make_client(server).get_nft(5, CHAIN, CONTRACT)
    assert found is not None
    assert [nft.identifier for nft in found.rows] == ["5"]
    assert make_client(server).get_nft(9_000, CHAIN, CONTRACT) is None


def test_get_collection_and_trait_counts_return_the_totals(server: OpenSeaServer) -> None:
    assert make_client(server).get_collection().total_supply == 60
    counts = make_client(server).get_trait_counts()
    assert counts.counts["type"]["Alien"] == 12


def test_iter_sales_requests_sales_after_a_time(server: OpenSeaServer) -> None:
    pages = list(make_client(server).iter_sales(after=1_498_000_100))
    times = [event.event_timestamp for page in pages if page for event in page.rows]
    assert times == sorted(times, reverse=True)
    assert min(times) > 1_498_000_100
    query = server.requests_to("/events/")[0].query
    assert query == {"event_type": "sale", "limit": "200", "after": "1498000100"}


def test_refused_key_is_not_shown(server: OpenSeaServer) -> None:
    network = open_network(server, "wrong-key")
    with pytest.raises(RefusedError) as caught:
        OpenSeaClient(network, server.base_url).get_collection()
    assert "with status 401: Invalid API key: ***" in str(caught.value)
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"errors": ["bad", "worse"]}', ": bad; worse"),
        (b'{"errors": [{"message": "bad\\u001b[2J"}]}', ": bad [2J"),
        (b'{"error": {"message": "gone", "status": 418, "code": "gone"}}', ": gone"),
        (b'{"error": "too bad"}', ": too bad"),
        (b'{"detail": [{"loc": ["query"], "msg": "limit is too large"}]}', ": limit is too large"),
        (b'{"errors": []}', ': {"errors": []}'),
        (b"in plain words\r\n\x1b[31m", ": in plain words [31m"),
        (b"\xef\xbb\xbf <html><b>Oops</b></html>", f": {WEB_PAGE}"),
        (b"[" * 100_000, f": {'[' * 120}"),
        (b"", ""),
    ],
)
def test_error_body_is_read_in_every_format(body: bytes, detail: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(418, content=body))
    with pytest.raises(NetworkError) as caught:
        OpenSeaClient(transport, "https://api.test").get_collection()
    assert caught.value.message == (
        f"the server answered GET /collections/cryptopunks with status 418{detail}"
    )
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_web_page_of_a_filter_is_not_taken_for_a_refused_key(status: int) -> None:
    page = b"<!DOCTYPE html><title>Just a moment...</title>"
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=page))
    with pytest.raises(RefusedError, match=f"status {status} and a web page") as caught:
        OpenSeaClient(transport, "https://api.test").get_collection()
    assert caught.value.hint is not None
    assert "the API key is not the cause" in caught.value.hint


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"errors": ["Aggregation timed out"]}', "returned an error: Aggregation timed out"),
        (b'{"error": {"message": "try later", "status": 503}}', "returned an error: try later"),
        (
            b'{"errors": ["try later"], "asset_events": [], "counts": null, "total_supply": 0}',
            "returned an error: try later",
        ),
        (
            b'{"message": "Service unavailable", "next": null}',
            "returned an error: Service unavailable",
        ),
        (b"<html>Please wait</html>", f"returned {WEB_PAGE}"),
    ],
)
def test_successful_reply_that_is_an_error_may_pass(body: bytes, reason: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    client = OpenSeaClient(transport, "https://api.test")
    for call in (client.get_collection, client.get_trait_counts, lambda: next(client.iter_sales())):
        with pytest.raises(NetworkError, match="returned ") as caught:
            call()
        assert caught.value.message.endswith(reason)


def test_redirect_of_the_api_is_reported(server: OpenSeaServer) -> None:
    login = (302, b"", {"location": "http://login.test/"})
    server.scripted = {"GET /collections/cryptopunks": [login]}
    with pytest.raises(NetworkError, match="with status 302: a redirect, which is not followed"):
        make_client(server).get_collection()


def test_reply_with_warnings_beside_the_expected_field_is_used() -> None:
    body = b'{"errors": ["a warning"], "total_supply": 7}'
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    assert OpenSeaClient(transport, "https://api.test").get_collection().total_supply == 7


def test_get_image_returns_bytes_or_raises_a_reason(server: OpenSeaServer) -> None:
    server.images = {1: 404, 2: "https://evil.test/x.png", 3: b"<html>", 4: 503}
    client = make_client(server)
    data, body_sha256, _ = client.get_image(f"{server.base_url}/images/0.png")
    assert data == png_bytes(server.punks[0].sprite)
    assert body_sha256 == ""  # Nothing is recorded.
    for number, reason in [(1, "404"), (2, "not allowed"), (3, "HTML"), (4, "503")]:
        with pytest.raises((ImageError, NetworkError), match=reason):
            client.get_image(f"{server.base_url}/images/{number}.png")


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
def test_get_image_rejects_invalid_urls(server: OpenSeaServer, url: str) -> None:
    with pytest.raises(ImageError):
        make_client(server).get_image(url)


def test_instant_key_has_an_expiry_date_and_is_not_shown(server: OpenSeaServer) -> None:
    created = OpenSeaClient(open_network(server, "old-key"), server.base_url).create_instant_key()
    assert created.api_key.get_secret_value() == KEY
    assert KEY not in repr(created)
    assert created.expires_at is not None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_instant_key_is_an_error_with_the_status(status: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status))
    with pytest.raises((RefusedError, NetworkError), match=f"POST /auth/keys with status {status}"):
        OpenSeaClient(transport, "https://api.test").create_instant_key()
