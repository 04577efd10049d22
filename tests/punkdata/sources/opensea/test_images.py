from __future__ import annotations

import pytest
from support.network import make_client
from support.opensea_server import OpenSeaServer
from support.sprites import make_punks, png_bytes, svg_uri

from punkdata.errors import ImageError, NetworkError
from punkdata.images.decode import DecodedImage, decode_image
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.images import (
    fetch_image,
    image_download_pool,
    start_image_downloads,
    wait_for_image_downloads,
)


def decode(data: bytes, _body_sha256: str) -> DecodedImage:
    return decode_image(data)


def image_urls(server: OpenSeaServer, n: int) -> dict[int, tuple[str, ...]]:
    return {i: (f"{server.base_url}/images/{i}.png",) for i in range(n)}


def test_fetch_image_uses_the_first_url_that_yields_a_sprite(server: OpenSeaServer) -> None:
    base = f"{server.base_url}/images"
    server.images = {1: 404, 2: b"\xff\xd8\xff JPEG \xff\xd9", 3: 503}
    image = fetch_image(make_client(server), [f"{base}/{i}.png" for i in (1, 2, 3, 4)])
    assert image.url == f"{base}/4.png"
    assert (image.decoded.sprite == server.punks[4].sprite).all()


@pytest.mark.parametrize(
    ("scale", "background"), [(1, None), (14, None), (1, "#638596"), (14, "#638596")]
)
def test_fetch_image_undoes_upscaling_and_background(
    server: OpenSeaServer, scale: int, background: str | None
) -> None:
    server.images[5] = png_bytes(server.punks[5].sprite, scale, background)
    image = fetch_image(make_client(server), [f"{server.base_url}/images/5.png"])
    assert (image.decoded.sprite == server.punks[5].sprite).all()
    assert (image.decoded.scale, image.decoded.background) == (scale, background)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_fetch_image_restores_lossy_images_with_a_wrong_extension(
    server: OpenSeaServer, kind: str
) -> None:
    sprite = server.punks[6].sprite
    server.images[6] = png_bytes(sprite, 14, "#638596", "RGB", format=kind, quality=95)
    image = fetch_image(make_client(server), [f"{server.base_url}/images/6.png"])
    assert (image.decoded.sprite == sprite).all()
    assert (image.decoded.scale, image.decoded.background) == (14, "#638596")
    assert 0.97 <= image.decoded.confidence <= 1


def test_fetch_image_reads_data_uris_without_a_request(server: OpenSeaServer) -> None:
    image = fetch_image(make_client(server), [svg_uri(server.punks[5].sprite)])
    assert (image.decoded.sprite == server.punks[5].sprite).all()
    assert (image.url, image.body_sha256) == ("data:image/svg+xml;utf8", "")
    assert not server.log


def test_fetch_image_gives_the_reason_for_each_url(server: OpenSeaServer) -> None:
    base = f"{server.base_url}/images"
    server.images = {1: 404, 2: b"GIF89a;"}
    with pytest.raises(ImageError, match="404; .*GIF"):
        fetch_image(make_client(server), [f"{base}/1.png", f"{base}/2.png"])
    with pytest.raises(ImageError, match="has no URL"):
        fetch_image(make_client(server), [])
    server.images[3] = 503
    with pytest.raises(NetworkError):
        fetch_image(make_client(server), [f"{base}/1.png", f"{base}/3.png"])


def test_rejected_images_are_failed_and_counted_as_done(server: OpenSeaServer) -> None:
    server.punks = make_punks(120)
    server.images = dict.fromkeys(range(80), b"GIF89a;")
    reported: list[tuple[int, int]] = []
    with image_download_pool(InterruptibleSleep()) as pool:
        jobs = start_image_downloads(pool, make_client(server), image_urls(server, 120), decode)
        failed = wait_for_image_downloads(jobs, lambda *counts: reported.append(counts))
    assert failed.keys() == set(range(80))
    assert "GIF" in failed[0]
    assert reported == [(i, 120) for i in range(1, 121)]


def test_html_instead_of_images_aborts_the_downloads(server: OpenSeaServer) -> None:
    server.punks = make_punks(1000)
    server.images = dict.fromkeys(range(1000), b"<html>Please wait</html>")
    with image_download_pool(InterruptibleSleep()) as pool:
        jobs = start_image_downloads(pool, make_client(server), image_urls(server, 1000), decode)
        with pytest.raises(NetworkError, match="sent a reply that .*HTML"):
            wait_for_image_downloads(jobs)
        pool.shutdown(wait=False, cancel_futures=True)
    assert len({r.path for r in server.requests_to("/images/")}) < 1000
