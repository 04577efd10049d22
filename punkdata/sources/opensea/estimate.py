"""Estimate of what a fetch from OpenSea costs, computed without sending a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil

from punkdata.sources.opensea.client import PAGE_SIZE
from punkdata.sources.opensea.parsing import COLLECTION_SIZE
from punkdata.sources.recording import Recording

FREE_KEY_LIMIT = "600/h"
"""Published rate limit of an instant key."""
ESTIMATED_SALES = 25_000
"""Rough number of all sales; about 22,000 were known by 2022."""
BYTES_PER_TOKEN, BYTES_PER_SALE, BYTES_PER_IMAGE = 1_200, 1_800, 2_000
"""Rough download sizes. Replies that are already recorded are counted with their real size."""
_WINDOWS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class FetchEstimate:
    """The estimated cost of a fetch."""

    api_requests: int
    image_requests: int
    bytes: int
    rate_limit: str
    """Rate limit that the estimate assumes, for example "600/h"."""
    wait_s: float
    """Time in seconds spent waiting for the rate limit, if the first window is unused."""
    recorded: int
    """Number of replies that are already recorded and will not be requested again."""


def estimate_fetch(
    limit: int | None,
    rate_limit: str | None,
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
    rate_limit = rate_limit or FREE_KEY_LIMIT
    window, window_s = parse_rate_limit(rate_limit)
    wait_s = max(0, ceil(requests / window) - 1) * float(window_s)
    return FetchEstimate(requests, images, size, rate_limit, wait_s, recorded)


def _count_images(recording: Recording) -> int:
    """Return the number of final replies that did not come from the API."""
    return sum("/api/v2/" not in reply.url for reply in recording.final_replies())


def parse_rate_limit(text: str) -> tuple[int, int]:
    """Return (requests, window in seconds) of a rate limit such as "600/h" or "100/15min".

    Returns the published limit of an instant key if `text` cannot be parsed.
    """
    found = re.fullmatch(r"([1-9]\d{0,8})/(\d{0,6})([smhd]).*", text.strip())
    return (int(found[1]), int(found[2] or 1) * _WINDOWS_S[found[3]]) if found else (600, 3600)
