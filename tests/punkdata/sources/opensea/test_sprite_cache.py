from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.opensea_server import OpenSeaServer
from support.sprites import make_punks, png_bytes

from punkdata.build import build_dataset
from punkdata.errors import ImageError, StoppedError
from punkdata.images.decode import decode_image
from punkdata.sources.opensea import images
from punkdata.sources.opensea.images import SpriteCache
from punkdata.sources.recording import Recording, create_recording
from punkdata.sources.recording_format import RecordingInfo

IMAGE = png_bytes(make_punks(1)[0].sprite, 14, "#638596")
SHA256 = hashlib.sha256(IMAGE).hexdigest()
NO_IMAGE = b"is decoded only if the sprite is not in the cache"


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return create_recording(tmp_path, RecordingInfo(source="test", collection="c"))


@pytest.fixture
def cache_file(recording: Recording) -> Path:
    """The cache with the sprite of one image."""
    SpriteCache(recording, store=True).decode(IMAGE, SHA256)
    return recording.path / "sprites.log"


@pytest.mark.usefixtures("cache_file")
def test_stored_sprite_is_not_decoded_again(recording: Recording) -> None:
    expected = decode_image(IMAGE)
    found = SpriteCache(recording).decode(NO_IMAGE, SHA256)
    assert (found.sprite == expected.sprite).all()
    assert found.sprite.dtype == np.uint8
    assert vars(found) | {"sprite": None} == vars(expected) | {"sprite": None}
    for other in ("", hashlib.sha256(b"other").hexdigest()):
        with pytest.raises(ImageError):
            SpriteCache(recording).decode(NO_IMAGE, other)


def test_refresh_takes_sprites_from_its_parent(
    recording: Recording, cache_file: Path, tmp_path: Path
) -> None:
    child = create_recording(tmp_path, recording.info)
    for _ in range(2):
        SpriteCache(child, recording, store=True).decode(NO_IMAGE, SHA256)
    assert (child.path / "sprites.log").read_bytes() == cache_file.read_bytes()


def change_field(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return a function that changes an entry and its hash."""

    def change(line: bytes) -> bytes:
        text = line.split(b" ", 1)[1].rstrip().replace(old, new)
        return hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"

    return change


BOMB = base64.b64encode(zlib.compress(bytes(10_000_000)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-20],
        lambda line: line.replace(b'"scale":14.0', b'"scale":13.0'),
        lambda line: b"\xff\0" + line,
        change_field(b'"version":"', b'"version":"0'),
        change_field(b'"scale":14.0', b'"scale":-1'),
        change_field(b'"background":"#', b'"background":"'),
        change_field(b'"sprite":"', b'"sprite":"AAAA'),
        change_field(b'"sprite":"', b'"sprite":"' + BOMB + b'","rest":"'),
        change_field(b"{", b"["),
    ],
)
def test_damaged_entry_is_decoded_again(
    recording: Recording, cache_file: Path, damage: Callable[[bytes], bytes]
) -> None:
    damaged = damage(cache_file.read_bytes())
    cache_file.write_bytes(damaged)
    with pytest.raises(ImageError):
        SpriteCache(recording).decode(NO_IMAGE, SHA256)
    assert SpriteCache(recording).decode(IMAGE, SHA256).scale == 14
    assert cache_file.read_bytes() == damaged, "a build must not change the recording"


def test_build_does_not_decode_what_fetch_has_decoded(
    fetch: Callable[..., object],
    server: OpenSeaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.image_scale, server.image_background = 14, "#638596"
    fetch()
    with monkeypatch.context() as patch:
        patch.setattr(images, "decode_bytes", None)
        snapshot = build_dataset(tmp_path / "data").snapshot
    provenance = snapshot.provenance()
    (cache,) = tmp_path.glob("data/raw/*/sprites.log")
    cache.unlink()
    again = build_dataset(tmp_path / "data")
    assert not again.created
    assert again.snapshot.version == snapshot.version
    assert provenance.column("image_scale").unique().to_pylist() == [14.0]


def test_no_image_is_decoded_once_stopped(recording: Recording) -> None:
    stop = threading.Event()
    cache = SpriteCache(recording, stop=stop)
    assert cache.decode(IMAGE, SHA256).scale == 14
    stop.set()
    with pytest.raises(StoppedError):
        cache.decode(IMAGE, SHA256)
