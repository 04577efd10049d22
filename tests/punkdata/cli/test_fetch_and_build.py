"""Sequences of commands, and the next command that each suggests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import run
from support.opensea_server import OpenSeaServer
from support.sales_events import paid, sale_event

from punkdata.sources.recording import list_recordings

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("opensea_environment")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_diff_reports_changes_and_exits_with_7(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    versions = []
    for _ in range(2):
        assert run("fetch", "--root", root) == 0
        assert run("build-dataset", "--json", "--root", root) == 0
        out = capsys.readouterr().out
        versions.append(json.loads(out[out.index("{") :])["version"])
        server.sales.append(sale_event(7, 1_640_000_000, paid("12.5")))
    old, new = versions
    assert run("diff", old, new, "--root", root) == 0
    out = capsys.readouterr().out
    assert "1 added, 0 removed" in out
    assert "-> 12.5" in out
    assert run("diff", old, "latest", "--exit-code", "--root", root) == 7
    assert f"{old} and {new} differ" in capsys.readouterr().err
    assert run("diff", new, "--exit-code", "--root", root) == 0
    capsys.readouterr()
    assert run("diff", old, new, "--json", "--root", root) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["differ"], report["rows"]["sales"]["added"]) == (True, 1)
    assert report["changed"]["last_sale_eth"]["7"][1] == 12.5
    assert run("diff", "s1-000000000000", "latest", "--root", root) == 2


def test_build_warns_about_a_newer_unfinished_recording(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    assert run("fetch", "--limit", 5, "--root", root) == 0
    server.limit = 2
    assert run("fetch", "--max-wait", "0", "--root", root) == 5
    capsys.readouterr()
    assert run("build-dataset", "--root", root) == 0
    err = capsys.readouterr().err
    first, second = list_recordings(root)
    assert f"built from '{first.path}'; the newer '{second.path}' is unfinished" in err.replace(
        "\n", " "
    )


def test_unfinished_fetch_is_suggested_for_resuming(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.limit = 2
    assert run("fetch", "--max-wait", "0", "--root", root) == 5
    capsys.readouterr()
    for command in ("build-dataset", "info"):
        assert run(command, "--root", root) == 2
        err = capsys.readouterr().err
        assert (
            "resume the unfinished recording with: punkdata fetch --source opensea "
            f"--base-url {server.base_url} --root {root}" in err
        )
    server.limit = None
    assert run("fetch", "--root", root) == 0
    assert run("info", "--root", root) == 2
    assert f"create one with: punkdata build-dataset --root {root}" in capsys.readouterr().err


def test_sample_does_not_replace_the_latest_snapshot(root: Path, capsys: Capture) -> None:
    assert run("fetch", "--root", root) == 0
    assert run("build-dataset", "--root", root) == 0
    assert run("fetch", "--limit", 5, "--root", root) == 0
    capsys.readouterr()
    assert run("build-dataset", "--root", root) == 0
    out, err = capsys.readouterr()
    sample = Path(out.strip()).name
    assert "latest is still s3-" in err
    assert f"next: punkdata verify {sample} --root {root}" in err
    assert run("verify", sample, "--root", root) == 0
    note = "not checked: not the full collection (sample, 5 of 5 punks)"
    assert f"--   known totals  {note}" in capsys.readouterr().out
    assert run("verify", out.strip()) == 0
    assert run("list", "--root", root) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        "latest",
        "sample",
    ]
