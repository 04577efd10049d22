"""Log records of both packages, and the option --verbose that shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import run
from support.network import InstantSleep
from support.opensea_server import KEY, OpenSeaServer

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("args", [("-vv", "fetch"), ("fetch", "-vv"), ("fetch", "-v", "--verbose")])
@pytest.mark.usefixtures("opensea_environment")
def test_debug_shows_every_request_but_not_the_key(
    args: tuple[str, ...], tmp_path: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.images = {5: 503}
    assert run(*args, "--limit", 10, "--root", tmp_path, sleep=InstantSleep()) == 6
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("DEBUG")]
    requests = [line for line in lines if line.split()[2] in ("GET", "POST")]
    assert len(requests) == len(server.log)
    assert "/api/v2/collections/cryptopunks: status 200, " in err
    assert f"INFO punkdata.fetch: recording to {tmp_path}" in err
    assert any("attempt 1 of GET" in line and "status 503" in line for line in lines)
    assert KEY not in out + err


@pytest.mark.parametrize(
    ("option", "levels"), [((), set()), (("-v",), {"INFO"}), (("--verbose",), {"INFO"})]
)
def test_log_is_shown_only_with_the_option(
    option: tuple[str, ...], levels: set[str], root: Path, sdist_sha256: str, capsys: Capture
) -> None:
    assert run("build-dataset", "--root", root, *option, sdist_sha256=sdist_sha256) == 0
    lines = capsys.readouterr().err.splitlines()
    assert {line.split()[0] for line in lines if " punkdata." in line} == levels


def test_libraries_log_nothing_by_default() -> None:
    code = (
        "import logging, punkdata, punkmodels\n"
        "for name in ('punkdata.fetch', 'punkmodels.training'):\n"
        "    logging.getLogger(name).error('not shown')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
