from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawing import DrawnPunk, png_bytes
from PIL import Image

from punkdata import terminal
from punkmodels import cli, dcgan, evaluate_gan, generate
from punkmodels import train_dcgan as training

Capture = pytest.CaptureFixture[str]
SMALL = ("--width", 4, "--images-seen", 64, "--threads", 1)


def run(*args: object) -> int:
    return terminal.run(cli.app, "punkmodels", [str(a) for a in args])


@pytest.fixture(scope="module", autouse=True)
def quick_looks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOOKS", 2)
        patch.setattr(training, "DRAWN", 64)
        patch.setattr(dcgan, "BATCHES", 5)
        patch.setattr(generate, "BATCH", 100)
        patch.setattr(evaluate_gan, "DRAW", 100)
        yield


@pytest.fixture(scope="module")
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    assert run("train", "dcgan", "--root", built_root, "--runs", folder, *SMALL) == 0
    return folder


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
    assert json.loads(capsys.readouterr().out)["config"]["w_size"] == 0


def test_an_encoder_can_be_had_beside_matching(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--json", *SMALL)
    asked = ("--conditional", "labels", "--tone")
    for more, size in (((), 0), (("--encoder",), 64)):
        assert run("train", "dcgan", *options, *asked, *more) == 0
        config = json.loads(capsys.readouterr().out)["config"]
        assert (config["matching"], config["w_size"]) == (True, size)


def test_the_generator_that_comes_along_and_is_asked_is_scored_by_name(
    built_root: Path, capsys: Capture
) -> None:
    assert run("evaluate", "bundled-labels", "--root", built_root) == 0
    assert "the very punk" in capsys.readouterr().out


def test_latest_is_the_latest_of_its_kind(
    runs: Path, tmp_path: Path, punks: list[DrawnPunk], capsys: Capture
) -> None:
    picture = tmp_path / "punk.png"
    picture.write_bytes(png_bytes(punks[0].sprite))
    assert run("predict", picture, "--model", "latest", "--runs", runs) == 2
    assert "holds no run yet" in capsys.readouterr().err


def test_a_grid_or_a_folder_is_drawn(runs: Path, tmp_path: Path, capsys: Capture) -> None:
    mine = ("--model", "latest", "--runs", runs)
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


def test_a_run_and_a_folder_are_scored_by_the_same_command(
    runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", runs)
    assert run("evaluate", "latest", *options) == 0
    out, err = capsys.readouterr()
    for name in ("Fréchet distance", "recall", "exact copies", "perfect generator", "floor"):
        assert name in out
    written = next(runs.iterdir()) / "evaluation" / "generated"
    assert str(written) in err
    assert {p.name for p in written.iterdir()} == {"scores.json", "scores.md", "neighbours.png"}
    folder = tmp_path / "drawings"
    mine = ("--model", "latest", "--runs", runs)
    assert run("generate", "--count", 120, "--out", folder, *mine) == 0
    capsys.readouterr()
    assert run("evaluate", folder, "--json", *options) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["source"], told["sprites"]) == ("drawings", 100)  # one draw


def test_a_generator_is_exported_with_its_scores(
    runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "weights"
    assert run("export", "latest", "--out", out, "--root", built_root, "--runs", runs) == 0
    assert "punkmodels generate --model" in capsys.readouterr().err
    config = json.loads((out / "config.json").read_text())
    assert config["scores"]["scores"]["copies"] <= 1
    assert {p.name for p in out.iterdir()} == {"config.json", "weights.safetensors"}
    assert run("generate", "--model", out, "--out", tmp_path / "grid.png") == 0


def test_a_resumed_run_keeps_its_options(built_root: Path, runs: Path, capsys: Capture) -> None:
    options = ("train", "dcgan", "--resume", "latest", "--root", built_root, "--runs", runs)
    assert run(*options) == 0
    assert "finished already" in capsys.readouterr().err
    assert run(*options, "--gamma", 3) == 2
    assert "keeps its own options" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("generate", "--model", "7"), "no run 7"),
        (("generate", "--count", "100000"), "too large"),
        (("train", "dcgan", "--recipe", "classic", "--gamma", "1"), "no penalties"),
        (("train", "dcgan", "--tone"), "add --conditional labels"),
        (("train", "dcgan", "--matching"), "--matching is of a conditional generator"),
        (
            ("train", "dcgan", "--conditional", "type", "--matching", "--head", "rgba"),
            "--matching is of the palette head",
        ),
        (
            ("train", "dcgan", "--recipe", "classic", "--encoder"),
            "--encoder is of the palette head",
        ),
        (("train", "dcgan", "--network", "mlp", "--head", "palette"), "an mlp draws any colour"),
        (
            ("train", "dcgan", "--network", "mlp", "--conditional", "type"),
            "nothing that is asked for; leave out --conditional",
        ),
        (("generate", "--type", "Ape", "--model", "latest"), "cannot be asked for anything"),
        (("generate", "--model", "bundled-labels"), "draws what it is asked for"),
        (("generate", "--count", "0"), "--count"),
        (("train", "dcgan", "--recipe", "wgan"), "not one of"),
        (("evaluate", "nowhere.png"), "no run nowhere.png"),
        (("evaluate", "latest", "--split", "val"), "leave out --split"),
        (("evaluate", "latest", "--tile", "48"), "leave out --tile"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    args: tuple[str, ...], told: str, runs: Path, capsys: Capture
) -> None:
    assert run(*args, "--runs", runs) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.strip().splitlines()) == 1


def test_every_command_has_an_example(capsys: Capture) -> None:
    for command in (("train", "dcgan"), ("generate",)):
        assert run(*command, "--help") == 0
        assert "Example: punkmodels" in capsys.readouterr().out
