"""Image downloads: from the image URLs of tokens to sprites, alone or in a thread pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from punkdata.errors import DataError, ImageError, NetworkError, NotRecordedError
from punkdata.images.decode import DecodedImage, decode_image
from punkdata.progress import Progress
from punkdata.sources.http_client import MAX_CONNECTIONS
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.rate_limit import InterruptibleSleep

OUTAGE_THRESHOLD = 64
"""Number of consecutive failed images after which the image host is considered down."""


Decode: TypeAlias = Callable[[bytes, str], DecodedImage]
"""Function that decodes an image, given its bytes and their SHA-256 (see `FetchedImage`)."""


def _decode(data: bytes, _body_sha256: str) -> DecodedImage:
    return decode_image(data)


@dataclass(frozen=True)
class FetchedImage:
    """A decoded image, its URL (of a data URI, the part before the data) and its recorded body.

    `body_sha256` is the name of the body in the recording, or "" if nothing is recorded.
    """

    url: str
    body_sha256: str
    decoded: DecodedImage


def fetch_image(
    client: OpenSeaClient, urls: Sequence[str], *, reuse: bool = True, decode: Decode = _decode
) -> FetchedImage:
    """Return the sprite from the first of several URLs that yields one.

    With `reuse`, images may come from the parent recording. Raises NetworkError if no URL yields a
    sprite and a host did not answer, and otherwise ImageError with one reason for each URL.
    """
    reasons: dict[str, None] = {}  # An ordered set.
    network_error: NetworkError | None = None
    for url in urls:
        try:
            if url[:5].lower() == "data:":  # On-chain images are stored in the URL itself.
                return FetchedImage(url.partition(",")[0], "", decode(url.encode(), ""))
            data, body_sha256 = client.get_image(url, reuse=reuse)
            return FetchedImage(url, body_sha256, decode(data, body_sha256))
        except (ImageError, NotRecordedError, NetworkError) as error:
            reasons[error.message] = None
            network_error = error if isinstance(error, NetworkError) else network_error
    if network_error is not None:
        raise network_error
    raise ImageError("; ".join(reasons) or "has no URL")


Downloads: TypeAlias = "dict[Future[DataError | NetworkError | None], int]"
"""Mapping from the job that downloads an image to its punk_id."""


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
    ids_to_refetch: set[str],
    decode: Decode = _decode,
) -> Downloads:
    """Start to download images in the background, given their URLs by punk_id.

    The images of `ids_to_refetch` are not taken from the parent recording.
    """
    return {
        pool.submit(_try_fetch, client, urls, str(punk_id) not in ids_to_refetch, decode): punk_id
        for punk_id, urls in image_urls.items()
    }


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


def _try_fetch(
    client: OpenSeaClient, urls: tuple[str, ...], reuse: bool, decode: Decode
) -> DataError | NetworkError | None:
    """Download one image, and return the error if it affects this image alone."""
    try:
        fetch_image(client, urls, reuse=reuse, decode=decode)
    except (DataError, NetworkError) as error:
        return error
    return None
