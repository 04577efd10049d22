"""Estimate of what a fetch from OpenSea costs, computed without sending a request."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from punkdata.sources.opensea.client import PAGE_SIZE
from punkdata.sources.opensea.parsing import COLLECTION_SIZE
from punkdata.sources.recording import Recording

REQUESTS_PER_HOUR = 600
"""Published rate limit of an instant key."""
ESTIMATED_SALES = 25_000
"""Rough number of all sales; about 22,000 were known by 2022."""
BYTES_PER_TOKEN, BYTES_PER_SALE, BYTES_PER_IMAGE = 1_200, 1_800, 2_000
"""Rough download sizes. Replies that are already recorded are counted with their real size."""


@dataclass(frozen=True)
class FetchEstimate:
    """The estimated cost of a fetch."""

    api_requests: int
    image_requests: int
    bytes: int
    wait_s: int
    """Time in seconds spent waiting for the rate limit, if the first window is unused."""
    recorded: int
    """Number of replies that are already recorded and will not be requested again."""


def estimate_fetch(
    limit: int | None,
    unfinished: Recording | None,
    parent: Recording | None,
) -> FetchEstimate:
    """Estimate the cost of a fetch of `limit` punks, or of all.

    The fetch resumes the recording `unfinished`, or copies images and older sales from `parent`.
    """
    punks = images = min(limit or COLLECTION_SIZE, COLLECTION_SIZE)
    sales = ESTIMATED_SALES
    if parent is not None:
        images = max(0, punks - _count_images(parent))
        sales = PAGE_SIZE
    # The collection, the trait counts and one page of listings are one request each.
    requests = 3 + ceil(punks / PAGE_SIZE) + ceil(sales / PAGE_SIZE)
    size = punks * BYTES_PER_TOKEN + sales * BYTES_PER_SALE + images * BYTES_PER_IMAGE
    recorded = 0
    if unfinished is not None:
        replies = unfinished.final_replies()
        recorded, recorded_images = len(replies), _count_images(unfinished)
        requests = max(1, requests - (recorded - recorded_images))
        images = max(0, images - recorded_images)
        size = max(0, size - sum(reply.body_bytes for reply in replies))
    wait_s = max(0, ceil(requests / REQUESTS_PER_HOUR) - 1) * 3600
    return FetchEstimate(requests, images, size, wait_s, recorded)


def _count_images(recording: Recording) -> int:
    """Return the number of final replies that did not come from the API."""
    return sum("/api/v2/" not in reply.url for reply in recording.final_replies())
