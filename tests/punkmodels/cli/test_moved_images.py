"""A run of images other than punks can be resumed and evaluated after the images were moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.gan import interrupt_training
from support.punkmodels_cli import run

import punkmodels
from punkdata.errors import DataError, UsageError
from punkmodels.gan.config import make_config
from punkmodels.training.run_dir import read_config

Capture = pytest.CaptureFixture[str]


def write_images(file: Path, seed: int = 0) -> Path:
    images = np.random.default_rng(seed).integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(file, digits=images, others=images[::-1])
    return file


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted, and whose training images were moved. Read-only."""
    folder = tmp_path_factory.mktemp("images")
    images = write_images(folder / "old.npz")
    config = make_config(
        image_dir=str(images), image_array="digits", total_images=256, model={"width": 4}
    )
    path = interrupt_training(folder, folder / "runs", config)
    images.rename(folder / "new.npz")
    return path


@pytest.fixture
def runs(stopped: Path, tmp_path: Path) -> Path:
    """A folder with a copy of the run, and the images next to it."""
    shutil.copytree(stopped, tmp_path / "runs" / stopped.name)
    shutil.copy(stopped.parents[1] / "new.npz", tmp_path)
    return tmp_path / "runs"


def test_moved_images_are_found_again_by_an_option(runs: Path, capsys: Capture) -> None:
    new = runs.with_name("new.npz")
    for command in (["train", "dcgan", "--resume", "latest"], ["evaluate", "latest"]):
        assert run(*command, "--runs", runs) == 2
        err = capsys.readouterr().err
        assert "old.npz' with the images that " in err
        assert "if they were moved, pass their new location with --image-dir" in err
    assert run("evaluate", "latest", "--image-dir", new, "--runs", runs) == 0
    resume = ("train", "dcgan", "--resume", "latest", "--runs", runs)
    assert run(*resume, "--image-dir", new) == 0
    (path,) = runs.iterdir()
    assert read_config(path)["options"]["image_dir"] == str(new)
    # The run remembers the new location.
    assert run(*resume) == 0
    assert "already finished" in capsys.readouterr().err
    assert run("evaluate", "generator", "latest", "--runs", runs) == 0


def test_other_images_are_refused(runs: Path) -> None:
    other = write_images(runs.with_name("other.npz"), seed=1)
    (path,) = runs.iterdir()
    with pytest.raises(DataError, match=r"other\.npz' differ from those that .* was trained on"):
        punkmodels.train_dcgan(runs=runs, resume="latest", image_dir=other, progress=False)
    with pytest.raises(DataError, match=r"other\.npz' differ"):
        punkmodels.open_run(path).evaluate(image_dir=other, progress=False)
    assert read_config(path)["options"]["image_dir"].endswith("old.npz")


def test_a_resumed_run_keeps_its_other_options(runs: Path, capsys: Capture) -> None:
    options = ("--image-dir", runs.with_name("new.npz"), "--image-array", "others")
    assert run("train", "dcgan", "--resume", "latest", *options, "--runs", runs) == 2
    assert "remove all options except --resume, --logger, --image-dir," in capsys.readouterr().err


def test_runs_of_punks_have_no_other_images(generator_runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was trained on punks; remove image_dir="):
        punkmodels.open_run("latest", generator_runs).evaluate(image_dir=tmp_path)
    with pytest.raises(UsageError, match="was trained on punks; remove image_dir="):
        punkmodels.train_dcgan(runs=generator_runs, resume="latest", image_dir=tmp_path)
    with pytest.raises(UsageError, match="was trained on punks; remove image_dir="):
        punkmodels.open_run("bundled-classifier").evaluate(image_dir=tmp_path)


def test_an_array_is_chosen_for_training_and_evaluation(tmp_path: Path, capsys: Capture) -> None:
    file = write_images(tmp_path / "a.npz")
    train = ("train", "dcgan", "--image-dir", file, "--total-images", 64, "--runs", tmp_path)
    assert run(*train) == 2
    assert "has several arrays: digits, others; name one of them with --image-array" in (
        capsys.readouterr().err
    )
    assert run(*train, "--image-array", "others", "--threads", 1) == 0
    assert f"60 gray images of 8x8 in {file}, array others" in capsys.readouterr().err
    assert run("train", "dcgan", "--image-array", "others", "--runs", tmp_path) == 2
    assert "--image-array requires --image-dir" in capsys.readouterr().err


def test_sprites_are_chosen_from_several_arrays(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    sprites = np.random.default_rng(0).integers(0, 256, (100, 24, 24, 4), np.uint8)
    np.savez(tmp_path / "a.npz", real=sprites[:1], fake=sprites)
    command = ("evaluate", "images", tmp_path / "a.npz", "--root", built_root)
    assert run(*command) == 2
    assert "name one of them with --image-array" in capsys.readouterr().err
    assert run(*command, "--image-array", "fake") == 0
    assert run("evaluate", "images", tmp_path, "--image-array", "a", "--root", built_root) == 2
    assert "--image-array requires a .npz file" in capsys.readouterr().err
