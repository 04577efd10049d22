"""The recipe that sends a snapshot to a hub, against a server that answers as the hub does.

Its files are taken in the commit itself; the hub's stores for large files are not rendered.
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

from punkdata.snapshots.reader import Snapshot

pytestmark = pytest.mark.compat
SCRIPT = Path(__file__).parent.parent / "examples" / "publish_to_hub.py"
REPOSITORY = "/api/datasets/you/punks"


class Hub(ThreadingHTTPServer):
    """What the hub keeps of one repository."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"old.parquet": b"of an older snapshot"}
        self.tags: list[str] = []
        self.private: bool | None = None
        self.tokens: set[str] = set()
        self.is_open = True


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    def answer(self) -> None:
        hub, path = self.server, self.path.split("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.tokens.add(self.headers.get("Authorization") or "")
        if not hub.is_open:
            self.send({"error": "not yours"}, 403)
        elif path == "/api/repos/create":
            told = json.loads(body)
            hub.private = told.get("private", told.get("visibility") == "private")
            self.send({"url": f"{self.address()}/datasets/you/punks", "id": "you/punks"})
        elif path == f"{REPOSITORY}/refs":
            tags = [
                {"name": t, "ref": f"refs/tags/{t}", "targetCommit": "0" * 40} for t in hub.tags
            ]
            self.send({"branches": [], "converts": [], "tags": tags})
        elif path.startswith(f"{REPOSITORY}/tree/"):
            self.send(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                    for name, data in hub.files.items()
                ]
            )
        elif path.startswith(f"{REPOSITORY}/revision/"):
            self.send({"id": "you/punks", "sha": "0" * 40, "siblings": []})
        elif path.startswith(f"{REPOSITORY}/preupload/"):
            names = [file["path"] for file in json.loads(body)["files"]]
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            self.send({"files": [{"path": name, **plain} for name in names]})
        elif path.startswith(f"{REPOSITORY}/commit/"):
            for line in body.splitlines():
                self.commit(json.loads(line))
            url = f"{self.address()}/datasets/you/punks/commit/{'1' * 40}"
            self.send({"success": True, "commitOid": "1" * 40, "commitUrl": url, "hookOutput": ""})
        elif path.startswith(f"{REPOSITORY}/tag/"):
            hub.tags.append(json.loads(body)["tag"])
            self.send({})
        elif path.startswith("/api/validate-yaml"):
            self.send({"errors": [], "warnings": []})
        else:
            self.send({"error": f"no such page: {self.command} {path}"}, 404)

    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def commit(self, line: dict[str, Any]) -> None:
        if line["key"] == "file":
            data = base64.b64decode(line["value"]["content"])
            self.server.files[line["value"]["path"]] = data
        elif line["key"] == "deletedFile":
            del self.server.files[line["value"]["path"]]

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


def run(hub: Hub, tmp_path: Path, *args: object, token: str = "hf_of_the_test") -> tuple[int, str]:
    address = f"http://127.0.0.1:{hub.server_address[1]}"
    usual = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, args)],
        env=os.environ | usual | ({"HF_TOKEN": token} if token else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_repository_holds_the_snapshot_and_nothing_else(
    hub: Hub, snapshot: Snapshot, tmp_path: Path
) -> None:
    code, said = run(hub, tmp_path, "you/punks", snapshot.path)
    assert code == 0, said
    assert f"/datasets/you/punks has {snapshot.version}" in said
    ours = {
        p.relative_to(snapshot.path).as_posix(): p.read_bytes()
        for p in snapshot.path.rglob("*")
        if p.is_file()
    }
    assert hub.files == ours
    assert hub.tags == [snapshot.version]
    assert hub.private is True
    assert "Bearer hf_of_the_test" in hub.tokens
    code, said = run(hub, tmp_path, "you/punks", snapshot.path)
    assert f"already has {snapshot.version}" in said
    assert hub.tags == [snapshot.version]


def test_refusals_are_one_line(hub: Hub, snapshot: Snapshot, tmp_path: Path) -> None:
    hub.is_open = False
    code, said = run(hub, tmp_path, "you/punks", snapshot.path)
    assert code == 1
    assert "refused" in said
    assert "Traceback" not in said
    assert "hf_of_the_test" not in said
    code, said = run(hub, tmp_path, "you/punks", tmp_path)
    assert (code, "Traceback" in said) == (1, False)
    assert "punkdata fetch" in said
    assert run(hub, tmp_path, "punks")[1].startswith("usage: ")
