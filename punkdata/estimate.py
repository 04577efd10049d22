"""Estimate of the requests, time and bytes of `fetch_opensea`, for `fetch --dry-run`.

It sends no request itself. It is a separate module because a fetch does not need it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from punkdata.fetch import find_parent, find_unfinished, plan_queries
from punkdata.sources.opensea.api.client import PAGE_SIZE, SOURCE
from punkdata.sources.opensea.parsing import COLLECTION_SIZE
from punkdata.sources.opensea.rates import FIRST_DAY
from punkdata.sources.opensea.sales import ESTIMATED_SALES
from punkdata.sources.opensea.wrapped_sales import ESTIMATED_WRAPPED_SALES, check_slugs
from punkdata.sources.recording import Recording
from punkdata.sources.recording_format import RecordingInfo
from punkdata.sources.recording_transport import make_conditions

REQUESTS_PER_HOUR = 600
"""Published rate limit of an instant key."""
BATCH_SIZE = 25
"""Number of tokens that the API has been seen to accept in one batch request."""
SINGLE_REQUESTS = 6
"""Number of requests for the collection, trait counts, a page of listings, floor prices,
statistics and floor prices of traits."""
BYTES_PER_TOKEN, BYTES_PER_SALE, BYTES_PER_IMAGE = 1_200, 1_800, 2_000


@dataclass(frozen=True)
class FetchEstimate:
    """The estimated cost of a fetch.

    OpenSea lists tokens with their traits, or, as in 2025, without them. Then they are requested in
    batches, and the fetch needs `api_requests_with_batches` in place of `api_requests`. Both are
    equal if earlier recordings show that batches are needed.

    Of the `image_requests`, `image_checks` only ask whether a known image has changed.

    `wait_s` is the time in seconds spent waiting for the rate limit, if its first window is unused.
    `recorded` replies are not requested again. `resumes` is the recording that the fetch resumes,
    and `refreshes` the one whose images and older sales it copies.
    """

    api_requests: int
    api_requests_with_batches: int
    image_requests: int
    image_checks: int
    bytes: int
    wait_s: int
    wait_s_with_batches: int
    recorded: int
    resumes: Path | None
    refreshes: Path | None


def estimate_opensea(
    root: Path, base_url: str, limit: int | None = None, wrapped: Sequence[str] | None = None
) -> FetchEstimate:
    """Estimate what `fetch_opensea` costs with these arguments."""
    check_slugs(wrapped or ())
    wanted = RecordingInfo(source=SOURCE, limit=limit, base_url=base_url)
    unfinished, parent = find_unfinished(root, wanted), find_parent(root, wanted)
    info = unfinished.info if unfinished else wanted
    plan_queries(info, parent, wrapped, is_resumed=unfinished is not None)
    punks = images = min(limit or COLLECTION_SIZE, COLLECTION_SIZE)
    checks = 0
    if parent is not None:
        images = max(0, punks - _count_images(parent))
        checks = min(punks, _count_images(parent, with_validators=True))
    sales, sales_requests = _estimate_sales(info, punks)
    requests = SINGLE_REQUESTS + ceil(punks / PAGE_SIZE) + sales_requests
    requests += _count_rate_requests(info, parent)
    batches = ceil(punks / BATCH_SIZE)
    if _has_batches(unfinished) or _has_batches(parent):
        requests, batches = requests + batches, 0
    size = punks * BYTES_PER_TOKEN + sales * BYTES_PER_SALE + images * BYTES_PER_IMAGE
    recorded = recorded_images = 0
    if unfinished is not None:
        replies = unfinished.final_replies()
        recorded, recorded_images = len(replies), _count_images(unfinished)
        size = max(0, size - sum(reply.body_bytes for reply in replies))
    requests -= recorded - recorded_images
    with_batches = max(1, requests + batches)
    requests = max(1, requests)
    return FetchEstimate(
        api_requests=requests,
        api_requests_with_batches=with_batches,
        image_requests=max(0, images + checks - recorded_images),
        image_checks=max(0, min(checks, images + checks - recorded_images)),
        bytes=size,
        wait_s=_estimate_wait_s(requests),
        wait_s_with_batches=_estimate_wait_s(with_batches),
        recorded=recorded,
        resumes=unfinished.path if unfinished else None,
        refreshes=parent.path if parent else None,
    )


def _estimate_sales(info: RecordingInfo, punks: int) -> tuple[int, int]:
    """Return the number of sales that are requested, and of requests for them."""
    new = PAGE_SIZE  # A refresh usually finds all new sales on one page.
    lists = [new if q else ESTIMATED_WRAPPED_SALES for q in info.wrapped_sales_after.values()]
    by_token = ceil(ESTIMATED_SALES * punks / COLLECTION_SIZE) if info.sales_by_token else 0
    if not info.sales_by_token:
        lists.append(new if info.sales_after else ESTIMATED_SALES)
    num_requests = sum(ceil(sales / PAGE_SIZE) for sales in lists) + (punks if by_token else 0)
    return sum(lists) + by_token, num_requests


def _count_rate_requests(info: RecordingInfo, parent: Recording | None) -> int:
    """Return the number of requests for prices of ETH: one for each year that no parent has."""
    num_years = (info.market_year or 0) + 1 - FIRST_DAY.year
    replies = parent.final_replies() if parent else []
    urls = (reply.url for reply in replies if reply.status == 200)
    num_known = sum("/price_history?" in url and "end_time=" in url for url in urls)
    return max(1, num_years - num_known)


def _estimate_wait_s(num_requests: int) -> int:
    return (ceil(num_requests / REQUESTS_PER_HOUR) - 1) * 3600


def _count_images(recording: Recording, *, with_validators: bool = False) -> int:
    """Return the number of final replies that did not come from the API.

    With `with_validators`, only those images count whose change a refresh can ask for.
    """
    images = [reply for reply in recording.final_replies() if "/api/v2/" not in reply.url]
    return sum(bool(make_conditions(r)) for r in images) if with_validators else len(images)


def _has_batches(recording: Recording | None) -> bool:
    """Return whether a recording contains tokens that were requested in batches."""
    return recording is not None and any(r.method == "POST" for r in recording.final_replies())
