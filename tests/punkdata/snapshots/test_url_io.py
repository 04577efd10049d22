from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.s3_server import StartProxy, clear_connection_cache

from punkdata import open_snapshot
from punkdata.errors import NetworkError, RefusedError, SetupError, UsageError
from punkdata.snapshots.publish import PublishResult, publish_snapshot
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.remote import url_errors

pytestmark = pytest.mark.usefixtures("cache")


def publish(snapshot: Snapshot, url: str) -> PublishResult:
    return publish_snapshot(snapshot.path, snapshot.manifest, url)


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
    with pytest.raises(SetupError, match=r'pip install "punkdata\[s3\]"'), url_errors("s3://b"):
        raise ImportError("no s3fs")
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
    with pytest.raises(UsageError, match="the bucket or folder does not exist"):
        publish(snapshot, f"file://{tmp_path}/file")


def test_http_status_determines_the_error() -> None:
    with http_server(403) as address, pytest.raises(RefusedError, match="was denied"):
        open_snapshot(f"{address}/punks")
    with http_server(500) as address, pytest.raises(NetworkError, match="cannot reach"):
        open_snapshot(f"{address}/punks")
    with http_server(404) as address, pytest.raises(UsageError, match="no complete snapshot found"):
        open_snapshot(f"{address}/punks")


@contextmanager
def http_server(status: int) -> Iterator[str]:
    """Run a server that answers every request with this status; yield its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
