from __future__ import annotations

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
from punkdata.snapshots.publish import publish_snapshot
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.url_io import url_errors

pytestmark = pytest.mark.usefixtures("cache")


def send(snapshot: Snapshot, url: str) -> tuple[str, bool, bool]:
    return publish_snapshot(snapshot.path, snapshot.manifest, url)


def test_refusals_and_missing_packages_have_their_own_exit_codes(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_proxy(lambda method, path: "refuse")
    with pytest.raises(RefusedError, match="check your credentials"):
        send(snapshot, s3)
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
    with pytest.raises(UsageError, match="no file system that fsspec knows"):
        open_snapshot("nowhere://bucket/punks")


def test_a_server_that_is_not_there_is_an_error_of_the_network(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    clear_connection_cache()
    with pytest.raises(NetworkError, match="cannot be reached"):
        open_snapshot(s3)


def test_a_place_below_a_file_cannot_be_written(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no such bucket or place"):
        send(snapshot, f"file://{tmp_path}/file")


def test_a_web_server_that_forbids_is_told_from_one_that_is_ill() -> None:
    with http_server(403) as address, pytest.raises(RefusedError, match="is refused"):
        open_snapshot(f"{address}/punks")
    with http_server(500) as address, pytest.raises(NetworkError, match="cannot be reached"):
        open_snapshot(f"{address}/punks")
    with http_server(404) as address, pytest.raises(UsageError, match="no complete snapshot"):
        open_snapshot(f"{address}/punks")


@contextmanager
def http_server(status: int) -> Iterator[str]:
    """The address of a server that always answers with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
