"""What comes with us, and what must not: the pinned releases of others, and secrets.

Needs a package index and the extra `audit`; CI runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pypi_simple import PyPISimple
from support.paths import REPOSITORY

from punkdata.sources.cpunks10k import find_index_url

pytestmark = pytest.mark.network

CONSTRAINTS = REPOSITORY / "constraints.txt"


def pinned() -> list[tuple[str, str]]:
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line]
    return [(name, version) for name, version in pairs]


def run(*command: str, folder: Path = REPOSITORY) -> str:
    full = [sys.executable, "-m", *command]
    done = subprocess.run(full, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout


def test_no_pinned_release_was_withdrawn_by_its_makers() -> None:
    with PyPISimple(find_index_url()) as index, ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda pin: index.get_project_page(pin[0], timeout=60), pinned()))
    wrong = {}
    for (name, version), page in zip(pinned(), pages, strict=True):
        files = [file for file in page.packages if file.version == version]
        if not files or any(file.is_yanked for file in files):
            wrong[name] = version
    assert wrong == {}


def test_no_pinned_release_has_a_known_hole() -> None:
    pytest.importorskip("pip_audit", reason="needs the extra `audit`")
    options = ("--no-deps", "--disable-pip", "--format", "json")
    told = json.loads(run("pip_audit", "--requirement", str(CONSTRAINTS), *options))["dependencies"]
    assert len(told) == len(pinned())
    asked = [one for one in told if "vulns" in one]
    if not asked:
        pytest.skip("the package index here tells no advisories")
    assert {one["name"]: one["vulns"] for one in asked if one["vulns"]} == {}


# Hashes are all over a repository like this; what a key looks like is known without them.
LOOKS_RANDOM = ("HexHighEntropyString", "Base64HighEntropyString")


def secrets_in(folder: Path, *files: str) -> dict[str, list[str]]:
    without = [word for plugin in LOOKS_RANDOM for word in ("--disable-plugin", plugin)]
    told = run("detect_secrets", "scan", *without, *files, folder=folder)
    found = json.loads(told)["results"]
    return {file: [one["type"] for one in several] for file, several in found.items()}


def test_no_file_holds_a_secret() -> None:
    pytest.importorskip("detect_secrets", reason="needs the extra `audit`")
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git repository")
    assert secrets_in(REPOSITORY, *listed.stdout.split()) == {}


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    pytest.importorskip("detect_secrets", reason="needs the extra `audit`")
    (tmp_path / "notes.txt").write_text(
        "-----BEGIN RSA " + "PRIVATE KEY-----\nhttps://me:" + "word@host.test/\n"
    )
    found = secrets_in(tmp_path, "notes.txt")
    assert sorted(found["notes.txt"]) == ["Basic Auth Credentials", "Private Key"]
