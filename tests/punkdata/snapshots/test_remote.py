from __future__ import annotations

import pickle
from pathlib import Path

import fsspec
import pytest
from support.s3_server import StartProxy

from punkdata import PunkDataset, open_snapshot
from punkdata.errors import DataError, NetworkError, UsageError
from punkdata.snapshots.publish import PublishResult, publish_snapshot
from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.usefixtures("cache")


def publish(snapshot: Snapshot, url: str) -> PublishResult:
    return publish_snapshot(snapshot.path, snapshot.manifest, url)


@pytest.mark.parametrize("kind", ["s3", "memory", "file"])
def test_published_snapshot_reads_like_a_folder(
    kind: str, snapshot: Snapshot, s3: str, tmp_path: Path
) -> None:
    url = {"s3": s3, "memory": f"memory://{tmp_path.name}", "file": f"file://{tmp_path}/remote"}[
        kind
    ]
    target, created, latest = publish(snapshot, url)
    assert (created, latest) == (True, snapshot.version)
    assert target == f"{url}/snapshots/cryptopunks/{snapshot.version}"
    for root in (url, target, Path(url)):
        assert open_snapshot(root).version == snapshot.version
    remote = open_snapshot(url, snapshot.version)
    assert remote.punks().equals(snapshot.punks())
    assert remote.provenance().equals(snapshot.provenance())
    local_data, remote_data = (PunkDataset(root, split="val") for root in (snapshot.path, url))
    assert all(
        (a == b).all()
        for a, b in zip(local_data.as_tensors(), remote_data.as_tensors(), strict=True)
    )
    assert remote_data.to_pandas().equals(local_data.to_pandas())
    assert len(pickle.loads(pickle.dumps(remote_data))) == len(local_data)


def test_only_files_that_are_read_are_downloaded(snapshot: Snapshot, s3: str, cache: Path) -> None:
    publish(snapshot, s3)
    PunkDataset(s3, split="val")
    assert {p.name for p in cache.rglob("*.*") if p.is_file()} == {
        "manifest.json",
        "punks-val-00000-of-00001.parquet",
    }


def test_interrupted_download_leaves_no_file(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy, cache: Path
) -> None:
    publish(snapshot, s3)
    is_broken = True
    start_proxy(lambda method, path: "cut" if is_broken and path.endswith(".parquet") else None)
    remote = open_snapshot(s3)
    with pytest.raises(NetworkError):
        remote.punks()
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["manifest.json"]
    is_broken = False
    assert remote.punks().equals(snapshot.punks())


def test_damaged_remote_file_is_named_and_repaired_by_force(
    snapshot: Snapshot, s3: str, cache: Path
) -> None:
    target, _, _ = publish(snapshot, s3)
    name = "data/punks-val-00000-of-00001.parquet"
    data = (snapshot.path / name).read_bytes()
    fsspec.filesystem("s3").pipe_file(f"{target}/{name}", data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DataError, match=f"{name} differs from its manifest.*publish URL --force"):
        PunkDataset(s3, split="val")
    assert not list(cache.rglob("*.parquet"))
    assert publish(snapshot, s3)[1] is False
    assert publish_snapshot(snapshot.path, snapshot.manifest, s3, force=True)[1:] == (
        True,
        snapshot.version,
    )
    assert len(PunkDataset(s3, split="val")) == snapshot.manifest.splits["default"]["val"]


def test_missing_remote_file_is_named_in_the_error(snapshot: Snapshot, s3: str) -> None:
    target, _, _ = publish(snapshot, s3)
    fsspec.filesystem("s3").rm_file(f"{target}/data/punks-val-00000-of-00001.parquet")
    with pytest.raises(DataError, match="punks-val.* is missing, although its manifest lists it"):
        PunkDataset(s3, split="val")
    with pytest.raises(UsageError, match="the bucket or folder does not exist"):
        publish(snapshot, "s3://no-such-bucket-anywhere/punks")


def test_manifest_cannot_point_outside_the_cache(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = publish(snapshot, url)
    for field, value in (("collection", "../../out"), ("version", "../s2-0123456789ab")):
        hostile = snapshot.manifest.model_copy(update={field: value}).model_dump_json()
        fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", hostile.encode())
        with pytest.raises(DataError, match=f"is damaged .{field}"):
            open_snapshot(target)


def test_damaged_cache_file_is_downloaded_again(snapshot: Snapshot, s3: str, cache: Path) -> None:
    publish(snapshot, s3)
    PunkDataset(s3, split="val")
    (file,) = cache.rglob("*.parquet")
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    PunkDataset(s3, split="val")
    assert file.read_bytes() == data


def test_damaged_remote_manifest_is_named_by_its_url(snapshot: Snapshot, s3: str) -> None:
    target, _, _ = publish(snapshot, s3)
    fsspec.filesystem("s3").pipe_file(f"{target}/manifest.json", b"{")
    with pytest.raises(DataError, match=f"{target}/manifest.json' is damaged"):
        open_snapshot(s3)


def test_manifest_with_an_overlong_path_is_rejected(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = publish(snapshot, url)
    entry = snapshot.manifest.files[0].model_copy(update={"path": "x" * 5000})
    hostile = snapshot.manifest.model_copy(update={"files": (entry,)}).model_dump_json()
    fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", hostile.encode())
    with pytest.raises(DataError, match="is damaged .files.0.path"):
        open_snapshot(target)


def test_cache_files_have_the_default_mode(snapshot: Snapshot, tmp_path: Path, cache: Path) -> None:
    url = f"memory://{tmp_path.name}"
    publish(snapshot, url)
    PunkDataset(url, split="val")
    modes = {p.stat().st_mode for p in cache.rglob("*.*") if p.is_file()}
    (tmp_path / "plain").write_text("")
    assert modes == {(tmp_path / "plain").stat().st_mode}


def test_cache_that_is_a_file_is_a_usage_error(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{tmp_path.name}"
    publish(snapshot, url)
    (tmp_path / "plain").write_text("")
    monkeypatch.setenv("PUNKDATA_CACHE", str(tmp_path / "plain"))
    with pytest.raises(UsageError, match="choose a folder that can be written"):
        open_snapshot(url)


def test_url_scheme_is_case_insensitive(snapshot: Snapshot, tmp_path: Path) -> None:
    publish(snapshot, f"memory://{tmp_path.name}")
    assert open_snapshot(f"Memory://{tmp_path.name}").version == snapshot.version
