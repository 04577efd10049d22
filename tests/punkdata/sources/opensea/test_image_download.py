from __future__ import annotations

import pytest
from support.network import open_network
from support.opensea_server import OpenSeaServer
from support.sprites import draw_punks, png_bytes, svg_uri

from punkdata.errors import ImageError, NetworkError
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.image_download import (
    fetch_image,
    image_download_pool,
    start_image_downloads,
    wait_for_image_downloads,
)
from punkdata.sources.opensea.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.retry import RetryTransport


def client(server: OpenSeaServer) -> OpenSeaClient:
    network = open_network(server)
    return OpenSeaClient(RetryTransport(network, sleep=network.sleep), server.base_url)


def test_the_first_address_that_gives_a_sprite_is_taken(server: OpenSeaServer) -> None:
    base = f"{server.base_url}/images"
    server.images = {1: 404, 2: b"\xff\xd8\xff JPEG \xff\xd9", 3: 503}
    found = fetch_image(client(server), [f"{base}/{i}.png" for i in (1, 2, 3, 4)])
    assert found.url == f"{base}/4.png"
    assert (found.decoded.sprite == server.punks[4].sprite).all()


@pytest.mark.parametrize(
    ("scale", "background"), [(1, None), (14, None), (1, "#638596"), (14, "#638596")]
)
def test_an_enlargement_or_a_plain_background_comes_back_exactly(
    server: OpenSeaServer, scale: int, background: str | None
) -> None:
    server.images[5] = png_bytes(server.punks[5].sprite, scale, background)
    found = fetch_image(client(server), [f"{server.base_url}/images/5.png"])
    assert (found.decoded.sprite == server.punks[5].sprite).all()
    assert (found.decoded.scale, found.decoded.background) == (scale, background)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_a_lossy_picture_under_a_wrong_name_comes_back_exactly(
    server: OpenSeaServer, kind: str
) -> None:
    sprite = server.punks[6].sprite
    server.images[6] = png_bytes(sprite, 14, "#638596", "RGB", format=kind, quality=95)
    found = fetch_image(client(server), [f"{server.base_url}/images/6.png"])
    assert (found.decoded.sprite == sprite).all()
    assert (found.decoded.scale, found.decoded.background) == (14, "#638596")
    assert 0.97 <= found.decoded.confidence <= 1


def test_a_data_uri_is_the_picture_itself_and_asks_nobody(server: OpenSeaServer) -> None:
    uri = svg_uri(server.punks[5].sprite)
    found = fetch_image(client(server), [uri])
    assert (found.decoded.sprite == server.punks[5].sprite).all()
    assert (found.url, found.body) == ("data:image/svg+xml;utf8", "")
    assert not server.log


def test_without_any_sprite_all_reasons_are_told(server: OpenSeaServer) -> None:
    base = f"{server.base_url}/images"
    server.images = {1: 404, 2: b"GIF89a;"}
    with pytest.raises(ImageError, match="404.*; is not a PNG, JPEG, WebP, AVIF or SVG but GIF"):
        fetch_image(client(server), [f"{base}/1.png", f"{base}/2.png"])
    with pytest.raises(ImageError, match="no address"):
        fetch_image(client(server), [])
    server.images[3] = 503
    with pytest.raises(NetworkError):
        fetch_image(client(server), [f"{base}/1.png", f"{base}/3.png"])


def test_pictures_refused_one_after_the_other_are_noticed_once(server: OpenSeaServer) -> None:
    server.punks = draw_punks(200)
    server.images = dict.fromkeys(range(150), b"GIF89a;")
    wanted = {i: (f"{server.base_url}/images/{i}.png",) for i in range(200)}
    notices: list[str] = []
    with image_download_pool(InterruptibleSleep()) as pool:
        failed = wait_for_image_downloads(
            start_image_downloads(pool, client(server), wanted, set()), notices.append
        )
    assert len(failed) == 150
    assert len(notices) == 1
    assert notices[0].startswith("one image after the other is refused: each is not a PNG")
    assert notices[0].endswith("but GIF")


def test_progress_never_goes_backwards(server: OpenSeaServer) -> None:
    server.punks = draw_punks(120)
    wanted = {i: (f"{server.base_url}/images/{i}.png",) for i in range(120)}
    told: list[int] = []
    with image_download_pool(InterruptibleSleep()) as pool:
        jobs = start_image_downloads(
            pool, client(server), wanted, set(), lambda done, total: told.append(done)
        )
        assert wait_for_image_downloads(jobs) == {}
    assert told == list(range(1, 121))


def test_a_page_instead_of_pictures_ends_the_run_early(server: OpenSeaServer) -> None:
    server.punks = draw_punks(400)
    server.images = dict.fromkeys(range(400), b"<html>Please wait</html>")
    wanted = {i: (f"{server.base_url}/images/{i}.png",) for i in range(400)}
    with (
        pytest.raises(NetworkError, match="as a reply that is HTML"),
        image_download_pool(InterruptibleSleep()) as pool,
    ):
        wait_for_image_downloads(start_image_downloads(pool, client(server), wanted, set()))
    assert len(server.requests_to("/images/")) < 4 * (64 + 2 * 16)
