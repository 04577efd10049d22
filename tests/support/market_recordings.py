"""What recordings with sales of wrapped punks and prices of ETH contain."""

from __future__ import annotations

from pathlib import Path

from punkdata.sources.read_recording import RecordedData, read_recording
from punkdata.sources.recording import Recording, list_recordings, open_recording

START = 1_600_000_000
YEAR = 2021
"""Last year for which the fake server has prices of ETH."""


def read(recording: Recording) -> RecordedData:
    return read_recording(open_recording(recording.path), "", lambda done, total: None)


def sales_by_market(recording: Recording) -> dict[str, int]:
    markets = [sale.market for sale in read(recording).sales or ()]
    return {market: markets.count(market) for market in sorted(set(markets))}


def set_year(root: Path, year: int) -> None:
    """Change the year of the only recording, as if it had been made then."""
    (recording,) = list_recordings(root)
    recording.info.market_year = year
    recording.save_info()
