from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from punkdata.errors import DataError, NetworkError, PunkError, RefusedError, SetupError
from punkdata.progress import Progress
from punkdata.sources.package_index import MAX_BYTES, download_file

PROJECT, FILENAME = "some-project", "some-project-1.0.tar.gz"
PAGE, FILE = f"/simple/{PROJECT}/", f"/files/{FILENAME}"
HTML_PAGE = (
    "<!doctype html><title>Links</title><a>no target</a>"
    f'<a href="/files/other.tar.gz">other.tar.gz</a><br>'
    f'<A class="x" HREF="../../files/{FILENAME}?a=1&amp;b=2#sha256=00">{FILENAME}</A>'
).encode()
JSON_PAGE = json.dumps(
    {"meta": {"api-version": "1.1"}, "files": [{"filename": FILENAME, "url": FILE}]}
).encode()
BODY = bytes(range(256)) * 1000


class IndexServer(http.server.ThreadingHTTPServer):
    """A package index. Each path has the statuses of its replies, in order, and a body.

    The last status repeats. Status 0 stands for a reply that breaks off.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), IndexHandler)
        self.replies: dict[str, tuple[list[int], bytes]] = {
            PAGE: ([200], HTML_PAGE),
            FILE: ([200], BODY),
        }
        self.authorization: list[str | None] = []

    @property
    def url(self) -> str:
        password = "user:secret"  # pragma: allowlist secret
        return f"http://{password}@127.0.0.1:{self.server_port}/simple/"


class IndexHandler(http.server.BaseHTTPRequestHandler):
    server: IndexServer

    def do_GET(self) -> None:
        self.server.authorization.append(self.headers["authorization"])
        statuses, body = self.server.replies[self.path.partition("?")[0]]
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        self.send_response(status or 200)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", body.decode())
        self.end_headers()
        self.wfile.write(body if status else body[:100])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def download(url: str, progress: Progress = lambda done, total: None) -> bytes:
    return download_file(url, PROJECT, FILENAME, progress, sleep=lambda seconds: None)


@pytest.mark.parametrize("page", [HTML_PAGE, JSON_PAGE], ids=["html", "json"])
def test_file_is_found_on_html_and_json_pages(index: IndexServer, page: bytes) -> None:
    index.replies[PAGE] = [200], page
    reports: list[tuple[int, int | None]] = []
    assert download(index.url, lambda done, total: reports.append((done, total))) == BODY
    assert reports[-1] == (len(BODY), len(BODY))
    assert set(index.authorization) == {"Basic dXNlcjpzZWNyZXQ="}


def test_redirects_and_temporary_failures_are_followed(index: IndexServer) -> None:
    index.replies[PAGE] = [503, 302], b"/pages/1/"
    index.replies["/pages/1/"] = [429, 200], HTML_PAGE
    index.replies[FILE] = [0, 500, 200], BODY
    assert download(index.url) == BODY


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        (PAGE, 401, b"", RefusedError),
        (FILE, 403, b"", RefusedError),
        (PAGE, 404, b"", SetupError),
        (PAGE, 418, b"", NetworkError),
        (FILE, 0, BODY, NetworkError),
        (PAGE, 200, b"Please log in", SetupError),
        (PAGE, 200, b"\xff", SetupError),
        (PAGE, 200, b'<a href="http://[/x">x</a>', SetupError),
        (PAGE, 200, b'{"files": [{}]}', SetupError),
        (PAGE, 200, b'{"files": 1}', SetupError),
        (PAGE, 200, b'{"a":' * 100_000, SetupError),
        (PAGE, 200, f'{{"files": [{{"url": "file:///{FILENAME}"}}]}}'.encode(), NetworkError),
    ],
)
def test_failure_has_a_hint_and_no_password(
    index: IndexServer, path: str, status: int, body: bytes, kind: type[PunkError]
) -> None:
    index.replies[path] = [status], body
    with pytest.raises(kind, match="--sdist FILE") as caught:
        download(index.url)
    assert "secret" not in str(caught.value)


def test_large_file_is_refused(index: IndexServer) -> None:
    index.replies[FILE] = [200], bytes(MAX_BYTES + 1)
    with pytest.raises(DataError, match="more than 64,000,000 bytes"):
        download(index.url)


def test_unreachable_index_is_a_network_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # Not listening, so connections are refused.
        port = bound.getsockname()[1]
        with pytest.raises(NetworkError, match="try again later, or download the file"):
            download(f"http://127.0.0.1:{port}/simple/")


def test_download_uses_the_proxy_of_the_environment(
    index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{index.server_port}")
    index.replies = {f"http://index.test{path}": reply for path, reply in index.replies.items()}
    assert download("http://index.test/simple") == BODY


def test_user_and_password_come_from_netrc_unless_the_address_has_them(
    index: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login reader password open\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert download(f"http://127.0.0.1:{index.server_port}/simple/") == BODY
    assert set(index.authorization) == {"Basic cmVhZGVyOm9wZW4="}
    index.authorization.clear()
    assert download(index.url) == BODY
    assert set(index.authorization) == {"Basic dXNlcjpzZWNyZXQ="}


def test_damaged_netrc_counts_as_empty(
    index: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_bytes(b"machine 127.0.0.1 login \xff")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert download(f"http://127.0.0.1:{index.server_port}/simple/") == BODY
    assert set(index.authorization) == {None}
