from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.sprites import FakePunk, png_bytes

from punkdata.cli import console
from punkmodels.cli import app

Capture = pytest.CaptureFixture[str]
SMALL = ("--width", 4, "--total-images", 64, "--threads", 1)
pytestmark = pytest.mark.usefixtures("quick_looks")


def run(*args: object) -> int:
    return console.run(app.app, "punkmodels", [str(a) for a in args])


def test_training_prints_the_run_and_what_comes_next(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--recipe", "classic", *SMALL)
    assert run("train", "dcgan", *options) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "00001-dcgan-classic-quick")
    assert "64 images on" in err
    assert "next: punkmodels generate --model" in err


@pytest.mark.parametrize("other", [("--head", "rgba"), ("--no-encoder",)])
def test_the_modern_recipe_trains_without_an_encoder(
    other: tuple[str, ...], built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--json", *other, *SMALL)
    assert run("train", "dcgan", *options) == 0
    assert json.loads(capsys.readouterr().out)["config"]["w_dim"] == 0


def test_an_encoder_can_be_had_beside_matching(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--json", *SMALL)
    condition = ("--conditional", "labels", "--skin-tone")
    for more, size in (((), 0), (("--encoder",), 64)):
        assert run("train", "dcgan", *options, *condition, *more) == 0
        config = json.loads(capsys.readouterr().out)["config"]
        assert (config["pixel_loss"], config["w_dim"]) == (True, size)


def test_latest_is_the_latest_of_its_kind(
    generator_runs: Path, tmp_path: Path, punks: list[FakePunk], capsys: Capture
) -> None:
    picture = tmp_path / "punk.png"
    picture.write_bytes(png_bytes(punks[0].sprite))
    assert run("predict", picture, "--model", "latest", "--runs", generator_runs) == 2
    assert "no run found in" in capsys.readouterr().err


def test_a_grid_or_a_folder_is_drawn(generator_runs: Path, tmp_path: Path, capsys: Capture) -> None:
    mine = ("--model", "latest", "--runs", generator_runs)
    grid = tmp_path / "grid.png"
    assert run("generate", "--count", 9, "--out", grid, "--scale", 1, *mine) == 0
    assert capsys.readouterr().out.strip() == str(grid)
    with Image.open(grid) as picture:
        assert picture.size == (72, 72)
    folder = tmp_path / "drawings"
    assert run("generate", "--count", 3, "--out", folder, "--seed", 5, "--json", *mine) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["count"], told["seed"], told["path"]) == (3, 5, str(folder))
    index = json.loads((folder / "index.json").read_text())
    assert index["images"] == ["00000.png", "00001.png", "00002.png"]
    assert run("generate", "--count", 3, "--out", folder, *mine) == 2
    assert "is not empty" in capsys.readouterr().err
    assert run("generate", "--out", "grid.jpg", *mine) == 2
    assert "is no .png" in capsys.readouterr().err


def test_a_resumed_run_keeps_its_options(
    built_root: Path, generator_runs: Path, capsys: Capture
) -> None:
    options = (
        "train",
        "dcgan",
        "--resume",
        "latest",
        "--root",
        built_root,
        "--runs",
        generator_runs,
    )
    assert run(*options) == 0
    assert "finished already" in capsys.readouterr().err
    assert run(*options, "--r1-gamma", 3) == 2
    assert "keeps its own options" in capsys.readouterr().err


def test_what_cannot_be_compiled_is_told_before_anything_is_made(
    built_root: Path, tmp_path: Path
) -> None:
    options = (
        "--total-images",
        32,
        "--width",
        2,
        "--threads",
        1,
        "--compile",
        "--root",
        built_root,
    )
    command = [sys.executable, "-m", "punkmodels", "train", "dcgan", *map(str, options)]
    environment = {"CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [*command, "--runs", str(tmp_path / "runs")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "error: --compile does not work here" in done.stderr
    assert "leave it out, or install a C++ compiler" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("generate", "--model", "7"), "no run 7"),
        (("generate", "--count", "100000"), "too large"),
        (("train", "dcgan", "--recipe", "classic", "--r1-gamma", "1"), "no penalties"),
        (("train", "dcgan", "--skin-tone"), "add --conditional labels"),
        (("train", "dcgan", "--pixel-loss"), "--pixel-loss is of a conditional generator"),
        (
            ("train", "dcgan", "--conditional", "type", "--pixel-loss", "--head", "rgba"),
            "--pixel-loss is of the palette head",
        ),
        (
            ("train", "dcgan", "--recipe", "classic", "--encoder"),
            "--encoder is of the palette head",
        ),
        (("train", "dcgan", "--network", "mlp", "--head", "palette"), "an mlp draws any color"),
        (
            ("train", "dcgan", "--network", "mlp", "--conditional", "type"),
            "nothing that is asked for; leave out --conditional",
        ),
        (("generate", "--type", "Ape", "--model", "latest"), "cannot be asked for anything"),
        (("generate", "--model", "bundled-conditional"), "draws what it is asked for"),
        (("generate", "--count", "0"), "--count"),
        (("train", "dcgan", "--recipe", "wgan"), "not one of"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    args: tuple[str, ...], told: str, generator_runs: Path, capsys: Capture
) -> None:
    assert run(*args, "--runs", generator_runs) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.strip().splitlines()) == 1


def test_every_command_has_an_example(capsys: Capture) -> None:
    for command in (("train", "dcgan"), ("generate",)):
        assert run(*command, "--help") == 0
        assert "Example: punkmodels" in capsys.readouterr().out
