from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
from s3_server import Fault, faulty_proxy, s3_server

from punkdata import PunkDataset, open_snapshot
from punkdata.disk import shown
from punkdata.errors import DataError, NetworkError, RefusedError, SetupError, UsageError
from punkdata.remote import publish, talking
from punkdata.snapshot import Snapshot

Through = Callable[[Callable[[str, str], Fault | None]], str]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNKDATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URL of an empty bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget()
    bucket = f"bucket-{tmp_path.name.replace('_', '-').lower()}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/punks"


@pytest.fixture
def through(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Through]:
    """Puts a proxy before the server."""
    proxies = []

    def put(judge: Callable[[str, str], Fault | None]) -> str:
        proxy = faulty_proxy(server, judge)
        proxies.append(proxy)
        address = proxy.__enter__()
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        forget()
        return address

    yield put
    for proxy in proxies:
        proxy.__exit__(None, None, None)
    forget()


def forget() -> None:
    """Open connections stand for the addresses they were made with."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def snapshot(built_root: Path) -> Snapshot:
    return open_snapshot(built_root)


def send(snapshot: Snapshot, url: str) -> tuple[str, bool, bool]:
    return publish(snapshot.path, snapshot.manifest, url)


def names(url: str) -> set[str]:
    fs, path = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    return {Path(name).name for name in fs.find(path)}


@pytest.mark.parametrize("kind", ["s3", "memory", "file"])
def test_what_is_published_is_read_like_a_folder(
    kind: str, snapshot: Snapshot, s3: str, tmp_path: Path
) -> None:
    url = {"s3": s3, "memory": f"memory://{tmp_path.name}", "file": f"file://{tmp_path}/there"}[
        kind
    ]
    target, created, is_latest = send(snapshot, url)
    assert (created, is_latest) == (True, True)
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


def test_publishing_again_sends_nothing(snapshot: Snapshot, s3: str, through: Through) -> None:
    send(snapshot, s3)
    methods: list[str] = []
    through(lambda method, path: methods.append(f"{method} {path}"))  # type: ignore[func-returns-value]
    assert send(snapshot, s3)[1:] == (False, True)
    assert [m for m in methods if m.startswith(("PUT", "POST")) and "latest" not in m] == []


@pytest.mark.parametrize("torn_at", [1, 4, 9])
def test_a_torn_upload_is_not_to_be_seen_and_the_next_one_ends_it(
    torn_at: int,
    snapshot: Snapshot,
    s3: str,
    through: Through,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = 0

    def judge(method: str, path: str) -> Fault | None:
        nonlocal sent
        sent += method == "PUT"
        return "cut" if method == "PUT" and sent >= torn_at else None

    through(judge)
    with pytest.raises(NetworkError, match="cannot be reached"):
        send(snapshot, s3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    forget()
    assert not names(s3) & {"manifest.json", "latest"}
    with pytest.raises(UsageError, match="has no complete snapshot"):
        open_snapshot(s3)
    assert send(snapshot, s3)[1:] == (True, True)
    assert open_snapshot(s3).punks().equals(snapshot.punks())


def test_a_torn_download_leaves_nothing_behind(
    snapshot: Snapshot, s3: str, through: Through, cache: Path
) -> None:
    send(snapshot, s3)
    broken = True
    through(lambda method, path: "cut" if broken and path.endswith(".parquet") else None)
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
    assert publish(snapshot.path, snapshot.manifest, s3, force=True)[1:] == (True, True)
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


def test_a_partial_snapshot_does_not_become_the_latest(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    partial = snapshot.manifest.model_copy(update={"status": "partial"})
    assert publish(snapshot.path, partial, url)[1:] == (True, False)
    with pytest.raises(UsageError, match="no complete snapshot"):
        open_snapshot(url)


def test_a_sample_does_not_hide_what_is_there_in_full(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    send(snapshot, url)
    update = {"limit": 3, "expected": 3, "version": f"s2-{'0' * 12}"}
    sample = snapshot.manifest.model_copy(update=update)
    assert publish(snapshot.path, sample, url)[1:] == (True, False)
    assert open_snapshot(url).version == snapshot.version


def test_refusals_and_missing_packages_have_their_own_exit_codes(
    snapshot: Snapshot, s3: str, through: Through, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(lambda method, path: "refuse")
    with pytest.raises(RefusedError, match="check your credentials"):
        send(snapshot, s3)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    forget()
    with pytest.raises(SetupError, match="FSSPEC_S3_ANON"):
        open_snapshot(s3)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(SetupError, match="gcsfs"):
        open_snapshot("gs://bucket/punks")
    with pytest.raises(SetupError, match=r'pip install "punkdata\[s3\]"'), talking("s3://b"):
        raise ImportError("no s3fs")
    with pytest.raises(UsageError, match="no file system that fsspec knows"):
        open_snapshot("nowhere://bucket/punks")


def test_a_server_that_is_not_there_is_an_error_of_the_network(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget()
    with pytest.raises(NetworkError, match="cannot be reached"):
        open_snapshot(s3)


def test_a_password_in_a_url_is_not_shown() -> None:
    assert shown("sftp://me:secret@host/punks") == "sftp://host/punks"
    assert shown("s3://user:se@cret@bucket/punks") == "s3://bucket/punks"
    assert shown("https://host/punks?X-Amz-Signature=secret") == "https://host/punks"
    assert shown("s3://bucket/a@b") == "s3://bucket/a@b"


def test_a_snapshot_is_not_sent_to_itself(root: Path) -> None:
    snapshot = open_snapshot(root)
    with pytest.raises(UsageError, match="cannot be sent to itself"):
        publish(snapshot.path, snapshot.manifest, f"file://{root}", force=True)
    assert open_snapshot(root).version == snapshot.version


def test_a_damaged_manifest_is_replaced(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = send(snapshot, url)
    fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", b"{}")
    assert send(snapshot, url)[1:] == (True, True)
    assert open_snapshot(url).version == snapshot.version
