from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from support.s3_server import Fault, StartProxy, clear_connection_cache
from support.snapshots import publish

from punkdata import open_snapshot
from punkdata.errors import NetworkError, UsageError
from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.usefixtures("cache")


def list_file_names(url: str) -> set[str]:
    fs, path = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    return {Path(name).name for name in fs.find(path)}


def test_publishing_again_uploads_nothing(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy
) -> None:
    publish(snapshot, s3)
    methods: list[str] = []
    start_proxy(lambda method, path: methods.append(f"{method} {path}"))  # type: ignore[func-returns-value]
    assert publish(snapshot, s3)[1:] == (False, snapshot.version)
    assert not [m for m in methods if m.startswith(("PUT", "POST")) and "latest" not in m]


@pytest.mark.parametrize("cut_at", [1, 4, 9])
def test_interrupted_upload_is_invisible_until_completed(
    cut_at: int,
    snapshot: Snapshot,
    s3: str,
    start_proxy: StartProxy,
    s3_address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = 0

    def choose_fault(method: str, path: str) -> Fault | None:
        nonlocal sent
        sent += method == "PUT"
        return "cut" if method == "PUT" and sent >= cut_at else None

    start_proxy(choose_fault)
    with pytest.raises(NetworkError, match="cannot reach"):
        publish(snapshot, s3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    clear_connection_cache()
    assert not list_file_names(s3) & {"manifest.json", "latest"}
    with pytest.raises(UsageError, match="no complete snapshot found"):
        open_snapshot(s3)
    assert publish(snapshot, s3)[1:] == (True, snapshot.version)
    assert open_snapshot(s3).punks().equals(snapshot.punks())


def test_partial_snapshot_and_smaller_sample_do_not_become_the_latest(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    url, manifest = f"memory://{tmp_path.name}", snapshot.manifest
    partial = Snapshot(snapshot.path, manifest.model_copy(update={"status": "partial"}))
    assert publish(partial, url)[1:] == (True, None)
    with pytest.raises(UsageError, match="no complete snapshot found"):
        open_snapshot(url)
    publish(snapshot, url, force=True)
    update = {"limit": 3, "expected": 3, "version": f"s3-{'0' * 12}"}
    sample = Snapshot(snapshot.path, manifest.model_copy(update=update))
    assert publish(sample, url)[1:] == (True, snapshot.version)
    assert open_snapshot(url).version == snapshot.version


def test_publishing_to_its_own_folder_is_rejected(root: Path) -> None:
    snapshot = open_snapshot(root)
    with pytest.raises(UsageError, match="to its own location"):
        publish(snapshot, f"file://{root}", force=True)
    assert open_snapshot(root).version == snapshot.version


def test_publishing_replaces_a_damaged_manifest(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = publish(snapshot, url)
    fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", b"{}")
    assert publish(snapshot, url)[1:] == (True, snapshot.version)
    assert open_snapshot(url).version == snapshot.version


def test_snapshot_on_a_plain_web_server_is_readable(snapshot: Snapshot, tmp_path: Path) -> None:
    publish(snapshot, f"file://{tmp_path}/www/punks")

    class QuietHandler(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    serve = partial(QuietHandler, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/punks"
        remote = open_snapshot(url)
        assert remote.version == snapshot.version
        assert remote.punks().equals(snapshot.punks())
        server.shutdown()
