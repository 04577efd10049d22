from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from support.punkmodels_cli import run
from support.sprites import FakePunk, png_bytes

Capture = pytest.CaptureFixture[str]


def test_training_prints_the_run_and_the_next_commands(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--recipe", "mlp", "--total-images", 64, "--set", "model.width=4", "--threads", 1)
    assert run("train", "dcgan", *options, "--root", built_root, "--runs", tmp_path) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "00001-mlp-quick")
    assert "64 images\n" in err
    assert re.search(r"trained on 64 images in \d+:\d\d: Fréchet distance \d+\.\d{3}\n", err)
    assert "next: punkmodels generate --model" in err


def test_json_output_has_the_options(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    options = ("--recipe", "vae-gan", "--total-images", 32, "--threads", 1, "--json")
    options += ("--set", "model.w_dim=3")
    assert run("train", "dcgan", *options, "--root", built_root, "--runs", tmp_path) == 0
    assert json.loads(capsys.readouterr().out)["config"]["model"]["w_dim"] == 3


def test_latest_ignores_runs_of_another_task(
    generator_runs: Path, tmp_path: Path, punks: list[FakePunk], capsys: Capture
) -> None:
    image = tmp_path / "punk.png"
    image.write_bytes(png_bytes(punks[0].sprite))
    assert run("predict", image, "--model", "latest", "--runs", generator_runs) == 2
    assert "no classifier run found" in capsys.readouterr().err


def test_resumed_run_refuses_other_options(
    built_root: Path, generator_runs: Path, capsys: Capture
) -> None:
    options = ("--resume", "latest", "--root", built_root, "--runs", generator_runs)
    assert run("train", "dcgan", *options) == 0
    assert "already finished" in capsys.readouterr().err
    for more in (("--set", "loss.r1_gamma=3"), ("--recipe", "vae-gan")):
        assert run("train", "dcgan", *options, *more) == 2
        assert "keeps its own options" in capsys.readouterr().err


def test_image_dir_run_is_sampled_evaluated_and_exported(tmp_path: Path, capsys: Capture) -> None:
    digits = tmp_path / "digits.npz"
    np.savez(digits, images=load_digits().images / 16)
    options = ("--total-images", 64, "--threads", 1, "--runs", tmp_path / "runs")
    assert run("train", "dcgan", "--image-dir", digits, *options) == 0
    out, err = capsys.readouterr()
    trained = out.strip()
    assert f"1,797 gray images of 8x8 in {digits}, 64 images\n" in err
    assert run("generate", "--model", trained, "--out", tmp_path / "a.png", "--count", 4) == 0
    with Image.open(tmp_path / "a.png") as grid:
        assert grid.size == (64, 64)
    assert run("generate", "--model", trained, "--out", tmp_path / "all", "--count", 4) == 0
    with Image.open(tmp_path / "all" / "00003.png") as image:
        assert (image.mode, image.size) == ("L", (8, 8))
    capsys.readouterr()
    assert run("evaluate", trained) == 0
    out = capsys.readouterr().out
    assert "Fréchet distance" in out
    assert "898 generated images, compared with one half of 1,797 gray images" in out
    assert str(digits) in out
    with Image.open(Path(trained) / "evaluation/generated/nearest_neighbors.png") as image:
        assert image.size == (16 * 8 * 4, 6 * 8 * 4)
    assert run("evaluate", trained, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["train_reference"]["train_copy_rate"] == 1.0
    assert run("export", trained, "--out", tmp_path / "weights") == 0
    assert run("generate", "--model", tmp_path / "weights", "--out", tmp_path / "b.png") == 0


def test_compile_without_a_compiler_fails_before_a_run_is_created(
    built_root: Path, tmp_path: Path
) -> None:
    options = ("--total-images", 32, "--threads", 1, "--compile")
    folders = ("--root", built_root, "--runs", tmp_path / "runs")
    command = [sys.executable, "-m", "punkmodels", "train", "dcgan", *map(str, options + folders)]
    environment = {"CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "error: --compile does not work on this machine" in done.stderr
    assert "leave it out, or install a C++ compiler" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--recipe", "dcgan", "--set", "loss.r1_gamma=1"), "no gradient penalties"),
        (("--recipe", "modern"), "not one of 'vae-gan', 'adversarial', 'dcgan', 'mlp'"),
        (("--recipe", "vae-gan", "--set", "model.w_dim=0"), "choose --recipe adversarial"),
        (("--recipe", "adversarial", "--set", "model.w_dim=9"), "has no encoder"),
        (("--set", "image_dir=x"), "use --image-dir instead of --set"),
        (("--conditional", "labels"), "not one of"),
        (("--recipe", "wgan"), "not one of"),
        (("--image-dir", "missing"), "there is no file or folder '"),
        (
            ("--image-dir", "x", "--conditional", "type"),
            "--image-dir cannot be combined with --conditional",
        ),
    ],
)
def test_wrong_option_prints_one_line_and_exits_with_2(
    args: tuple[str, ...], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run("train", "dcgan", *args, "--runs", tmp_path) == 2
    err = capsys.readouterr().err
    assert message in err
    assert [line for line in err.splitlines() if line.startswith("error: ")] == err.splitlines()[
        -1:
    ]
