"""From a token's image addresses to its sprite: one, or many at once by a bounded pool."""

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
from punkdata.sources.opensea.retry import InterruptibleSleep
from punkdata.sources.opensea.transport import CONNECTIONS

HOST_IS_DOWN_AFTER = 64
"""so many images in a row without an answer, and the run ends, resumable"""


@dataclass(frozen=True)
class FetchedImage:
    url: str
    """of a data URI only what stands before the picture"""
    body: str
    """SHA-256 of the bytes, as the recording names them; "" for a data URI"""
    decoded: DecodedImage


def fetch_image(client: OpenSeaClient, urls: Sequence[str], *, reuse: bool = True) -> FetchedImage:
    """The sprite behind the first of the addresses that gives one.

    Args:
        reuse: see `OpenSea.get_image`.

    Raises:
        ImageError: none does; the message says why, for each.
        NetworkError: none does, and a host did not answer.
        LimitError: an image host wants us to wait too long.
    """
    reasons: dict[str, None] = {}
    trouble: NetworkError | None = None
    for url in urls:
        try:
            if url[:5].lower() == "data:":  # the picture itself, as the contract gives it
                return FetchedImage(url.partition(",")[0], "", decode_image(url.encode()))
            data, body = client.get_image(url, reuse=reuse)
            return FetchedImage(url, body, decode_image(data))
        except (ImageError, NotRecordedError, NetworkError) as error:
            reasons[error.message] = None
            trouble = error if isinstance(error, NetworkError) else trouble
    if trouble is not None:
        raise trouble
    raise ImageError("; ".join(reasons) or "has no address")


Job: TypeAlias = "Future[DataError | NetworkError | None]"
Jobs: TypeAlias = dict[Job, int]


@contextmanager
def image_download_pool(sleep: InterruptibleSleep) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="images")
    try:
        yield pool
    except BaseException:
        sleep.stop()
        raise
    finally:
        # Whoever is at work may still write, so the root's lock is held until all are done.
        pool.shutdown(wait=True, cancel_futures=True)


def start_image_downloads(
    pool: ThreadPoolExecutor,
    client: OpenSeaClient,
    wanted: dict[int, tuple[str, ...]],
    ids_to_refetch: set[str],
    progress: Progress = lambda done, total: None,
) -> Jobs:
    """Have images recorded in the background.

    Args:
        wanted: punk_id -> addresses, the best first.
        doubted: ids whose images are not taken over from an earlier recording.
        progress: called from the pool's threads.
    """
    counter = itertools.count(1)
    lock = threading.Lock()

    def count(job: Job) -> None:
        if not job.cancelled():
            with lock:  # or a smaller number might be told after a greater one
                progress(next(counter), len(jobs))

    jobs: Jobs = {
        pool.submit(_try_image, client, urls, str(punk_id) not in ids_to_refetch): punk_id
        for punk_id, urls in wanted.items()
    }
    for job in jobs:
        job.add_done_callback(count)
    return jobs


def wait_for_image_downloads(
    jobs: Jobs,
    on_warning: Callable[[str], None] = lambda text: None,
    *,
    abort_on_outage: bool = True,
) -> dict[int, str]:
    """Wait until every image is recorded; returns why those failed that did.

    Args:
        on_notice: told once when many in a row are refused for the same reason.
        gives_up: False for images of which it is known that others came.

    Raises:
        NetworkError: many in a row had no answer, so that the rest will have none either.
        LimitError: an image host wants us to wait too long.
    """
    failed: dict[int, str] = {}
    silent = refused = 0
    reason = ""
    for job in as_completed(jobs):
        error = job.result()
        if error is not None:
            failed[jobs[job]] = f"the image {error.message}"
        silent = silent + 1 if isinstance(error, NetworkError) else 0
        if error is not None and abort_on_outage and silent >= HOST_IS_DOWN_AFTER:
            raise error
        same = isinstance(error, DataError) and error.message == reason
        refused = refused + 1 if same else 0
        reason = error.message if error is not None else ""
        if refused == HOST_IS_DOWN_AFTER:
            on_warning(f"one image after the other is refused: each {reason}")
    return failed


def _try_image(
    client: OpenSeaClient, urls: tuple[str, ...], reuse: bool
) -> DataError | NetworkError | None:
    """Have one image recorded; what is wrong with it alone is returned, all else raised."""
    try:
        fetch_image(client, urls, reuse=reuse)
    except (DataError, NetworkError) as error:
        return error
    return None
