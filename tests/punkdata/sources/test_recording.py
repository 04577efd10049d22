from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from punkdata.errors import DataError, SchemaError, StorageError, UsageError
from punkdata.sources.recording import (
    Recording,
    create_recording,
    list_finished,
    list_recordings,
    open_recording,
    resume_recording,
)
from punkdata.sources.recording_format import FORMAT, RecordingInfo

URL = "https://example.test/punk?a=1"


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    recording = create_recording(tmp_path, RecordingInfo(source="test", collection="c"))
    recording.add(URL, b"one")
    recording.add(URL, b"two")
    return recording


def test_find_returns_the_newest_reply(recording: Recording) -> None:
    again = open_recording(recording.path)
    assert [r.body_bytes for r in again.replies()] == [3, 3]
    reply = again.find(URL)
    assert reply
    assert again.read_body(reply) == b"two"
    assert again.find("https://example.test/other") is None
    assert again.info.status == "running"


def test_equal_bodies_are_stored_once(recording: Recording) -> None:
    recording.add("https://example.test/other", b"one")
    assert len(list((recording.path / "bodies").iterdir())) == 2


def test_intact_recording_is_resumed_unchanged(recording: Recording) -> None:
    recording.add("https://example.test/empty", b"")
    recording.add("https://example.test/failed", None, status=503)
    files = {path: path.read_bytes() for path in recording.path.rglob("*") if path.is_file()}
    resumed = resume_recording(recording.path)
    assert {p: p.read_bytes() for p in recording.path.rglob("*") if p.is_file()} == files
    assert len(list(resumed.replies())) == 4


def test_incomplete_last_line_is_skipped_and_removed_on_resume(recording: Recording) -> None:
    with recording.index_path.open("ab") as file:
        file.write(b'{"method": "GET", "url": "https://exa')
    assert len(list(open_recording(recording.path).replies())) == 2
    resumed = resume_recording(recording.path)
    resumed.add(URL, b"three")
    assert [r.body_bytes for r in resumed.replies()] == [3, 3, 5]


def test_damaged_line_is_named_with_its_number(recording: Recording) -> None:
    lines = recording.index_path.read_bytes().splitlines(keepends=True)
    recording.index_path.write_bytes(b"{}\n" + lines[1])
    with pytest.raises(DataError, match=r"line 1 of .*index\.jsonl"):
        list(recording.replies())


@pytest.mark.parametrize("compress", [False, True])
def test_changed_or_missing_body_is_a_data_error(recording: Recording, compress: bool) -> None:
    reply = recording.add("https://example.test/other", b"body " * 100, compress=compress)
    path = recording.body_path(reply)
    intact = path.read_bytes()
    for damaged in (b"", intact[:-10], b"\x1f\x8b" + b"0" * 30):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="has changed since it was recorded; fetch it again"):
            recording.read_body(reply)
    path.unlink()
    with pytest.raises(DataError, match="cannot read"):
        recording.read_body(reply)


def test_decompression_bomb_does_not_allocate_memory(recording: Recording) -> None:
    reply = recording.add("https://x/api/v2/y", b"{}", compress=True)
    recording.body_path(reply).write_bytes(gzip.compress(bytes(50_000_000)))
    tracemalloc.start()
    with pytest.raises(DataError, match="has changed"):
        recording.read_body(reply)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2_000_000
    line = recording.index_path.read_text().replace('"body_bytes": 2', f'"body_bytes": {10**12}')
    recording.index_path.write_text(line)
    with pytest.raises(DataError, match="line 3 of .*index.jsonl. is damaged"):
        list(recording.replies())


def test_newer_format_is_a_schema_error(recording: Recording) -> None:
    file = recording.path / "recording.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": FORMAT + 1, "news": 1}))
    with pytest.raises(SchemaError, match=f"format {FORMAT + 1}.*upgrade"):
        open_recording(recording.path)


def test_recording_of_format_1_is_written_in_the_current_format(recording: Recording) -> None:
    file = recording.path / "recording.json"
    fields = json.loads(file.read_text())
    del fields["wrapped_sales_after"], fields["market_year"]
    file.write_text(json.dumps(fields | {"format": 1}))
    opened = open_recording(recording.path)
    assert (opened.info.wrapped_sales_after, opened.info.market_year) == ({}, None)
    opened.save_info()
    assert json.loads(file.read_text())["format"] == FORMAT


def test_slugs_in_recording_json_are_checked(recording: Recording) -> None:
    file = recording.path / "recording.json"
    fields = json.loads(file.read_text()) | {"wrapped_sales_after": {"../../x": []}}
    file.write_text(json.dumps(fields))
    with pytest.raises(DataError, match="wrapped_sales_after .*slug of a collection"):
        open_recording(recording.path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"source": 3}', '{"source": "x"', '{"source": "x", "market_year": 1000000000}'],
)
def test_damaged_recording_json_is_rejected(recording: Recording, text: str) -> None:
    (recording.path / "recording.json").write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        open_recording(recording.path)


def test_folder_without_recording_json_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a recording"):
        open_recording(tmp_path)


def test_recordings_of_the_same_second_get_different_folders(tmp_path: Path) -> None:
    recordings = [
        create_recording(tmp_path, RecordingInfo(source="s", collection="c")) for _ in range(3)
    ]
    assert len({r.path for r in recordings}) == 3
    assert [r.path for r in list_recordings(tmp_path)] == [r.path for r in recordings]


def test_reply_with_a_damaged_body_is_removed_on_resume(recording: Recording) -> None:
    other = recording.add("https://example.test/other", b"three")
    recording.body_path(other).write_bytes(b"\0\0\0\0\0")
    resumed = resume_recording(recording.path)
    assert resumed.find("https://example.test/other") is None
    assert resumed.find(URL) is not None
    resumed.add("https://example.test/other", b"three")
    found = resumed.find("https://example.test/other")
    assert found
    assert resumed.read_body(found) == b"three"


def test_incomplete_body_without_an_index_line_is_removed_on_resume(recording: Recording) -> None:
    reply = recording.add("https://x/api/v2/z", b"a complete body")
    path = recording.body_path(reply)
    path.write_bytes(b"a com")
    lines = recording.index_path.read_bytes().splitlines(keepends=True)
    recording.index_path.write_bytes(b"".join(lines[:-1]))
    (path.parent / ".abc.tmp").write_bytes(b"half")
    resumed = resume_recording(recording.path)
    assert len(list(path.parent.iterdir())) == 2
    again = resumed.add("https://x/api/v2/z", b"a complete body")
    assert resumed.read_body(again) == b"a complete body"


def test_finished_recording_has_its_status_and_counts(recording: Recording) -> None:
    recording.add("https://api.test/api/v2/x", b"{}", compress=True)
    recording.finish("partial")
    again = open_recording(recording.path)
    assert again.info.status == "partial"
    assert [reply.body_bytes for reply in again.final_replies()] == [3, 2]


def test_line_that_a_full_disk_truncates_is_removed(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_before = recording.index_path.read_bytes()
    real_open = Path.open

    class FullDiskFile(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:40])

    def open_on_full_disk(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return FullDiskFile(path, "a") if mode == "ab" else real_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    with pytest.raises(StorageError, match="No space left"):
        recording.add("https://example.test/other", None, status=503)
    monkeypatch.undo()
    assert recording.index_path.read_bytes() == index_before


def test_list_finished_is_ordered_by_completion_time(tmp_path: Path) -> None:
    info = RecordingInfo(source="s", collection="c")
    first, second, third = (create_recording(tmp_path, info.model_copy()) for _ in range(3))
    second.finish("complete")
    first.finish("partial")
    assert [r.name for r in list_finished(tmp_path)] == [second.name, first.name]
    assert third.info.status == "running"


def test_recordings_stay_in_order_if_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, made = 1_900_000_000, []
    for clock_s in (now_s, now_s - 365 * 86_400, now_s - 86_400, now_s + 60):
        monkeypatch.setattr(time, "time", lambda clock_s=clock_s: clock_s)
        made.append(create_recording(tmp_path, RecordingInfo(source="s")))
        made[-1].finish("complete")
    assert [r.name for r in list_recordings(tmp_path)] == [r.name for r in made]
    assert [r.name for r in list_finished(tmp_path)] == [r.name for r in made]
    assert made[-1].info.finished_at == "2030-03-17T17:47:40+00:00"


def test_recordings_with_edited_names_and_times_do_not_prevent_others(tmp_path: Path) -> None:
    for number, finished_at in enumerate(("never", "2999-01-01", "9999-12-31T23:59:59.999999Z")):
        edited = create_recording(tmp_path, RecordingInfo(source="s"))
        edited.finish("complete")
        edited.info.finished_at = finished_at
        edited.save_info()
        edited.path.rename(edited.path.with_name(f"99991231T235959Z-s{number}"))
    create_recording(tmp_path, RecordingInfo(source="s")).finish("complete")
    assert len(list_finished(tmp_path)) == 4
