"""The example that uploads a snapshot to the Hugging Face Hub, run against a local server.

The server implements the few endpoints that the example uses. Files arrive inside the commit;
the Hub's separate storage for large files is not implemented.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.paths import iter_files

from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.compat
SCRIPT = Path(__file__).parent.parent / "examples" / "publish_to_hub.py"
REPOSITORY = "/api/datasets/you/punks"
TOKEN = "hf_of_the_test"


class Hub(ThreadingHTTPServer):
    """A server with one data set repository, kept in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"old.parquet": b"of an older snapshot"}
        self.tags: list[str] = []
        self.private: bool | None = None
        self.authorizations: set[str] = set()
        self.denies_access = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reply(self, path: str, body: bytes) -> Any:
        """Return the reply to a request as JSON data, or None if there is no such endpoint."""
        if path == "/api/repos/create":
            options = json.loads(body)
            self.private = options.get("private", options.get("visibility") == "private")
            return {"url": f"{self.url}/datasets/you/punks", "id": "you/punks"}
        if path.startswith("/api/validate-yaml"):
            return {"errors": [], "warnings": []}
        endpoints = {
            "refs": self._list_refs,
            "tree": self._list_files,
            "revision": lambda _: {"id": "you/punks", "sha": "0" * 40, "siblings": []},
            "preupload": self._prepare_upload,
            "commit": self._commit,
            "tag": self._create_tag,
        }
        endpoint = path.removeprefix(f"{REPOSITORY}/").split("/")[0]
        return endpoints[endpoint](body) if endpoint in endpoints else None

    def _list_refs(self, _: bytes) -> Any:
        tags = [
            {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": "0" * 40} for tag in self.tags
        ]
        return {"branches": [], "converts": [], "tags": tags}

    def _list_files(self, _: bytes) -> Any:
        return [
            {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
            for name, data in self.files.items()
        ]

    def _prepare_upload(self, body: bytes) -> Any:
        names = [file["path"] for file in json.loads(body)["files"]]
        mode = {"uploadMode": "regular", "shouldIgnore": False}
        return {"files": [{"path": name, **mode} for name in names]}

    def _commit(self, body: bytes) -> Any:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                content = line["value"]["content"]
                self.files[line["value"]["path"]] = base64.b64decode(content)
            elif line["key"] == "deletedFile":
                del self.files[line["value"]["path"]]
        url = f"{self.url}/datasets/you/punks/commit/{'1' * 40}"
        return {"success": True, "commitOid": "1" * 40, "commitUrl": url, "hookOutput": ""}

    def _create_tag(self, body: bytes) -> Any:
        self.tags.append(json.loads(body)["tag"])
        return {}


class Handler(BaseHTTPRequestHandler):
    """Passes requests on to the Hub and sends its replies."""

    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.authorizations.add(self.headers.get("Authorization") or "")
        if self.server.denies_access:
            self.send({"error": "access denied"}, 403)
            return
        reply = self.server.reply(self.path.split("?")[0], body)
        if reply is None:
            self.send({"error": f"not implemented: {self.command} {self.path}"}, 404)
        else:
            self.send(reply)

    def send(self, data: Any, status: int = 200) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer  # noqa: N815


@pytest.fixture
def hub() -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    with Hub() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def run_example(hub: Hub, home: Path, *args: object) -> tuple[int, str]:
    """Run the example; return its exit code and its output."""
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": TOKEN,
    }
    process = subprocess.run(
        [sys.executable, SCRIPT, *map(str, args)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr


def test_upload_replaces_the_files_and_creates_a_tag(
    hub: Hub, snapshot: Snapshot, tmp_path: Path
) -> None:
    code, output = run_example(hub, tmp_path, "you/punks", snapshot.path)
    assert code == 0, output
    assert f"/datasets/you/punks has {snapshot.version}" in output
    assert hub.files == dict(iter_files(snapshot.path))
    assert hub.tags == [snapshot.version]
    assert hub.private is True
    assert f"Bearer {TOKEN}" in hub.authorizations


def test_upload_of_an_existing_version_changes_nothing(
    hub: Hub, snapshot: Snapshot, tmp_path: Path
) -> None:
    hub.tags.append(snapshot.version)
    _, output = run_example(hub, tmp_path, "you/punks", snapshot.path)
    assert f"already has {snapshot.version}" in output
    assert hub.tags == [snapshot.version]
    assert list(hub.files) == ["old.parquet"]


def test_denied_access_is_one_line_without_the_token(
    hub: Hub, snapshot: Snapshot, tmp_path: Path
) -> None:
    hub.denies_access = True
    code, output = run_example(hub, tmp_path, "you/punks", snapshot.path)
    assert code == 1
    assert "refused the request" in output
    assert "Traceback" not in output
    assert TOKEN not in output


def test_folder_without_snapshot_and_wrong_usage_are_one_line(hub: Hub, tmp_path: Path) -> None:
    code, output = run_example(hub, tmp_path, "you/punks", tmp_path)
    assert (code, "Traceback" in output) == (1, False)
    assert "punkdata build-dataset" in output
    assert run_example(hub, tmp_path, "punks")[1].startswith("usage: ")
