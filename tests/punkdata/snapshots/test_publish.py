from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from support.s3_server import Fault, StartProxy, clear_connection_cache

from punkdata import open_snapshot
from punkdata.errors import NetworkError, UsageError
from punkdata.snapshots.publish import publish_snapshot
from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.usefixtures("cache")


def send(snapshot: Snapshot, url: str) -> tuple[str, bool, bool]:
    return publish_snapshot(snapshot.path, snapshot.manifest, url)


def names(url: str) -> set[str]:
    fs, path = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    return {Path(name).name for name in fs.find(path)}


def test_publishing_again_sends_nothing(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy
) -> None:
    send(snapshot, s3)
    methods: list[str] = []
    start_proxy(lambda method, path: methods.append(f"{method} {path}"))  # type: ignore[func-returns-value]
    assert send(snapshot, s3)[1:] == (False, snapshot.version)
    assert [m for m in methods if m.startswith(("PUT", "POST")) and "latest" not in m] == []


@pytest.mark.parametrize("torn_at", [1, 4, 9])
def test_a_torn_upload_is_not_to_be_seen_and_the_next_one_ends_it(
    torn_at: int,
    snapshot: Snapshot,
    s3: str,
    start_proxy: StartProxy,
    s3_address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = 0

    def judge(method: str, path: str) -> Fault | None:
        nonlocal sent
        sent += method == "PUT"
        return "cut" if method == "PUT" and sent >= torn_at else None

    start_proxy(judge)
    with pytest.raises(NetworkError, match="cannot be reached"):
        send(snapshot, s3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    clear_connection_cache()
    assert not names(s3) & {"manifest.json", "latest"}
    with pytest.raises(UsageError, match="has no complete snapshot"):
        open_snapshot(s3)
    assert send(snapshot, s3)[1:] == (True, snapshot.version)
    assert open_snapshot(s3).punks().equals(snapshot.punks())


def test_a_partial_snapshot_does_not_become_the_latest(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    partial = snapshot.manifest.model_copy(update={"status": "partial"})
    assert publish_snapshot(snapshot.path, partial, url)[1:] == (True, None)
    with pytest.raises(UsageError, match="no complete snapshot"):
        open_snapshot(url)


def test_a_sample_does_not_hide_what_is_there_in_full(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    send(snapshot, url)
    update = {"limit": 3, "expected": 3, "version": f"s2-{'0' * 12}"}
    sample = snapshot.manifest.model_copy(update=update)
    assert publish_snapshot(snapshot.path, sample, url)[1:] == (True, snapshot.version)
    assert open_snapshot(url).version == snapshot.version


def test_a_snapshot_is_not_sent_to_itself(root: Path) -> None:
    snapshot = open_snapshot(root)
    with pytest.raises(UsageError, match="cannot be sent to itself"):
        publish_snapshot(snapshot.path, snapshot.manifest, f"file://{root}", force=True)
    assert open_snapshot(root).version == snapshot.version


def test_a_damaged_manifest_is_replaced(snapshot: Snapshot, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    target, _, _ = send(snapshot, url)
    fsspec.filesystem("memory").pipe_file(f"{target}/manifest.json", b"{}")
    assert send(snapshot, url)[1:] == (True, snapshot.version)
    assert open_snapshot(url).version == snapshot.version


def test_what_lies_on_a_plain_web_server_is_read(snapshot: Snapshot, tmp_path: Path) -> None:
    send(snapshot, f"file://{tmp_path}/www/punks")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    serve = partial(Quiet, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/punks"
        there = open_snapshot(url)
        assert there.version == snapshot.version
        assert there.punks().equals(snapshot.punks())
        server.shutdown()
