"""What a fetch from OpenSea would cost, told without asking anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil

from punkdata.sources.opensea.client import PAGE_SIZE
from punkdata.sources.opensea.tokens import COLLECTION_SIZE
from punkdata.sources.recording import Recording

FREE_LIMIT = "600/h"
"""of the instant key, as published"""
SALES_ESTIMATE = 25_000
"""some 22,000 were known by 2022"""
TOKEN_BYTES, SALE_BYTES, IMAGE_BYTES = 1_200, 1_800, 2_000
"""what one takes on the way, roughly; where something is recorded, that is counted instead"""
_WINDOWS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class FetchEstimate:
    api_requests: int
    image_requests: int
    bytes: int
    limit: str
    """requests a window, as "600/h\" """
    wait_s: float
    """what that limit costs, when a whole window is free at the start"""
    recorded: int
    """replies that are there already and will not be asked for again"""


def estimate_fetch(
    limit: int | None,
    read_limit: str | None,
    unfinished: Recording | None,
    parent: Recording | None,
) -> FetchEstimate:
    """The cost of a fetch.

    Args:
        limit: as for `fetch_opensea`.
        read_limit: the key's, as "600/h".
        unfinished: the recording that would be gone on with.
        parent: the recording that would be taken over from.
    """
    punks = min(limit or COLLECTION_SIZE, COLLECTION_SIZE)
    sales = SALES_ESTIMATE
    images = punks
    if parent is not None:
        # Unchanged images are taken over, and of the sales the last week is read again.
        images = max(0, punks - parent.count_images())
        sales = PAGE_SIZE
    pages = 2 + ceil(punks / PAGE_SIZE) + ceil(sales / PAGE_SIZE) + 1
    size = punks * TOKEN_BYTES + sales * SALE_BYTES + images * IMAGE_BYTES
    recorded = 0
    if unfinished is not None:
        pages = max(1, pages - unfinished.count_replies("/api/v2/"))
        images = max(0, images - unfinished.count_images())
        recorded = unfinished.count_replies("")
        size = max(0, size - unfinished.count_bytes())
    window, window_s = parse_rate_limit(read_limit or FREE_LIMIT)
    wait_s = max(0, ceil(pages / window) - 1) * window_s
    return FetchEstimate(pages, images, size, read_limit or FREE_LIMIT, float(wait_s), recorded)


def parse_rate_limit(text: str) -> tuple[int, int]:
    """(requests, seconds) of "600/h"; of the published limit when it cannot be read."""
    found = re.fullmatch(r"(\d{1,9})/(\d{0,6})([smhd]).*", text.strip())
    if found is None or int(found[1]) == 0:
        return parse_rate_limit(FREE_LIMIT)
    return int(found[1]), int(found[2] or 1) * _WINDOWS_S[found[3]]
