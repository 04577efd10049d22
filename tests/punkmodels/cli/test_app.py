from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.punkmodels_cli import run

from punkmodels.cli.app import main

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("evaluate",), "no run found in"),
        (("evaluate", "5"), "no run '5'"),
        (("evaluate", "classifier", "--split", "train"), "not one of"),
        (("predict",), "Missing argument"),
        (("predict", "x.png"), "does not exist"),
        (("train", "--resume", "latest"), "No such option"),
        (("train", "classifier"), "no complete snapshot"),
        (("train", "classifier", "--device", "abacus"), "not one of"),
        (("train", "classifier", "--epochs", "0"), "--epochs"),
        (
            ("train", "classifier", "--augment-fraction", "1"),
            "--augment-fraction requires --augment-with",
        ),
        (("train", "classifier", "--resume", "latest"), "no classifier run found in"),
        (
            ("train", "classifier", "--preset", "best", "--model", "ridge"),
            "only available for --model mlp",
        ),
        (("train", "gpt"), "No such command"),
        (("evalute",), "error: No such command 'evalute'; did you mean 'evaluate'?\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    args: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.removeprefix("training: loading data\n").count("\n") == 1
    assert message in err


def test_processes_of_punkmodels_do_not_inherit_the_api_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSEA_API_KEY", "a-key-that-no-model-needs")  # pragma: allowlist secret
    monkeypatch.setattr(sys, "argv", ["punkmodels", "runs", "--runs", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert "OPENSEA_API_KEY" not in os.environ


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("train",),
        ("tune",),
        ("runs",),
        ("train", "classifier"),
        ("train", "dcgan"),
        ("train", "renderer"),
        ("tune", "classifier"),
        ("evaluate",),
        ("evaluate", "classifier"),
        ("evaluate", "generator"),
        ("evaluate", "images"),
        ("export",),
        ("predict",),
        ("generate",),
        ("options",),
    ],
    ids=" ".join,
)
def test_help_of_every_command_has_an_example(command: tuple[str, ...], capsys: Capture) -> None:
    assert run(*command, "--help") == 0
    out = capsys.readouterr().out
    assert " ".join(("Example: punkmodels", *command)) in out
    assert "<bool>" not in out
    assert "--help" in out


def test_version_is_printed(capsys: Capture) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("punkmodels ")


def test_package_can_be_run_as_a_module() -> None:
    command = [sys.executable, "-m", "punkmodels", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "predict" in done.stdout
