"""Creation of a recording that refreshes an earlier one.

A refresh reuses the images and the older sales of its parent, and downloads only what may have
changed. Afterwards, the recording is complete without its parent.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from punkdata.errors import DataError
from punkdata.sources.find_recording import find_parent
from punkdata.sources.opensea.client import open_replay
from punkdata.sources.opensea.sales import sales_query_start
from punkdata.sources.recording import Recording, create_recording
from punkdata.sources.recording_format import RecordingInfo

SALES_OVERLAP_S = 7 * 24 * 3600
"""Age in seconds, one week, up to which a refresh requests sales again: some appear late."""

MAX_SALES_QUERIES = 20
"""Number of sales queries in a recording after which a refresh requests all sales again, which
also finds corrections of old sales."""


def create_refresh(root: Path, wanted: RecordingInfo) -> Recording:
    """Create a recording that reuses replies of its parent, the newest matching recording.

    Without a parent, everything is downloaded.

    Args:
        wanted: Description of the new recording. Its `parent` and `sales_after` are set here.
    """
    parent = find_parent(root, wanted)
    if parent is not None and wanted.replay_of is None:
        wanted.parent = parent.name
        wanted.sales_after = _next_sales_after(parent)
    return create_recording(root, wanted)


def compute_age_s(recording: Recording) -> float:
    """Return the age of the oldest reply in seconds, 0 if there is no reply."""
    first = next(recording.replies(), None)
    return time.time() - datetime.fromisoformat(first.time).timestamp() if first else 0.0


def _next_sales_after(parent: Recording) -> list[int]:
    """Return `RecordingInfo.sales_after` of a refresh.

    The new sales query starts a week before the newest sale of the parent.
    """
    older = parent.info.sales_after
    if len(older) >= MAX_SALES_QUERIES:
        return []
    client = open_replay(parent)
    try:
        # A wrong date in the future must not hide the sales before it.
        fetched_s = time.time() - compute_age_s(parent)
        for after in [*older, None]:
            page = next(client.iter_sales(sales_query_start(after))) or []
            times = [event.event_timestamp for event in page if event.event_timestamp <= fetched_s]
            if times:
                return [max(max(times) - SALES_OVERLAP_S, 1), *older]
    except DataError:
        pass  # The parent is damaged: request all sales again.
    return []
