from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.punkmodels_cli import run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("runs")
    options = ("--root", built_root, "--runs", folder, "--epochs", 1, "--threads", 1)
    assert run("train", "classifier", *options) == 0
    return folder


def test_training_prints_the_run_folder(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--epochs", 1, "--seed", 3)
    assert run("train", "classifier", *options) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "00001-classifier-quick")
    assert ", 1 epoch\n" in err
    assert "\nusing " in err
    assert re.search(r"trained 1 epoch in \d+:\d\d: val exact match \d\.\d{3}\n", err)
    assert "next: punkmodels evaluate" in err


def test_train_without_a_model_trains_the_classifier(
    built_root: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUNKDATA_ROOT", str(built_root))
    assert run("train") == 0
    err = capsys.readouterr().err
    assert "training the classifier with the preset quick" in err
    assert "for a generator: punkmodels train label-sets" in err
    assert (tmp_path / "runs" / "00001-classifier-quick" / "checkpoints").is_dir()


def test_set_changes_options_and_names_wrong_ones(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--epochs", 1, "--threads", 1, "--json")
    small = ("--set", "width=4", "--set", "hidden=8", "--set", "visible_only=false")
    assert run("train", "classifier", *options, *small) == 0
    config = json.loads(capsys.readouterr().out)["config"]
    assert (config["width"], config["hidden"], config["visible_only"]) == (4, 8, False)
    assert run("train", "classifier", *options, "--set", "width=wide") == 2
    err = capsys.readouterr().err
    assert "width = wide: must be an integer" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("model", ["classifier", "dcgan", "renderer"])
def test_set_refuses_what_is_no_training_option(model: str, root: Path, capsys: Capture) -> None:
    for name in ("root", "runs", "version", "threads", "resume", "logger"):
        assert run("train", model, "--root", root, "--set", f"{name}=1") == 2
        assert f"use --{name} instead of --set" in capsys.readouterr().err
    assert run("train", model, "--root", root, "--set", "progress=1") == 2
    assert "there is no training option progress" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [("--epochs", 8), ("--version", "latest"), ("--set", "width=32")], ids=str
)
def test_a_resumed_run_accepts_no_other_options(
    option: tuple[object, ...], built_root: Path, runs: Path, capsys: Capture
) -> None:
    resume = ("--runs", runs, "--root", built_root, "--resume", "latest")
    assert run("train", "classifier", *resume, *option) == 2
    assert "keeps its own options" in capsys.readouterr().err


def test_resuming_a_finished_run_says_so(built_root: Path, runs: Path, capsys: Capture) -> None:
    assert run("train", "classifier", "--runs", runs, "--root", built_root, "--resume", 1) == 0
    assert "is already finished" in capsys.readouterr().err


def test_phases_of_the_set_up_are_announced(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run("train", "classifier", "--root", built_root, "--runs", tmp_path, "--epochs", 1) == 0
    lines = capsys.readouterr().err.splitlines()
    phases = ["training: loading data", "training: choosing threads and precision"]
    assert [line for line in lines if line in phases] == phases


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from punkdata.cli import console
from punkmodels.cli.app import app

signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell may ignore it.

def interrupt():
    while not list(Path(sys.argv[2]).glob("*/checkpoints/step_*")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
options = ["--root", sys.argv[1], "--runs", sys.argv[2], "--threads", "1", "--epochs", "90000"]
small = ["--set", "width=4", "--set", "hidden=8", "--set", "batch_size=16"]
sys.exit(console.run(app, "punkmodels", ["train", "classifier", *options, *small]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_shows_the_command_to_resume(built_root: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", INTERRUPTED, str(built_root), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    (stopped,) = runs.iterdir()
    resume = f"punkmodels train classifier --resume {stopped} --root {built_root}"
    assert done.stderr.splitlines()[-1] == f"error: stopped; resume with: {resume}"
