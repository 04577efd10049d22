"""Image downloads: from the image URLs of tokens to sprites, one at a time or in a thread pool."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from punkdata.errors import DataError, ImageError, NetworkError, NotRecordedError
from punkdata.images.decode import DecodedImage, decode_image
from punkdata.progress import Progress
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.http_client import MAX_CONNECTIONS
from punkdata.sources.opensea.rate_limit import InterruptibleSleep

OUTAGE_THRESHOLD = 64
"""Number of consecutive failed images after which the image host is considered down."""


@dataclass(frozen=True)
class FetchedImage:
    """A downloaded and decoded image."""

    url: str
    """URL of the image; for a data URI, only the part before the image data."""
    body_sha256: str
    """SHA-256 of the image's bytes, their name in the recording; "" if nothing is recorded."""
    decoded: DecodedImage


def fetch_image(client: OpenSeaClient, urls: Sequence[str], *, reuse: bool = True) -> FetchedImage:
    """Return the sprite from the first of several URLs that yields one.

    Args:
        reuse: See `OpenSeaClient.get_image`.

    Raises:
        ImageError: No URL yields a sprite. The message has one reason for each.
        NetworkError: No URL yields a sprite, and at least one host did not answer.
        LimitError: The rate limit of an image host exceeds the allowed wait.
    """
    reasons: dict[str, None] = {}  # An ordered set.
    network_error: NetworkError | None = None
    for url in urls:
        try:
            if url[:5].lower() == "data:":  # On-chain images are stored in the URL itself.
                return FetchedImage(url.partition(",")[0], "", decode_image(url.encode()))
            data, body_sha256 = client.get_image(url, reuse=reuse)
            return FetchedImage(url, body_sha256, decode_image(data))
        except (ImageError, NotRecordedError, NetworkError) as error:
            reasons[error.message] = None
            network_error = error if isinstance(error, NetworkError) else network_error
    if network_error is not None:
        raise network_error
    raise ImageError("; ".join(reasons) or "has no URL")


DownloadJob: TypeAlias = "Future[DataError | NetworkError | None]"
DownloadJobs: TypeAlias = dict[DownloadJob, int]
"""Mapping from each job to the punk_id of its image."""


@contextmanager
def image_download_pool(sleep: InterruptibleSleep) -> Iterator[ThreadPoolExecutor]:
    """Provide a thread pool. An exception in the `with` block stops its waits and downloads."""
    pool = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="images")
    try:
        yield pool
    except BaseException:
        sleep.stop()
        raise
    finally:
        # The threads may still write to the recording, so the lock of the data root must be
        # held until all of them are done.
        pool.shutdown(wait=True, cancel_futures=True)


def start_image_downloads(
    pool: ThreadPoolExecutor,
    client: OpenSeaClient,
    image_urls: dict[int, tuple[str, ...]],
    ids_to_refetch: set[str],
    progress: Progress = lambda done, total: None,
) -> DownloadJobs:
    """Start to download images in the background.

    Args:
        image_urls: Mapping from punk_id to the URLs of its image, the best one first.
        ids_to_refetch: Ids whose images are not taken from the parent recording.
        progress: Called from the pool's threads.
    """
    counter = itertools.count(1)
    lock = threading.Lock()

    def report(job: DownloadJob) -> None:
        if not job.cancelled():
            with lock:  # Two threads must not report their numbers in the wrong order.
                progress(next(counter), len(jobs))

    jobs: DownloadJobs = {
        pool.submit(_try_fetch, client, urls, str(punk_id) not in ids_to_refetch): punk_id
        for punk_id, urls in image_urls.items()
    }
    for job in jobs:
        job.add_done_callback(report)
    return jobs


def wait_for_image_downloads(
    jobs: DownloadJobs,
    on_warning: Callable[[str], None] = lambda text: None,
    *,
    abort_on_outage: bool = True,
) -> dict[int, str]:
    """Wait for all downloads, and return the reason for each that failed, by punk_id.

    Args:
        on_warning: Called once if many consecutive images are rejected for the same reason.
        abort_on_outage: Whether to raise after many consecutive network errors.

    Raises:
        NetworkError: `OUTAGE_THRESHOLD` consecutive images had network errors, and
            `abort_on_outage` is set.
        LimitError: The rate limit of an image host exceeds the allowed wait.
    """
    failed: dict[int, str] = {}
    num_unanswered = num_rejected = 0
    last_message = ""
    for job in as_completed(jobs):
        error = job.result()
        if isinstance(error, NetworkError):
            failed[jobs[job]] = f"the image could not be downloaded: {error.message}"
        elif error is not None:
            failed[jobs[job]] = f"the image {error.message}"
        num_unanswered = num_unanswered + 1 if isinstance(error, NetworkError) else 0
        if error is not None and abort_on_outage and num_unanswered >= OUTAGE_THRESHOLD:
            raise error
        is_same = isinstance(error, DataError) and error.message == last_message
        num_rejected = num_rejected + 1 if is_same else 0
        last_message = error.message if error is not None else ""
        if num_rejected == OUTAGE_THRESHOLD:
            on_warning(f"many consecutive images are rejected for the same reason: {last_message}")
    return failed


def _try_fetch(
    client: OpenSeaClient, urls: tuple[str, ...], reuse: bool
) -> DataError | NetworkError | None:
    """Download one image, and return the error if only this image is affected.

    All other errors are raised.
    """
    try:
        fetch_image(client, urls, reuse=reuse)
    except (DataError, NetworkError) as error:
        return error
    return None
