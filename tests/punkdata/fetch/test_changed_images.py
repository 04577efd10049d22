"""A refresh asks whether the images have changed since the last fetch."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer, Request, make_punks
from support.snapshots import build_version
from support.sprites import png_bytes

from punkdata.fetch import fetch_opensea
from punkdata.sources.opensea.image_checks import MAX_UNANSWERED
from punkdata.sources.recording import open_recording
from punkdata.sources.recording_transport import RecordingTransport


def change_image(server: OpenSeaServer) -> None:
    """Give punk 5 another image under the same URL."""
    server.images[5] = png_bytes(make_punks(61)[60].sprite)


def image_requests(server: OpenSeaServer, first: int) -> list[Request]:
    return server.requests_to("/images/")[first:]


@pytest.mark.parametrize(
    "validators", [("etag",), ("weak etag",), ("last-modified",), ("etag", "last-modified")]
)
def test_changed_image_replaces_the_known_one(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path, validators: tuple[str, ...]
) -> None:
    server.image_validators = validators
    fetch(root=new_root)
    old_version = build_version(new_root)
    change_image(server)
    recording = fetch(root=new_root).recording
    requests = image_requests(server, 60)
    assert sorted(r.status for r in requests) == [200] + [304] * 59
    assert all(len(r.conditions) == len(validators) for r in requests)
    changed = [line for line in recording.info.warnings if "changed" in line]
    assert changed == [
        f"1 image has changed since the last fetch (for example {server.base_url}/images/5.png)"
    ]
    version = build_version(new_root)
    assert version != old_version
    # A first fetch, and a replay without a network, give the same.
    fetch(root=tmp_path / "new")
    assert build_version(tmp_path / "new") == version
    replay = RecordingTransport(open_recording(recording.path))
    fetch_opensea(tmp_path / "replayed", replay, server.base_url)
    assert build_version(tmp_path / "replayed") == version
    # The next refresh asks again, and nothing has changed.
    num_before = len(server.requests_to("/images/"))
    assert not [w for w in fetch(root=new_root).recording.info.warnings if "changed" in w]
    assert {r.status for r in image_requests(server, num_before)} == {304}


def test_images_without_validators_are_not_requested_again(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    fetch(root=new_root)
    change_image(server)
    fetch(root=new_root)
    assert image_requests(server, 60) == []


def test_host_that_ignores_conditions_changes_nothing(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.image_validators = ("etag", "ignored")
    parent = fetch(root=new_root).recording
    version = build_version(new_root)
    recording = fetch(root=new_root).recording
    assert {r.status for r in image_requests(server, 60)} == {200}
    assert recording.info.warnings == parent.info.warnings
    assert build_version(new_root) == version
    change_image(server)
    assert [w for w in fetch(root=new_root).recording.info.warnings if "1 image has changed" in w]
    assert build_version(new_root) != version


def test_image_that_cannot_be_checked_is_kept(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.image_validators = ("etag",)
    parent = fetch(root=new_root).recording
    version = build_version(new_root)
    server.images = {5: 503, 6: 404, 7: "https://evil.test/x.png", 8: b"<html>Please wait</html>"}
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, result.punks) == ("complete", 60)
    (line,) = set(info.warnings) - set(parent.info.warnings)
    assert line.startswith("4 images were not checked for changes, so the copies from the last ")
    assert build_version(new_root) == version
    # Once the host answers again, the next refresh asks about these images, too.
    server.images, num_before = {}, len(server.requests_to("/images/"))
    fetch(root=new_root)
    requests = image_requests(server, num_before)
    assert [r.status for r in requests] == [304] * 60


def test_refresh_while_the_image_host_is_down_is_complete(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.punks = make_punks(200)
    server.image_validators = ("etag",)
    fetch(root=new_root)
    version = build_version(new_root)
    server.images = dict.fromkeys(range(200), 503)
    result = fetch(root=new_root)
    assert (result.recording.info.status, result.punks) == ("complete", 200)
    (line,) = [w for w in result.recording.info.warnings if "not checked" in w]
    assert line.startswith("200 images were not checked for changes")
    asked = {r.path for r in image_requests(server, 200)}
    assert MAX_UNANSWERED <= len(asked) < 100
    assert build_version(new_root) == version
    # A punk that the parent lacks is still requested.
    server.punks = make_punks(201)
    assert list(fetch(root=new_root).recording.info.missing) == []


def test_image_with_a_damaged_copy_is_downloaded_again(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.image_validators = ("etag",)
    parent = fetch(root=new_root).recording
    reply = next(r for r in parent.replies() if "/images/5.png" in r.url)
    parent.body_path(reply).write_bytes(b"damaged")
    assert fetch(root=new_root).recording.info.status == "complete"
    (request,) = [r for r in image_requests(server, 60) if r.path == "/images/5.png"]
    assert (request.status, request.conditions) == (200, {})
