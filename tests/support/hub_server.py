"""A local Hugging Face Hub: repositories with commits, tags, and separate storage of large files.

It implements the endpoints that huggingface_hub calls to create repositories, to commit, to tag,
and to read files. Parquet and tar files are stored like those of Git LFS, as on the Hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

TOKEN = "hf_of_the_test"
LARGE = (".parquet", ".tar", ".safetensors")
Files = dict[str, bytes]


@dataclass
class Repository:
    """A repository; each commit is a complete list of files."""

    private: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files) -> str:
        """Add a commit to the branch main, and return its hash."""
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits[sha] = files
        self.branches["main"] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        """Return the hash of a branch, tag or commit."""
        known = {sha: sha for sha in self.commits} | self.branches | self.tags
        return known.get(revision)

    def files(self, revision: str = "main") -> Files:
        return self.commits[self.resolve(revision) or ""]


class Hub(ThreadingHTTPServer):
    """The server, with its repositories by kind and name, for example "datasets/you/punks"."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.authorizations: set[str] = set()
        self.failures: dict[str, int] = {}
        """HTTP status of the requests whose "METHOD path" contains a text."""
        self.interruptions: dict[str, Callable[[], object]] = {}
        """Function to call before the first request whose "METHOD path" contains a text."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def interfere(self, request: str) -> int | None:
        """Interrupt a request; return the status with which it fails, if any."""
        self.requests.append(request)
        for text in [text for text in self.interruptions if text in request]:
            self.interruptions.pop(text)()
        return next((status for text, status in self.failures.items() if text in request), None)

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """Return the variables with which huggingface_hub uses this server."""
        variables = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_ETAG_TIMEOUT": "60",
        }
        return variables | ({"HF_TOKEN": token} if token else {})

    def add(self, name: str, files: Files, *tags: str) -> Repository:
        """Commit files to a repository, which is created if necessary."""
        repository = self.repositories.setdefault(name, Repository())
        sha = repository.commit(files)
        repository.tags |= dict.fromkeys(tags, sha)
        return repository


@contextmanager
def hub_server() -> Iterator[Hub]:
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path.partition("?")[0])
        self.server.authorizations.add(self.headers.get("Authorization") or "")
        status = self.server.interfere(f"{self.command} {path}")
        if status:
            self.send({"error": "refused by the test"}, status)
        elif path == "/api/repos/create":
            self.create_repository()
        elif path == "/api/validate-yaml":
            self.send({"errors": [], "warnings": []})
        elif path.startswith("/large/"):
            self.server.large_files[path.removeprefix("/large/")] = self.body
            self.send({})
        elif match := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            self.prepare_large_files()
        elif match := re.fullmatch(r"/api/((?:datasets|models)/[^/]+/[^/]+)(?:/(.*))?", path):
            self.answer_api(match[1], match[2] or "revision/main")
        elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.send_file(f"{match[1] or 'models/'}{match[2]}", match[3], match[4])
        elif re.fullmatch(r"/api/(datasets|models)/[^/]+", path):
            self.send({"error": "not found"}, 404, X_Error_Code="RepoNotFound")
        else:
            self.send({"error": f"not implemented: {path}"}, 501)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815

    def send(self, data: Any, status: int = 200, **headers: str) -> None:
        is_json = not isinstance(data, bytes)
        content = json.dumps(data).encode() if is_json else data
        self.send_response(status)
        headers["Content-Length"] = str(len(content))
        headers["Content-Type"] = "application/json" if is_json else "application/octet-stream"
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def create_repository(self) -> None:
        options = json.loads(self.body)
        name = options["name"]
        if organization := options.get("organization"):
            name = f"{organization}/{name}"
        key = f"{options.get('type', 'model')}s/{name}"
        if key in self.server.repositories:
            self.send({"error": "exists", "url": f"{self.server.url}/{key}"}, 409)
            return
        private = options.get("private", options.get("visibility") == "private")
        self.server.repositories[key] = repository = Repository(private=bool(private))
        repository.commit({".gitattributes": b"*.parquet filter=lfs\n"})
        self.send({"url": f"{self.server.url}/{key}", "id": name})

    def prepare_large_files(self) -> None:
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            item = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.server.large_files:
                upload = {"href": f"{self.server.url}/large/{wanted['oid']}", "header": {}}
                item["actions"] = {"upload": upload}
            objects.append(item)
        self.send({"transfer": "basic", "objects": objects})

    def answer_api(self, key: str, rest: str) -> None:
        repository = self.server.repositories.get(key)
        if repository is None:
            self.send({"error": "not found"}, 404, X_Error_Code="RepoNotFound")
            return
        endpoint, _, argument = rest.partition("/")
        if endpoint == "refs":
            self.send(_list_refs(repository))
        elif endpoint == "tag":
            self.change_tag(repository, argument)
        elif endpoint == "preupload":
            self.choose_upload_modes(repository)
        elif endpoint == "commit":
            self.commit(repository, key.removeprefix("models/"))
        elif endpoint in ("revision", "tree", "paths-info"):
            revision, _, folder = argument.partition("/")
            sha = repository.resolve(revision)
            if sha is None:
                self.send({"error": "no revision"}, 404, X_Error_Code="RevisionNotFound")
                return
            files = repository.commits[sha]
            if endpoint == "revision":
                siblings = [{"rfilename": name} for name in files]
                facts = {"id": key.partition("/")[2], "sha": sha, "private": repository.private}
                self.send(facts | {"siblings": siblings})
            elif folder and not any(name.startswith(f"{folder}/") for name in files):
                self.send({"error": "no folder"}, 404, X_Error_Code="EntryNotFound")
            else:
                self.send(_list_tree(files, folder, recursive="recursive=True" in self.path))
        else:
            self.send({"error": f"not implemented: {rest}"}, 501)

    def change_tag(self, repository: Repository, argument: str) -> None:
        if self.command == "DELETE":
            del repository.tags[argument]
            self.send({})
            return
        tag = json.loads(self.body)["tag"]
        if tag in repository.tags:
            self.send({"error": "the tag exists"}, 409)
            return
        repository.tags[tag] = repository.resolve(argument) or ""
        self.send({})

    def choose_upload_modes(self, repository: Repository) -> None:
        files = repository.files()
        modes = []
        for item in json.loads(self.body)["files"]:
            mode = "lfs" if item["path"].endswith(LARGE) else "regular"
            answer = {"path": item["path"], "uploadMode": mode, "shouldIgnore": False}
            if item["path"] in files:
                answer["oid"] = _object_id(item["path"], files[item["path"]])
            modes.append(answer)
        self.send({"files": modes})

    def commit(self, repository: Repository, name: str) -> None:
        files = dict(repository.files())
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                parent = value.get("parentCommit")
                if parent and parent != repository.branches["main"]:
                    self.send({"error": "the branch has changed"}, 412)
                    return
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large_files[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = repository.commit(files)
        url = f"{self.server.url}/{name}/commit/{sha}"
        self.send({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    def send_file(self, key: str, revision: str, name: str) -> None:
        repository = self.server.repositories.get(key)
        sha = repository.resolve(revision) if repository else None
        if repository is None or sha is None:
            code = "RevisionNotFound" if repository else "RepoNotFound"
            self.send({"error": "not found"}, 404, X_Error_Code=code)
            return
        data = repository.commits[sha].get(name)
        if data is None:
            self.send({"error": "no file"}, 404, X_Error_Code="EntryNotFound")
            return
        headers = {"ETag": f'"{_object_id(name, data)}"', "X_Repo_Commit": sha}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
            headers["Content_Range"] = f"bytes {first}-{last}/{len(data)}"
            self.send(data[first : last + 1], 206, **headers)
        else:
            self.send(data, **headers)


def _object_id(name: str, data: bytes) -> str:
    """Return the hash of a file's content, as git or Git LFS computes it."""
    if name.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _list_refs(repository: Repository) -> dict[str, Any]:
    def describe(kind: str, refs: dict[str, str]) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}
            for name, sha in refs.items()
        ]

    branches, tags = describe("heads", repository.branches), describe("tags", repository.tags)
    return {"branches": branches, "converts": [], "tags": tags}


def _list_tree(files: Files, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for name, data in files.items():
        if not name.startswith(prefix):
            continue
        child, separator, _ = name.removeprefix(prefix).partition("/")
        if separator:
            path = prefix + child
            entries[path] = {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}
        if recursive or not separator:
            entry = {"type": "file", "path": name, "size": len(data)}
            entries[name] = entry | {"oid": _object_id(name, data)}
    return list(entries.values())
