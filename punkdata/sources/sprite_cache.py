"""The sprites that a fetch has decoded, so that a build need not decode their images again.

    raw/20260102T030405Z-opensea/sprites.log    one line per image, in order of decoding

A line is a hash and the JSON that it protects. An image without an intact line of this version
of punkdata is decoded again, so the file may be incomplete, damaged or deleted.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from punkdata._version import __version__
from punkdata.files import translate_os_errors
from punkdata.images.decode import DecodedImage, decode_image
from punkdata.images.sprite import SIDE_PX
from punkdata.sources.recording import Recording

FILE_NAME = "sprites.log"


class _Entry(BaseModel):
    """The SHA-256 of an image and its `DecodedImage`, with the pixels zlib-compressed in Base64."""

    version: str
    body: str
    sprite: str
    scale: float = Field(gt=0, allow_inf_nan=False)
    background: str | None = Field(pattern="^#[0-9a-f]{6}$")
    confidence: float = Field(ge=0, le=1)

    def to_decoded(self) -> DecodedImage:
        num_bytes = 4 * SIDE_PX**2
        pixels = zlib.decompressobj().decompress(base64.b64decode(self.sprite), num_bytes + 1)
        sprite = np.frombuffer(pixels, np.uint8).reshape(SIDE_PX, SIDE_PX, 4)
        return DecodedImage(sprite, self.scale, self.background, self.confidence)


class SpriteCache:
    """Decodes the images of a recording, each only once. May be shared between threads.

    A fetch stores what it decodes, and takes over the sprites of the `parent`. A build only
    reads, because finished recordings never change.
    """

    def __init__(
        self, recording: Recording, parent: Recording | None = None, *, store: bool = False
    ) -> None:
        self._path = recording.path / FILE_NAME
        self._store = store
        self._stored = _read_sprites(self._path)
        self._known = _read_sprites(parent.path / FILE_NAME) if parent else {}
        self._known |= self._stored
        self._lock = threading.Lock()

    def decode(self, data: bytes, body_sha256: str) -> DecodedImage:
        """Return the sprite of an image; raises like `decode_image`.

        `body_sha256` is the hash that names the image in the recording, "" if it is not recorded.
        """
        decoded = self._known.get(body_sha256) or decode_image(data)
        if self._store and body_sha256 and body_sha256 not in self._stored:
            self._append(decoded, body_sha256)
        return decoded

    def _append(self, decoded: DecodedImage, body_sha256: str) -> None:
        entry = _Entry(
            version=__version__,
            body=body_sha256,
            sprite=base64.b64encode(zlib.compress(decoded.sprite.tobytes())).decode(),
            scale=decoded.scale,
            background=decoded.background,
            confidence=decoded.confidence,
        )
        text = entry.model_dump_json().encode()
        line = hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
        with self._lock, translate_os_errors(self._path), self._path.open("ab") as file:
            file.write(line)


def _read_sprites(path: Path) -> dict[str, DecodedImage]:
    """Return the sprites of all intact lines by the SHA-256 of the image."""
    sprites = {}
    lines = path.read_bytes().splitlines() if path.is_file() else []
    for line in lines:
        digest, _, text = line.partition(b" ")
        with suppress(ValueError, zlib.error):
            if hashlib.sha256(text).hexdigest().encode() == digest:
                entry = _Entry.model_validate_json(text)
                if entry.version == __version__:
                    sprites[entry.body] = entry.to_decoded()
    return sprites
