"""Images of tokens: their download in a thread pool, and the sprites that a fetch has decoded.

    raw/20260102T030405Z-opensea/sprites.log    one line per image, in order of decoding

A line is a hash and the JSON that it protects. An image without an intact line of this version
of punkdata is decoded again, so the file may be incomplete, damaged or deleted.
"""

import base64
import hashlib
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from punkdata._version import __version__
from punkdata.errors import DataError, ImageError, NetworkError, NotRecordedError, StoppedError
from punkdata.files import translate_os_errors
from punkdata.images.decode import DecodedImage, decode_bytes
from punkdata.images.sprite import SIDE_PX
from punkdata.progress import Progress
from punkdata.sources.http_client import MAX_CONNECTIONS
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.image_checks import ImageChecks
from punkdata.sources.recording import Recording

OUTAGE_THRESHOLD = 64
"""Number of consecutive failed images after which the image host is considered down."""

Decode = Callable[[bytes, str], DecodedImage]
"""Function that decodes an image, given its bytes and their SHA-256 (see `FetchedImage`)."""
Downloads = dict[Future[DataError | NetworkError | None], int]
"""Mapping from the job that downloads an image to its punk_id."""


@dataclass(frozen=True)
class FetchedImage:
    """A decoded image, its URL (of a data URI, the part before the data) and its recorded body.

    `body_sha256` is the name of the body in the recording, or "" if nothing is recorded.
    """

    url: str
    body_sha256: str
    decoded: DecodedImage


def fetch_image(
    client: OpenSeaClient,
    urls: Sequence[str],
    decode: Decode = lambda data, _: decode_bytes(data),
    *,
    reuse: bool = True,
    checks: ImageChecks | None = None,
) -> FetchedImage:
    """Return the sprite from the first of several URLs that yields one.

    With `reuse`, images may come from the parent recording; `checks` asks whether they have changed
    since. Raises NetworkError if no URL yields a
    sprite and a host did not answer, and otherwise ImageError with one reason for each URL.
    """
    reasons: dict[str, None] = {}  # An ordered set.
    network_error: NetworkError | None = None
    for url in urls:
        try:
            if url[:5].lower() == "data:":  # On-chain images are stored in the URL itself.
                return FetchedImage(url.partition(",")[0], "", decode(url.encode(), ""))
            if checks and reuse:
                image = checks.get_image(client, url)
            else:
                image = client.get_image(url, reuse=reuse)
            return FetchedImage(url, image.body_sha256, decode(image.data, image.body_sha256))
        except (ImageError, NotRecordedError, NetworkError) as error:
            reasons[error.message] = None
            network_error = error if isinstance(error, NetworkError) else network_error
    if network_error is not None:
        raise network_error
    raise ImageError("; ".join(reasons) or "has no URL")


# -- Downloads in the background ------------------------------------------------------------


@contextmanager
def image_download_pool(sleep: InterruptibleSleep) -> Iterator[ThreadPoolExecutor]:
    """Provide a thread pool. An exception in the `with` block stops its waits and downloads."""
    pool = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="images")
    try:
        yield pool
    except BaseException:
        sleep.set()
        raise
    finally:
        # The threads may still write to the recording, so the lock of the data root must be
        # held until all of them are done.
        pool.shutdown(wait=True, cancel_futures=True)


def start_image_downloads(
    pool: ThreadPoolExecutor,
    client: OpenSeaClient,
    image_urls: Mapping[int, tuple[str, ...]],
    decode: Decode,
    ids_to_refetch: frozenset[str] = frozenset(),
    checks: ImageChecks | None = None,
) -> Downloads:
    """Start to download images in the background, given their URLs by punk_id.

    The images of `ids_to_refetch` are not taken from the parent recording. Others are, and `checks`
    asks whether they have changed since.
    """

    def try_fetch(punk_id: int) -> DataError | NetworkError | None:
        """Download one image, and return the error if it affects this image alone."""
        try:
            reuse = str(punk_id) not in ids_to_refetch
            fetch_image(client, image_urls[punk_id], decode, reuse=reuse, checks=checks)
        except (DataError, NetworkError) as error:
            return error
        return None

    return {pool.submit(try_fetch, punk_id): punk_id for punk_id in image_urls}


def wait_for_image_downloads(
    downloads: Downloads,
    progress: Progress = lambda done, total: None,
    *,
    abort_on_outage: bool = True,
) -> dict[int, str]:
    """Wait for all downloads, and return the reason for each that failed, by punk_id.

    With `abort_on_outage`, raises NetworkError after `OUTAGE_THRESHOLD` consecutive images whose
    host did not answer.
    """
    failed: dict[int, str] = {}
    num_unanswered = 0
    for done, job in enumerate(as_completed(downloads), 1):
        error = job.result()
        if isinstance(error, NetworkError):
            failed[downloads[job]] = f"the image could not be downloaded: {error.message}"
            num_unanswered += 1
            if abort_on_outage and num_unanswered >= OUTAGE_THRESHOLD:
                raise error
        else:
            num_unanswered = 0
            if error is not None:
                failed[downloads[job]] = f"the image {error.message}"
        progress(done, len(downloads))
    return failed


# -- Decoded images -------------------------------------------------------------------------


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
    reads, because finished recordings never change. Once `stop` is set, StoppedError is raised in
    place of decoding another image.
    """

    def __init__(
        self,
        recording: Recording,
        parent: Recording | None = None,
        *,
        store: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self._path = recording.path / "sprites.log"
        self._store = store
        self._stored = _read_sprites(self._path)
        parent_sprites = _read_sprites(parent.path / "sprites.log") if parent else {}
        self._known = parent_sprites | self._stored
        self._lock = threading.Lock()
        self._stop = stop or threading.Event()
        # Restoring a lossy image takes up to a second of a processor. With more at once, each would
        # take longer, and a stop would have to wait for all of them.
        self._processors = threading.BoundedSemaphore(os.cpu_count() or 1)

    def decode(self, data: bytes, body_sha256: str) -> DecodedImage:
        """Return the sprite of an image; raises like `decode_bytes`.

        `body_sha256` is the hash that names the image in the recording, "" if it is not recorded.
        """
        decoded = self._known.get(body_sha256) or self._decode_new(data)
        if self._store and body_sha256 and body_sha256 not in self._stored:
            pixels = base64.b64encode(zlib.compress(decoded.sprite.tobytes())).decode()
            values = vars(decoded) | {"sprite": pixels, "version": __version__, "body": body_sha256}
            text = _Entry(**values).model_dump_json().encode()
            line = hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
            with self._lock, translate_os_errors(self._path), self._path.open("ab") as file:
                file.write(line)
        return decoded

    def _decode_new(self, data: bytes) -> DecodedImage:
        with self._processors:
            if self._stop.is_set():
                raise StoppedError("stopped")
            return decode_bytes(data)


def _read_sprites(path: Path) -> dict[str, DecodedImage]:
    """Return the sprites of all intact lines by the SHA-256 of the image."""
    sprites = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        digest, _, text = line.partition(b" ")
        with suppress(ValueError, zlib.error):
            if hashlib.sha256(text).hexdigest().encode() == digest:
                entry = _Entry.model_validate_json(text)
                if entry.version == __version__:
                    sprites[entry.body] = entry.to_decoded()
    return sprites
