"""Repair of an interrupted recording before it is resumed."""

from __future__ import annotations

from pathlib import Path

from punkdata.errors import DataError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.sources.recorded_reply import to_json_line
from punkdata.sources.recording import Recording, open_recording


def resume_recording(path: Path) -> Recording:
    """Open a recording for writing, after removing damage from a crash or power failure."""
    recording = open_recording(path)
    with translate_os_errors(path):
        if recording.index_path.exists():
            data = recording.index_path.read_bytes()
            complete_lines = data[: data.rfind(b"\n") + 1]
            if complete_lines != data:
                write_atomic(recording.index_path, complete_lines)
        _remove_damaged_replies(recording)
        # A power failure may have lost an index line and half of its body. Remove that half:
        # otherwise `add` would mistake it for the full body when the same body arrives again.
        known = {recording.body_path(r).name for r in recording.replies() if r.body is not None}
        for body in path.glob("bodies/*"):
            if body.name not in known:
                body.unlink()
    return recording


def _remove_damaged_replies(recording: Recording) -> None:
    """Remove replies with missing or damaged bodies, so that they are requested again."""
    intact, num_damaged = [], 0
    for reply in recording.replies():
        try:
            if reply.body is not None:
                recording.read_body(reply)
            intact.append(reply)
        except DataError:
            recording.body_path(reply).unlink(missing_ok=True)
            num_damaged += 1
    if num_damaged:
        write_atomic(recording.index_path, "".join(map(to_json_line, intact)).encode())
