from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from support.gan import small_config, train_quickly
from support.punkmodels_cli import run

import punkmodels
from punkmodels.renderer.config import make_config
from punkmodels.renderer.train import train_renderer

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: a GAN that is conditioned on the type, and a renderer."""
    folder = tmp_path_factory.mktemp("runs")
    train_quickly(built_root, folder, small_config(conditional="type"))
    train_renderer(built_root, folder, make_config(total_images=64))
    return folder


def test_grid_has_the_given_scale(generator_runs: Path, tmp_path: Path, capsys: Capture) -> None:
    grid = tmp_path / "grid.png"
    model = ("--model", "latest", "--runs", generator_runs)
    assert run("generate", "--count", 9, "--out", grid, "--scale", 1, *model) == 0
    assert capsys.readouterr().out.strip() == str(grid)
    with Image.open(grid) as image:
        assert image.size == (72, 72)


def test_folder_has_an_index_and_is_not_overwritten(
    generator_runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    model = ("--model", "latest", "--runs", generator_runs)
    folder = tmp_path / "generated"
    assert run("generate", "--count", 3, "--out", folder, "--seed", 5, "--json", *model) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["count"], result["seed"], result["path"]) == (3, 5, str(folder))
    index = json.loads((folder / "index.json").read_text())
    assert index["images"] == ["00000.png", "00001.png", "00002.png"]
    assert run("generate", "--count", 3, "--out", folder, *model) == 2
    assert "is not empty" in capsys.readouterr().err


def test_traits_are_recorded_in_the_index(runs: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "generated"
    traits = ("--type", "male", "--accessory", "Pipe", "--accessory", "vr", "--skin-tone", 2)
    options = ("--count", 3, "--out", out, "--json", "--model", "latest", "--runs", runs)
    assert run("generate", *traits, *options) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["type"], result["accessories"]) == ("male", ["Pipe", "vr"])
    assert result["skin_tone"] == 2
    assert json.loads((out / "index.json").read_text())["type"] == "male"
    assert len(list(out.glob("*.png"))) == 3


def test_type_changes_the_sprites(runs: Path, tmp_path: Path) -> None:
    options = ("--model", 1, "--runs", runs, "--count", 4, "--scale", 1)
    assert run("generate", "--type", "Ape", "--out", tmp_path / "ape.png", *options) == 0
    assert run("generate", "--type", "Female", "--out", tmp_path / "female.png", *options) == 0
    with Image.open(tmp_path / "ape.png") as ape, Image.open(tmp_path / "female.png") as female:
        assert ape.size == female.size == (48, 48)
        assert ape.tobytes() != female.tobytes()


def test_labels_from_generates_one_sprite_per_punk(
    runs: Path, built_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "generated"
    options = ("--model", "latest", "--runs", runs, "--root", built_root, "--out", out)
    assert run("generate", "--labels-from", "latest:val", *options) == 0
    index = json.loads((out / "index.json").read_text())
    assert index["labels_from"] == "latest:val"
    assert len(index["images"]) > 1


def test_impossible_traits_can_be_allowed(runs: Path, tmp_path: Path) -> None:
    traits = ("--type", "Female", "--accessory", "Goat", "--allow-impossible")
    options = ("--model", "latest", "--runs", runs, "--out", tmp_path / "grid.png")
    assert run("generate", *traits, *options) == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "is conditional; add --type"),
        (("--accessory", "Pipe"), "the type is missing; add --type"),
        (("--type", "Ape", "--accessory", "Pipe,VR"), "each: --accessory Pipe --accessory VR"),
        (("--type", "Robot"), 'no type "Robot"'),
        (("--type", "Female", "--accessory", "Goat"), "add --allow-impossible"),
        (("--type", "Zombie", "--skin-tone", 1), "have a skin tone; leave out --skin-tone"),
        (("--labels-from", "test"), "for example latest:test"),
        (("--labels-from", "latest:foo"), "choose train, val, test or all"),
        (("--labels-from", "latest:test", "--type", "Ape"), "already sets type and accessories"),
        (("--type", "Ape", "--accessory", "Pipe", "--model", 1), "conditioned on the type only"),
        (("--model", "7"), "no run '7'"),
        (("--model", "bundled-conditional"), "is conditional"),
        (("--count", "100000", "--model", "bundled"), "too large"),
        (("--count", "0"), "--count"),
        (("--out", "grid.jpg"), "is not a .png file"),
    ],
)
def test_wrong_option_prints_one_line_and_exits_with_2(
    args: tuple[object, ...], message: str, runs: Path, capsys: Capture
) -> None:
    model = () if "--model" in args else ("--model", "latest")
    assert run("generate", *args, *model, "--runs", runs) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_unconditional_run_refuses_traits(generator_runs: Path, capsys: Capture) -> None:
    model = ("--model", "latest", "--runs", generator_runs)
    assert run("generate", "--type", "Ape", *model) == 2
    assert "is unconditional; use --model bundled to" in capsys.readouterr().err


def generate(out: Path, *args: object) -> bytes:
    """Return the pixels of a grid of the bundled generator."""
    assert run("generate", *args, "--scale", 1, "--out", out) == 0
    with Image.open(out) as image:
        return image.tobytes()


def test_other_traits_are_sampled_given_some(tmp_path: Path) -> None:
    grid, traits = tmp_path / "grid.png", ("--type", "zombie", "--accessory", "pipe")
    sampled = generate(grid, *traits, "--count", 9)
    assert sampled == generate(grid, *traits, "--count", 9, "--seed", 0)
    assert sampled != generate(grid, *traits, "--count", 9, "--seed", 1)
    assert generate(grid, "--type", "Ape") != generate(grid, "--type", "Ape", "--novel")


def test_only_draws_exactly_the_given_traits(tmp_path: Path) -> None:
    out, drawn = tmp_path / "sprites", punkmodels.draw("Zombie", "Pipe", scale=1)
    traits = ("--type", "Zombie", "--accessory", "Pipe")
    assert run("generate", *traits, "--only", "--out", out) == 0
    with Image.open(out / "00000.png") as image:
        assert image.convert("RGBA").tobytes() == drawn.tobytes()
    assert json.loads((out / "index.json").read_text())["only"] is True


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--accessory", "Tiara", "--accessory", "Goat"), "no punk can wear Tiara and Goat"),
        (("--type", "Ape", "--skin-tone", 2), "have a skin tone; leave out --skin-tone"),
        (("--only",), "the type is missing; add --type"),
        (("--only", "--novel", "--type", "Ape"), "leave out --novel, or --only"),
        (("--type", "Female", "--accessory", "Goat", "--allow-impossible"), "add --only"),
        (("--novel", "--model", "bundled-gan"), "which --novel needs; use --model bundled"),
        (("--only", "--model", "bundled-gan"), "which --only needs; use --model bundled"),
        (("--type", "Female", "--accessory", "Goat", "--only"), "add --allow-impossible"),
    ],
)
def test_traits_of_the_bundled_generator_are_checked(
    args: tuple[object, ...], message: str, capsys: Capture
) -> None:
    assert run("generate", *args) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
