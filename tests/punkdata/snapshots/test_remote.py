from __future__ import annotations

import json
import pickle
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import fsspec
import pytest
from support.s3_server import StartProxy, clear_connection_cache
from support.snapshots import publish
from support.web_server import http_server

from punkdata import PunkDataset, open_snapshot
from punkdata.errors import DataError, NetworkError, RefusedError, SetupError, UsageError
from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.usefixtures("cache")


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
    for root in (url, target, Path(url), url.replace(kind, kind.upper(), 1)):
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
        "val-00000-of-00001.parquet",
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
    name = "punks/val-00000-of-00001.parquet"
    data = (snapshot.path / name).read_bytes()
    fsspec.filesystem("s3").pipe_file(f"{target}/{name}", data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DataError, match=f"{name} differs from its manifest.*publish URL --force"):
        PunkDataset(s3, split="val")
    assert not list(cache.rglob("*.parquet"))
    assert publish(snapshot, s3)[1] is False
    assert publish(snapshot, s3, force=True)[1:] == (True, snapshot.version)
    assert len(PunkDataset(s3, split="val")) == snapshot.manifest.splits["default"]["val"]


def test_missing_remote_file_is_named_in_the_error(snapshot: Snapshot, s3: str) -> None:
    target, _, _ = publish(snapshot, s3)
    fsspec.filesystem("s3").rm_file(f"{target}/punks/val-00000-of-00001.parquet")
    with pytest.raises(DataError, match="punks.val-.* is missing, although its manifest lists it"):
        PunkDataset(s3, split="val")
    with pytest.raises(UsageError, match="the bucket or folder does not exist"):
        publish(snapshot, "s3://no-such-bucket-anywhere/punks")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("collection", "../../out"),
        ("version", "../s3-0123456789ab"),
        ("files", [{"path": "x" * 5000, "bytes": 1, "sha256": "0" * 64}]),
    ],
)
def test_manifest_cannot_point_outside_the_cache(
    snapshot: Snapshot, tmp_path: Path, field: str, value: object
) -> None:
    target, _, _ = publish(snapshot, f"memory://{tmp_path.name}")
    hostile = json.dumps(snapshot.manifest.model_dump(mode="json") | {field: value})
    fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", hostile.encode())
    with pytest.raises(DataError, match=f"{target}/manifest.json' is damaged .{field}"):
        open_snapshot(target)


def test_damaged_cache_file_is_downloaded_again(snapshot: Snapshot, s3: str, cache: Path) -> None:
    publish(snapshot, s3)
    PunkDataset(s3, split="val")
    (file,) = cache.rglob("*.parquet")
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    PunkDataset(s3, split="val")
    assert file.read_bytes() == data


def test_cache_that_is_a_file_is_a_usage_error(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{tmp_path.name}"
    publish(snapshot, url)
    (tmp_path / "plain").write_text("")
    monkeypatch.setenv("PUNKDATA_CACHE", str(tmp_path / "plain"))
    with pytest.raises(UsageError, match="set PUNKDATA_CACHE to a folder that can be written"):
        open_snapshot(url)


def test_denied_access_and_missing_setup_are_distinguished(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_proxy(lambda method, path: "refuse")
    with pytest.raises(RefusedError, match="check your credentials"):
        publish(snapshot, s3)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clear_connection_cache()
    with pytest.raises(SetupError, match="FSSPEC_S3_ANON"):
        open_snapshot(s3)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(SetupError, match="gcsfs"):
        open_snapshot("gs://bucket/punks")
    with pytest.raises(UsageError, match="not a protocol that fsspec supports"):
        open_snapshot("nowhere://bucket/punks")


def test_unreachable_server_is_a_network_error(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # Not listening, so connections are refused.
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{bound.getsockname()[1]}")
        clear_connection_cache()
        with pytest.raises(NetworkError, match="cannot reach"):
            open_snapshot(s3)


def test_url_below_a_file_cannot_be_written(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file': .*choose a folder that can be written"):
        publish(snapshot, f"file://{tmp_path}/file")


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (403, RefusedError, "was denied"),
        (500, NetworkError, "cannot reach"),
        (404, UsageError, "no complete snapshot found"),
    ],
)
def test_http_status_determines_the_error_which_hides_credentials(
    status: int, error: type[Exception], message: str
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_error(status)

    with (
        http_server(answer) as host,
        pytest.raises(error, match=f"{message}.*{host}/punks|{host}/punks.*{message}") as caught,
    ):
        open_snapshot(f"http://user:secret@{host}/punks")  # pragma: allowlist secret
    assert "secret" not in str(caught.value)


def test_download_stops_after_the_size_in_the_manifest(
    snapshot: Snapshot, tmp_path: Path, cache: Path
) -> None:
    target, _, _ = publish(snapshot, f"file://{tmp_path}/www")
    manifest = (Path(target.removeprefix("file://")) / "manifest.json").read_bytes()
    endless, sent = 1000, 0

    def answer(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        if request.path.endswith("manifest.json"):
            request.wfile.write(manifest)
            return
        while request.command == "GET" and sent < endless:
            request.wfile.write(bytes(1 << 20))
            sent += 1

    with http_server(answer) as host:
        remote = open_snapshot(f"http://{host}/punks")
        with pytest.raises(DataError, match="differs from its manifest"):
            remote.punks()
    assert sent < endless
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["manifest.json"]


def test_processes_can_fill_the_cache_at_the_same_time(
    snapshot: Snapshot, tmp_path: Path, cache: Path
) -> None:
    publish(snapshot, f"file://{tmp_path}/www")
    code = "import sys, punkdata; print(len(punkdata.open_snapshot(sys.argv[1]).punks()))"
    command = [sys.executable, "-c", code, f"file://{tmp_path}/www"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == [b"60\n"] * 3
    assert not list(cache.rglob(".*"))
