from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from support.gan import CPU, interrupt_training, train_quickly

from punkdata.errors import DataError
from punkmodels.gan.config import build_generator, load_generator, make_config, read_dcgan_config
from punkmodels.gan.evaluation.images import evaluate_images, score_images
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.trainer.evaluation import EvaluationOptions
from punkmodels.gan.training_images import from_image_dir
from punkmodels.training.legacy_checkpoint import CheckpointMetadata, load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics

TWO_EVALUATIONS = EvaluationOptions(num_evaluations=2, num_samples=200, num_norm_batches=5)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(file, images=load_digits().images)
    return file


@pytest.fixture(scope="module")
def run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the digits. Read-only."""
    config = make_config(trains_on_punks=False, total_images=32 * 300, width=16)
    runs = tmp_path_factory.mktemp("runs")
    return train_quickly(runs, runs, config, TWO_EVALUATIONS, image_dir=digits)


def test_training_on_digits_lowers_the_frechet_distance(run: Path, digits: Path) -> None:
    train = from_image_dir(digits)
    untrained = build_generator(read_dcgan_config(run).options, torch.zeros(0)).eval()
    trained_distance, untrained_distance = (
        score_images(
            train, train.images[:400], generate_sprites(model, 400, 0, is_punks=False)[0]
        ).frechet_distance
        for model in (load_generator(run, CPU), untrained)
    )
    assert trained_distance < untrained_distance / 2


def test_options_are_scaled_to_the_images(run: Path) -> None:
    options = read_config(run)["options"]
    assert (options["channels"], options["image_size"]) == (1, 8)
    assert not options["trains_on_punks"]
    assert (options["translate_px"], options["cutout_px"]) == (0, 2), "in proportion to 24 pixels"


def test_run_contains_images_in_the_format_of_the_training_images(run: Path, digits: Path) -> None:
    assert len(read_metrics(run)) == 2
    images, raw = generate_sprites(load_generator(run, CPU), 9, 0, is_punks=False)
    assert (images.shape, images.dtype, raw.shape) == ((9, 1, 8, 8), torch.uint8, (9, 1, 8, 8))
    with Image.open(run / "training.gif") as animation:
        assert animation.n_frames >= 2
    with Image.open(run / "reals.png") as grid:
        assert grid.size == (8 * 8 * 4, 8 * 8 * 4)
    assert from_image_dir(digits).data_config == read_config(run)["data"]


def test_resumed_run_reads_its_images_from_the_saved_path(digits: Path, tmp_path: Path) -> None:
    config = make_config("quick", "classic", trains_on_punks=False, total_images=128 * 4, width=4)
    run = interrupt_training(tmp_path, tmp_path / "runs", config, image_dir=digits)
    train_quickly(tmp_path, tmp_path / "runs", config, resume=run)
    assert load_checkpoint(run, CheckpointMetadata)[1].finished


@pytest.mark.parametrize(
    ("image_size", "channels", "network"),
    [(28, 1, "dcgan"), (32, 3, "mlp"), (9, 4, "dcgan")],
)
def test_training_supports_other_sizes_and_channels(
    image_size: int, channels: int, network: str, tmp_path: Path
) -> None:
    shape = (24, channels, image_size, image_size)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    config = make_config(
        trains_on_punks=False, network=network, total_images=64, width=2, batch_size=16, z_dim=4
    )
    run = train_quickly(tmp_path, tmp_path, config, image_dir=tmp_path / "a.npy")
    images = generate_sprites(load_generator(run, CPU), 2, 0, is_punks=False)[0]
    assert images.shape == (2, *shape[1:])


def test_scores_rank_real_images_above_noise(digits: Path) -> None:
    train = from_image_dir(digits)
    real, other = train.images[:800], train.images[800:1600]
    noise = torch.randint(0, 256, other.shape, dtype=torch.uint8)
    identical, good, bad = (score_images(train, real, images) for images in (real, other, noise))
    assert identical.frechet_distance < good.frechet_distance < bad.frechet_distance
    assert (good.train_copy_rate, bad.train_copy_rate) == (1.0, 0.0)
    assert good.precision > 0.5 > bad.precision
    assert good.recall > 0.5 > bad.recall


def test_repeated_image_raises_duplicates_and_lowers_recall(digits: Path) -> None:
    train = from_image_dir(digits)
    real = train.images[:800]
    scores = score_images(train, real, real[:1].expand(800, -1, -1, -1))
    assert scores.duplicate_rate == pytest.approx(1 - 1 / 800)
    assert scores.recall < 0.1


def test_changed_images_are_refused(run: Path, digits: Path) -> None:
    original = digits.read_bytes()
    try:
        np.savez(digits, images=load_digits().images[::-1])
        with pytest.raises(DataError, match="are not those that"):
            evaluate_images(run)
    finally:
        digits.write_bytes(original)
