from __future__ import annotations

import pickle
from pathlib import Path

import fsspec
import pytest
from support.s3_server import StartProxy

from punkdata import PunkDataset, open_snapshot
from punkdata.errors import DataError, NetworkError, UsageError
from punkdata.snapshots.publish import publish_snapshot
from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.usefixtures("cache")


def send(snapshot: Snapshot, url: str) -> tuple[str, bool, bool]:
    return publish_snapshot(snapshot.path, snapshot.manifest, url)


@pytest.mark.parametrize("kind", ["s3", "memory", "file"])
def test_what_is_published_is_read_like_a_folder(
    kind: str, snapshot: Snapshot, s3: str, tmp_path: Path
) -> None:
    url = {"s3": s3, "memory": f"memory://{tmp_path.name}", "file": f"file://{tmp_path}/there"}[
        kind
    ]
    target, created, latest = send(snapshot, url)
    assert (created, latest) == (True, snapshot.version)
    assert target == f"{url}/snapshots/cryptopunks/{snapshot.version}"
    for root in (url, target, Path(url)):
        assert open_snapshot(root).version == snapshot.version
    there = open_snapshot(url, snapshot.version)
    assert there.punks().equals(snapshot.punks())
    assert there.provenance().equals(snapshot.provenance())
    here, elsewhere = (PunkDataset(root, split="val") for root in (snapshot.path, url))
    assert all(
        (a == b).all() for a, b in zip(here.as_tensors(), elsewhere.as_tensors(), strict=True)
    )
    assert elsewhere.to_pandas().equals(here.to_pandas())
    assert len(pickle.loads(pickle.dumps(elsewhere))) == len(here), "for workers"


def test_only_the_files_that_are_read_are_brought(snapshot: Snapshot, s3: str, cache: Path) -> None:
    send(snapshot, s3)
    PunkDataset(s3, split="val")
    assert {p.name for p in cache.rglob("*.*") if p.is_file()} == {
        "manifest.json",
        "punks-val-00000-of-00001.parquet",
    }


def test_a_torn_download_leaves_nothing_behind(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy, cache: Path
) -> None:
    send(snapshot, s3)
    broken = True
    start_proxy(lambda method, path: "cut" if broken and path.endswith(".parquet") else None)
    there = open_snapshot(s3)
    with pytest.raises(NetworkError):
        there.punks()
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["manifest.json"]
    broken = False
    assert there.punks().equals(snapshot.punks())


def test_what_is_damaged_elsewhere_is_refused_by_name(
    snapshot: Snapshot, s3: str, cache: Path
) -> None:
    target, _, _ = send(snapshot, s3)
    name = "data/punks-val-00000-of-00001.parquet"
    data = (snapshot.path / name).read_bytes()
    fsspec.filesystem("s3").pipe_file(f"{target}/{name}", data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(
        DataError, match=f"{name} is not what its manifest says.*publish URL --force"
    ):
        PunkDataset(s3, split="val")
    assert not list(cache.rglob("*.parquet"))
    assert send(snapshot, s3)[1] is False
    assert publish_snapshot(snapshot.path, snapshot.manifest, s3, force=True)[1:] == (
        True,
        snapshot.version,
    )
    assert len(PunkDataset(s3, split="val")) == snapshot.manifest.splits["default"]["val"]


def test_what_is_missing_elsewhere_is_told_by_name(snapshot: Snapshot, s3: str) -> None:
    target, _, _ = send(snapshot, s3)
    fsspec.filesystem("s3").rm_file(f"{target}/data/punks-val-00000-of-00001.parquet")
    with pytest.raises(DataError, match="punks-val.* is missing, though its manifest names it"):
        PunkDataset(s3, split="val")
    with pytest.raises(UsageError, match="there is no such bucket"):
        send(snapshot, "s3://no-such-bucket-anywhere/punks")


def test_a_manifest_cannot_name_a_place_outside_the_cache(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = send(snapshot, url)
    for field, value in (("collection", "../../out"), ("version", "../s2-0123456789ab")):
        hostile = snapshot.manifest.model_copy(update={field: value}).model_dump_json()
        fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", hostile.encode())
        with pytest.raises(DataError, match=f"is damaged .{field}"):
            open_snapshot(target)


def test_what_is_damaged_in_the_cache_is_brought_anew(
    snapshot: Snapshot, s3: str, cache: Path
) -> None:
    send(snapshot, s3)
    PunkDataset(s3, split="val")
    (file,) = cache.rglob("*.parquet")
    right = file.read_bytes()
    file.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    PunkDataset(s3, split="val")
    assert file.read_bytes() == right


def test_a_damaged_manifest_is_told_by_its_address(snapshot: Snapshot, s3: str) -> None:
    target, _, _ = send(snapshot, s3)
    fsspec.filesystem("s3").pipe_file(f"{target}/manifest.json", b"{")
    with pytest.raises(DataError, match=f"{target}/manifest.json is damaged"):
        open_snapshot(s3)


def test_a_manifest_with_endless_names_is_damaged(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = send(snapshot, url)
    entry = snapshot.manifest.files[0].model_copy(update={"path": "x" * 5000})
    hostile = snapshot.manifest.model_copy(update={"files": (entry,)}).model_dump_json()
    fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", hostile.encode())
    with pytest.raises(DataError, match="is damaged .files.0.path"):
        open_snapshot(target)


def test_a_cache_can_be_shared_and_one_that_cannot_be_written_is_told(
    snapshot: Snapshot, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{tmp_path.name}"
    send(snapshot, url)
    PunkDataset(url, split="val")
    modes = {p.stat().st_mode for p in cache.rglob("*.*") if p.is_file()}
    (tmp_path / "plain").write_text("")
    assert modes == {(tmp_path / "plain").stat().st_mode}
    monkeypatch.setenv("PUNKDATA_CACHE", str(tmp_path / "plain"))
    with pytest.raises(UsageError, match="choose a folder that can be written"):
        open_snapshot(url)


def test_the_scheme_of_a_url_is_of_any_case(snapshot: Snapshot, tmp_path: Path) -> None:
    send(snapshot, f"memory://{tmp_path.name}")
    assert open_snapshot(f"Memory://{tmp_path.name}").version == snapshot.version
