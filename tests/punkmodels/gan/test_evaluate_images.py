from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from punkdata.cli import console
from punkdata.errors import DataError
from punkmodels.cli import app
from punkmodels.gan import networks
from punkmodels.gan import train as training
from punkmodels.gan.config import (
    build_generator,
    load_generator,
    make_config,
    read_dcgan_config,
)
from punkmodels.gan.evaluate_images import compare, evaluate_images
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.train import train_dcgan
from punkmodels.gan.training_images import pictures
from punkmodels.training.checkpoint import CheckpointMetadata, load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics

CPU = torch.device("cpu")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def quick_looks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOOKS", 4)
        patch.setattr(training, "DRAWN", 200)
        patch.setattr(networks, "BATCHES", 5)
        yield


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(file, images=load_digits().images)
    return file


@pytest.fixture(scope="module")
def run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = make_config(trains_on_punks=False, total_images=32 * 300, width=16)
    runs = tmp_path_factory.mktemp("runs")
    return train_dcgan(runs, runs, config, threads=1, pictures=digits)


def test_a_generator_learns_digits(run: Path, digits: Path) -> None:
    assert len(read_metrics(run)) == 4
    train, real = pictures(digits), pictures(digits).images[:400]
    untrained = build_generator(read_dcgan_config(run).options, torch.zeros(0)).eval()
    trained_at, untrained_at = (
        compare(train, real, generate_sprites(G, 400, 0, of_punks=False)[0]).frechet_distance
        for G in (load_generator(run, CPU), untrained)
    )
    assert trained_at < untrained_at / 2
    options = read_config(run)["options"]
    assert (options["channels"], options["side"], options["trains_on_punks"]) == (1, 8, False)
    assert (options["translate_px"], options["cutout_px"]) == (0, 2), "in proportion to 24"
    sprites, raw = generate_sprites(load_generator(run, CPU), 9, 0, of_punks=False)
    assert (sprites.shape, sprites.dtype, raw.shape) == ((9, 1, 8, 8), torch.uint8, (9, 1, 8, 8))
    with Image.open(run / "training.gif") as film:
        assert film.n_frames >= 2
    with Image.open(run / "reals.png") as picture:
        assert picture.size == (8 * 8 * 4, 8 * 8 * 4)
    assert pictures(digits).about == read_config(run)["data"]


def test_a_stopped_run_goes_on_without_being_told_where_the_pictures_are(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("quick", "classic", trains_on_punks=False, total_images=128 * 4, width=4)
    whole = train_dcgan(tmp_path, tmp_path / "whole", config, threads=1, pictures=digits)
    real, lines = training.append_metrics, []

    def stop_at_the_third(run: Path, line: dict[str, object]) -> None:
        lines.append(line)
        if len(lines) == 3:
            raise KeyboardInterrupt
        real(run, line)

    with monkeypatch.context() as patch:
        patch.setattr(training, "append_metrics", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            train_dcgan(tmp_path, tmp_path / "runs", config, threads=1, pictures=digits)
    (run,) = (tmp_path / "runs").iterdir()
    train_dcgan(tmp_path, tmp_path / "runs", config, resume=run)
    one, other = (load_checkpoint(r, CheckpointMetadata)[0] for r in (whole, run))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("side", "channels", "network"),
    [(28, 1, "dcgan"), (32, 3, "mlp"), (9, 4, "dcgan")],
)
def test_any_size_is_learned(side: int, channels: int, network: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, channels, side, side), np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    config = make_config(
        trains_on_punks=False, network=network, total_images=64, width=2, batch_size=16, z_dim=4
    )
    run = train_dcgan(tmp_path, tmp_path, config, threads=1, pictures=tmp_path / "a.npy")
    drawn = generate_sprites(load_generator(run, CPU), 2, 0, of_punks=False)[0]
    assert drawn.shape == (2, channels, side, side)


def test_scores_tell_good_drawings_from_bad(digits: Path) -> None:
    train = pictures(digits)
    one, other = train.images[:800], train.images[800:1600]
    good, copied = compare(train, one, other), compare(train, one, one)
    noise = torch.randint(0, 256, other.shape, dtype=torch.uint8)
    bad = compare(train, one, noise)
    assert copied.frechet_distance < good.frechet_distance < bad.frechet_distance
    assert (good.train_copy_rate, bad.train_copy_rate) == (1.0, 0.0), "they are of training"
    assert good.precision > 0.5 > bad.precision
    assert good.recall > 0.5 > bad.recall
    repeated = compare(train, one, one[:1].expand(800, -1, -1, -1))
    assert repeated.duplicate_rate == pytest.approx(1 - 1 / 800)
    assert repeated.recall < 0.1


def test_pictures_that_have_changed_are_named(run: Path, digits: Path, tmp_path: Path) -> None:
    kept = digits.read_bytes()
    try:
        np.savez(digits, images=load_digits().images[::-1])
        with pytest.raises(DataError, match="holds other pictures than"):
            evaluate_images(run)
    finally:
        digits.write_bytes(kept)


def cli_run(*args: object) -> int:
    return console.run(app.app, "punkmodels", [str(a) for a in args])


def test_the_commands_take_other_pictures(
    run: Path, digits: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--total-images", 64, "--width", 2, "--threads", 1, "--runs", tmp_path / "runs")
    assert cli_run("train", "dcgan", "--image-dir", digits, *options) == 0
    out, err = capsys.readouterr()
    made = out.strip()
    assert f"1,797 gray pictures of 8x8 in {digits}, in which 16 is white, 64 images on" in err
    assert cli_run("generate", "--model", made, "--out", tmp_path / "a.png", "--count", 4) == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (64, 64)
    assert cli_run("generate", "--model", made, "--out", tmp_path / "all", "--count", 4) == 0
    with Image.open(tmp_path / "all" / "00003.png") as picture:
        assert (picture.mode, picture.size) == ("L", (8, 8))
    capsys.readouterr()
    assert cli_run("evaluate", run) == 0
    out, err = capsys.readouterr()
    assert "Fréchet distance" in out
    assert f"898 drawn beside as many of {digits}" in out
    with Image.open(run / "evaluation" / "generated" / "nearest_neighbors.png") as picture:
        assert picture.size == (16 * 8 * 4, 4 * 8 * 4)
    assert cli_run("evaluate", run, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["train_reference"]["train_copy_rate"] == 1.0
    assert cli_run("export", run, "--out", tmp_path / "weights") == 0
    assert cli_run("generate", "--model", tmp_path / "weights", "--out", tmp_path / "b.png") == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--image-dir", "nowhere"), "nowhere is not there; name a folder of PNGs"),
        (("--image-dir", "x", "--conditional", "labels"), "no palette and no labels are known"),
        (("--image-dir", "x", "--head", "palette"), "leave out --conditional, --head"),
        (("--image-dir", "1000"), "1000 is not there"),
    ],
)
def test_wrong_input_is_one_line(
    more: tuple[str, ...], told: str, tmp_path: Path, capsys: Capture
) -> None:
    assert cli_run("train", "dcgan", *more, "--runs", tmp_path) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.strip().splitlines()) == 1
