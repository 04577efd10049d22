"""An append-only store of the HTTP replies that one fetch received, exactly as received.

    raw/20260102T030405Z-opensea/
        recording.json        what was requested, and whether everything arrived
        index.jsonl           one line per reply, in order of arrival
        bodies/<sha256>[.gz]  each body once, named by the hash of its plain bytes; JSON is gzipped

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
from punkdata.files import fsync_tree, raw_dir, translate_os_errors, utc_now, write_atomic
from punkdata.sources.recorded_reply import Reply, RequestKey, strip_cursor, to_json_line
from punkdata.sources.recording_info import RecordingInfo, fetch_command, read_info


class Recording:
    """A recording folder.

    `open_recording` opens it for reading; `create_recording` and `resume_recording` open it for
    writing. Instances may be shared between threads. The index is read once, on first use.
    """

    def __init__(self, path: Path, info: RecordingInfo) -> None:
        self.path = path
        self.info = info
        self._lock = threading.Lock()
        self._final: dict[RequestKey, Reply] | None = None
        self._not_final: dict[RequestKey, Reply] = {}
        self._passes: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Name of the folder, for example 20260102T030405Z-opensea."""
        return self.path.name

    @property
    def root(self) -> Path:
        """The data root that the recording belongs to."""
        return self.path.parent.parent

    @property
    def index_path(self) -> Path:
        return self.path / "index.jsonl"

    # -- reading ---------------------------------------------------------------------------

    def replies(self) -> Iterator[Reply]:
        """Yield the recorded replies, oldest first. An incomplete last line is skipped.

        Raises:
            DataError: Another line is damaged.
        """
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
        """Return the newest final reply to a request, or None.

        If pagination started over, only pages of the newest pass count.

        Args:
            request_sha256: SHA-256 (hex) of the request body; None if the request has no body.
        """
        with self._lock:
            final = self._read_index()
            number = self._passes.get(strip_cursor(url), 0)
            return final.get((method, url, request_sha256, number))

    def find_failed(
        self, url: str, method: str = "GET", request_sha256: str | None = None
    ) -> Reply | None:
        """Return the last recorded failure of a request in the current pass, or None.

        A failure is a reply that is not final, for example one with status 400.

        Args:
            request_sha256: SHA-256 (hex) of the request body; None if the request has no body.
        """
        with self._lock:
            self._read_index()
            number = self._passes.get(strip_cursor(url), 0)
            return self._not_final.get((method, url, request_sha256, number))

    def count_replies(self, url_part: str = "") -> int:
        """Return the number of final replies whose URL contains `url_part`."""
        with self._lock:
            return sum(url_part in key[1] for key in self._read_index())

    def count_images(self) -> int:
        """Return the number of images: the final replies that did not come from the API."""
        with self._lock:
            return sum("/api/v2/" not in key[1] for key in self._read_index())

    def count_bytes(self) -> int:
        """Return the total size of all final replies, uncompressed."""
        with self._lock:
            return sum(reply.body_bytes for reply in self._read_index().values())

    def body_path(self, reply: Reply) -> Path:
        """Return the path of the file that contains the body of a reply."""
        plain = self.path / "bodies" / str(reply.body)
        compressed = plain.with_name(f"{reply.body}.gz")
        return compressed if compressed.exists() else plain

    def read_body(self, reply: Reply) -> bytes:
        """Return the body of a final reply, uncompressed, after checking its hash.

        Raises:
            DataError: The body is missing or has changed.
        """
        path = self.body_path(reply)
        body, max_bytes = b"", reply.body_bytes + 1
        try:
            with path.open("rb") as file:
                if path.suffix == ".gz":
                    # gzip enlarges incompressible data slightly, and adds a header.
                    data = file.read(2 * max_bytes + 100)
                    decompressor = zlib.decompressobj(wbits=31)
                    body = decompressor.decompress(data, max_bytes)
                    body = body if decompressor.eof else b""
                else:
                    body = file.read(max_bytes)
        except zlib.error:
            pass  # The hash comparison below fails.
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from None
        if hashlib.sha256(body).hexdigest() != reply.body:
            raise DataError(
                f"{path} has changed since it was recorded",
                hint=f"fetch it again with: {fetch_command(self.info, self.root)}",
            )
        return body

    # -- writing ---------------------------------------------------------------------------

    def start_new_pass(self, url: str) -> None:
        """Start pagination over: forget all pages of the query that `url` belongs to.

        The old pages stay in the index, but `find` no longer returns them.
        """
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
        """Record one reply: first its body, then its index line.

        Neither is flushed to disk here. If the process is killed, nothing is lost; `finish`
        flushes everything. After a power failure, `resume_recording` finds damaged bodies by
        their hash.

        Args:
            url: The canonical URL, see `canonical_url`.
            body: The body, or None to record only the status.
            request_sha256: SHA-256 (hex) of the request body, if there is one.
            compress: Whether to gzip the body on disk.
        """
        digest = None if body is None else hashlib.sha256(body).hexdigest()
        reply = Reply(
            method=method,
            url=url,
            request_sha256=request_sha256,
            status=status,
            headers=dict(headers or {}),
            body=digest,
            body_bytes=len(body or b""),
            time=utc_now().isoformat(),
        )
        if body is not None and digest is not None and not self.body_path(reply).exists():
            data = gzip.compress(body, 6, mtime=0) if compress else body
            name = f"{digest}.gz" if compress else digest
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
        """Write recording.json."""
        text = self.info.model_dump_json(indent=2) + "\n"
        write_atomic(self.path / "recording.json", text.encode())

    def _append(self, reply: Reply) -> Reply:
        with self._lock:
            final = self._read_index()
            number = self._passes.get(strip_cursor(reply.url), 0)
            reply = reply.model_copy(update={"pass_number": number})
            line = to_json_line(reply)
            with translate_os_errors(self.index_path), self.index_path.open("ab", 0) as file:
                size_before = file.tell()
                try:
                    written = file.write(line.encode())
                    if written != len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    # An incomplete line would corrupt the next one.
                    file.truncate(size_before)
                    raise
            self._remember(reply, final)
        return reply

    def _read_index(self) -> dict[RequestKey, Reply]:
        if self._final is None:
            self._final = {}
            for reply in self.replies():
                self._remember(reply, self._final)
        return self._final

    def _remember(self, reply: Reply, final: dict[RequestKey, Reply]) -> None:
        query_url = strip_cursor(reply.url)
        self._passes[query_url] = max(reply.pass_number, self._passes.get(query_url, 0))
        is_final = reply.is_final and reply.body is not None
        (final if is_final else self._not_final)[reply.request_key] = reply


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
