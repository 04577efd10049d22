"""Servers that refuse or replace what does not exist, and what readers conclude from that."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import fsspec
import pytest
from support.s3_server import StartProxy
from support.snapshots import publish
from support.web_server import http_server

from punkdata import PunkDataset, open_snapshot
from punkdata.errors import DataError, RefusedError, UsageError
from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("root", ["{url}", "{url}/snapshots/cryptopunks/{version}"])
@pytest.mark.parametrize("version", ["latest", "{version}"])
def test_bucket_that_may_not_be_listed_is_read_and_written(
    root: str, version: str, snapshot: Snapshot, s3: str, start_proxy: StartProxy
) -> None:
    start_proxy(lambda method, path: "hide")
    assert publish(snapshot, s3)[1:] == (True, snapshot.version)
    names = {"url": s3, "version": snapshot.version}
    remote = PunkDataset(root.format(**names), version=version.format(**names), split="all")
    assert len(remote) == snapshot.manifest.punks
    assert publish(snapshot, s3)[1:] == (False, snapshot.version)
    assert publish(snapshot, s3, force=True)[1:] == (True, snapshot.version)


@pytest.mark.parametrize(
    ("path", "version", "refused"),
    [
        ("", "latest", "snapshots/cryptopunks/latest"),
        ("", "s3-000000000000", "snapshots/cryptopunks/s3-000000000000/manifest.json"),
        ("/s3-000000000000", "latest", "s3-000000000000/manifest.json"),
    ],
)
def test_refusal_of_a_file_that_is_needed_says_that_it_may_be_missing(
    path: str, version: str, refused: str, s3: str, start_proxy: StartProxy
) -> None:
    start_proxy(lambda method, path: "hide")
    with pytest.raises(RefusedError, match=f"{refused} was denied .*deny access to what does not"):
        open_snapshot(s3 + path, version)


def test_refusal_of_a_table_is_not_damage(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy
) -> None:
    publish(snapshot, s3)
    start_proxy(lambda method, path: "refuse" if path.endswith(".parquet") else None)
    with pytest.raises(RefusedError, match="punks.val-.* was denied"):
        PunkDataset(s3, split="val")


@pytest.mark.parametrize("status", [405, 501])
def test_web_server_that_accepts_no_uploads_is_a_usage_error(
    status: int, snapshot: Snapshot
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_error(404 if request.command == "GET" else status)

    with http_server(answer) as host:
        message = f"http://{host}/punks does not accept uploads .*; publish to a folder with file:"
        with pytest.raises(UsageError, match=message):
            publish(snapshot, f"http://{host}/punks")


def test_web_page_in_place_of_a_missing_file_is_told_as_such(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    publish(snapshot, f"file://{tmp_path}/punks")
    page = b"\xef\xbb\xbf\n<!doctype HTML>\n<title>Welcome</title>"

    def answer(request: BaseHTTPRequestHandler) -> None:
        file = tmp_path / request.path.lstrip("/")
        body = file.read_bytes() if file.is_file() else page
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with http_server(answer) as host:
        # The host answers for the manifest that the root does not have, too.
        assert open_snapshot(f"http://{host}/punks").punks().equals(snapshot.punks())
        for version in ("latest", "s3-000000000000"):
            with pytest.raises(UsageError, match=f"{host}/other/.* is a web page.*check the addr"):
                open_snapshot(f"http://{host}/other", version)
        with pytest.raises(UsageError, match="is a web page"):
            open_snapshot(f"http://{host}/s3-000000000000")


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), (b"none", "does not name a version")]
)
def test_damaged_remote_latest_is_told_as_such(
    snapshot: Snapshot, s3: str, content: bytes, problem: str
) -> None:
    publish(snapshot, s3)
    latest = f"{s3}/snapshots/cryptopunks/latest"
    fsspec.filesystem("s3").pipe_file(latest, content)
    with pytest.raises(DataError, match=f"{latest} {problem}"):
        open_snapshot(s3)
    assert publish(snapshot, s3)[1:] == (False, snapshot.version)
    fsspec.filesystem("s3").pipe_file(latest, f"\ufeff{snapshot.version}\r\n".encode())
    assert open_snapshot(s3).version == snapshot.version
