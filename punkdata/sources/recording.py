"""An append-only store of the HTTP replies that one fetch received, exactly as received.

    raw/20260102T030405Z-opensea/
        recording.json        what was requested, and whether everything arrived
        index.jsonl           one line per reply, in order of arrival
        bodies/<sha256>[.gz]  each body once, named by the hash of its plain bytes; JSON is gzipped
        sprites.log           the decoded images, see `sprite_cache`

A body is written before its index line, so every body that the index names exists. If a crash
cuts off the last line, the line is removed when the recording is next opened for writing.
Final replies (2xx, and 404 or 410 where they are definitive) are served from disk from then on.
For all other replies, only the status is recorded.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from punkdata.errors import DataError
from punkdata.files import (
    OPENSEA_URL,
    fsync_tree,
    raw_dir,
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


class Recording:
    """A recording folder, which threads may share. The index is read once, on first use."""

    def __init__(self, path: Path, info: RecordingInfo) -> None:
        self.path = path
        self.name = path.name
        self.index_path = path / "index.jsonl"
        self.info = info
        self._lock = threading.Lock()
        self._replies: dict[RequestKey, Reply] | None = None
        self._passes: dict[str, int] = {}

    def fetch_command(self) -> str:
        """Return the shell command that resumes the recording, or repeats a finished one."""
        info = self.info
        source = f"--replay {info.replay_of}" if info.replay_of else f"--source {info.source}"
        if info.limit and not info.replay_of:
            source += f" --limit {info.limit}"
        if info.base_url not in (None, OPENSEA_URL) and not info.replay_of:
            source += f" --base-url {shell_quote(str(info.base_url))}"
        return f"punkdata fetch {source}{root_option(self.path.parent.parent)}"

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
                raise DataError(f"{self.index_path}:{number} is damaged") from None

    def find(
        self, url: str, method: str = "GET", request_sha256: str | None = None
    ) -> Reply | None:
        """Return the newest final reply to a request, else the newest failure, else None."""
        with self._lock:
            replies = self._read_index()
            number = self._passes.get(strip_cursor(url), 0)
            return replies.get((method, url, request_sha256, number))

    def final_replies(self) -> list[Reply]:
        """Return the newest final reply to each request."""
        with self._lock:
            return [reply for reply in self._read_index().values() if reply.body is not None]

    def body_path(self, reply: Reply) -> Path:
        plain = self.path / "bodies" / str(reply.body)
        compressed = plain.with_name(f"{reply.body}.gz")
        return compressed if compressed.exists() else plain

    def read_body(self, reply: Reply) -> bytes:
        """Return the uncompressed body of a final reply, after checking its hash."""
        path = self.body_path(reply)
        max_bytes = reply.body_bytes + 1
        try:
            with path.open("rb") as file:
                # gzip enlarges incompressible data slightly, and adds a header.
                body = file.read(2 * max_bytes + 100)
            if path.suffix == ".gz":
                body = zlib.decompressobj(wbits=31).decompress(body, max_bytes)
        except zlib.error:
            body = b""  # The hash comparison below fails.
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from None
        if hashlib.sha256(body).hexdigest() != reply.body:
            raise DataError(
                f"{path} has changed since it was recorded",
                hint=f"fetch it again with: {self.fetch_command()}",
            )
        return body

    # -- writing ---------------------------------------------------------------------------

    def start_new_pass(self, url: str) -> None:
        """Start pagination over: `find` no longer returns pages of the query of `url`."""
        with self._lock:
            self._read_index()
            query_url = strip_cursor(url)
            self._passes[query_url] = self._passes.get(query_url, 0) + 1

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

        Nothing is flushed to disk here: if the process is killed, nothing is lost. After a power
        failure, `resume_recording` finds damaged bodies by their hash.
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
        if body is not None and not self.body_path(reply).exists():
            data = gzip.compress(body, 6, mtime=0) if compress else body
            name = f"{reply.body}.gz" if compress else str(reply.body)
            write_atomic(self.path / "bodies" / name, data, flush=False)
        return self._append(reply)

    def copy_reply(self, source: Recording, reply: Reply) -> Reply:
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
        return self._append(reply)

    def finish(self, status: Literal["complete", "partial"]) -> None:
        """Flush all files to disk, then mark the recording as finished."""
        fsync_tree(self.path)
        self.info.status = status
        self.info.finished_at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        self.save_info()

    def save_info(self) -> None:
        text = self.info.model_dump_json(indent=2) + "\n"
        write_atomic(self.path / "recording.json", text.encode())

    def _append(self, reply: Reply) -> Reply:
        with self._lock:
            self._read_index()
            number = self._passes.get(strip_cursor(reply.url), 0)
            reply = reply.model_copy(update={"pass_number": number})
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
        return reply

    def _read_index(self) -> dict[RequestKey, Reply]:
        if self._replies is None:
            self._replies = {}
            for reply in self.replies():
                self._remember(reply)
        return self._replies

    def _remember(self, reply: Reply) -> None:
        assert self._replies is not None
        query_url = strip_cursor(reply.url)
        self._passes[query_url] = max(reply.pass_number, self._passes.get(query_url, 0))
        known = self._replies.get(reply.request_key)
        if reply.body is not None or known is None or known.body is None:
            self._replies[reply.request_key] = reply


def create_recording(root: Path, info: RecordingInfo) -> Recording:
    """Create an empty recording below `root`/raw, named by the current time and its source."""
    name = f"{utc_now():%Y%m%dT%H%M%SZ}-{info.source}"
    path = raw_dir(root) / name
    number = 2
    while path.exists():
        path = raw_dir(root) / f"{name}-{number}"
        number += 1
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
    intact = [reply for reply in recording.replies() if _is_intact(recording, reply)]
    index = b"".join(reply.to_json_line() for reply in intact)
    body_paths = {recording.body_path(reply) for reply in intact if reply.body is not None}
    with translate_os_errors(path):
        if recording.index_path.exists() and recording.index_path.read_bytes() != index:
            write_atomic(recording.index_path, index)
        for body in path.glob("bodies/*"):
            if body not in body_paths:
                body.unlink()
    return recording


def _is_intact(recording: Recording, reply: Reply) -> bool:
    try:
        if reply.body is not None:
            recording.read_body(reply)
    except DataError:
        return False
    return True
