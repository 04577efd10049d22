"""Supply chain checks: pinned releases are neither yanked nor vulnerable; no file has a secret.

They need a package index and the extra `audit`; `make test-all` runs them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.paths import REPOSITORY

from punkdata.sources.pip_config import find_index_url

pytestmark = pytest.mark.network

CONSTRAINTS = REPOSITORY / "constraints.txt"


def pinned_releases() -> list[tuple[str, str]]:
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line]
    return [(name, version) for name, version in pairs]


def run(*command: str, folder: Path = REPOSITORY) -> str:
    full = [sys.executable, "-m", *command]
    done = subprocess.run(full, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout


def list_files(client: httpx.Client, project: str) -> dict[str, bool]:
    """Return the files of a project on the package index, and whether each one is yanked."""
    reply = client.get(f"{re.sub('[-_.]+', '-', project).lower()}/")
    reply.raise_for_status()
    if "json" in reply.headers["content-type"]:
        return {file["filename"]: bool(file.get("yanked")) for file in reply.json()["files"]}
    links = re.findall(r"<a\b([^>]*)>([^<]*)</a>", reply.text)
    return {name.strip(): "data-yanked" in attributes for attributes, name in links}


def test_no_pinned_release_is_yanked() -> None:
    accept = {"accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.1"}
    with (
        httpx.Client(
            base_url=find_index_url(), headers=accept, timeout=60, follow_redirects=True
        ) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        projects = list(pool.map(lambda pin: list_files(client, pin[0]), pinned_releases()))
    problems = {}
    for (name, version), files in zip(pinned_releases(), projects, strict=True):
        release = re.compile(rf"-{re.escape(version)}(-.*\.whl|\.tar\.\w+|\.zip)$")
        yanked = [is_yanked for file, is_yanked in files.items() if release.search(file)]
        if not yanked or any(yanked):
            problems[name] = version
    assert problems == {}


def test_no_pinned_release_has_a_known_vulnerability() -> None:
    pytest.importorskip("pip_audit", reason="needs the extra `audit`")
    options = ("--no-deps", "--disable-pip", "--format", "json")
    report = json.loads(run("pip_audit", "--requirement", str(CONSTRAINTS), *options))[
        "dependencies"
    ]
    assert len(report) == len(pinned_releases())
    audited = [entry for entry in report if "vulns" in entry]
    if not audited:
        pytest.skip("this package index has no advisories")
    assert {entry["name"]: entry["vulns"] for entry in audited if entry["vulns"]} == {}


# The repository is full of hashes, so the entropy detectors would only report false positives.
ENTROPY_DETECTORS = ("HexHighEntropyString", "Base64HighEntropyString")


def secrets_in(folder: Path, *files: str) -> dict[str, list[str]]:
    disabled = [word for plugin in ENTROPY_DETECTORS for word in ("--disable-plugin", plugin)]
    report = run("detect_secrets", "scan", *disabled, *files, folder=folder)
    found = json.loads(report)["results"]
    return {file: [secret["type"] for secret in secrets] for file, secrets in found.items()}


def test_no_tracked_file_contains_a_secret() -> None:
    pytest.importorskip("detect_secrets", reason="needs the extra `audit`")
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert secrets_in(REPOSITORY, *listed.stdout.split()) == {}


def test_secret_scan_finds_a_secret(tmp_path: Path) -> None:
    pytest.importorskip("detect_secrets", reason="needs the extra `audit`")
    (tmp_path / "notes.txt").write_text(
        "-----BEGIN RSA " + "PRIVATE KEY-----\nhttps://me:" + "word@host.test/\n"
    )
    found = secrets_in(tmp_path, "notes.txt")
    assert sorted(found["notes.txt"]) == ["Basic Auth Credentials", "Private Key"]
