from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from support.gan import CPU, small_config, train_quickly
from support.network import Fetch
from support.snapshots import fetch_and_build

from punkdata import PunkDataset
from punkdata.errors import DataError, UsageError
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.gan.config import make_config
from punkmodels.gan.evaluate import (
    draw_nearest_neighbors,
    evaluate_generator,
    evaluate_other_images,
    evaluate_sprites,
)
from punkmodels.gan.generate import generate_images, load_generator
from punkmodels.gan.networks import Generator, ImageShape
from punkmodels.gan.reference import RealPunks
from punkmodels.gan.training_images import from_image_dir
from punkmodels.training.run_dir import Evaluation


@pytest.fixture(scope="module")
def real(built_root: Path) -> RealPunks:
    return RealPunks(built_root)


@pytest.fixture(scope="module")
def sprites(real: RealPunks) -> torch.Tensor:
    """120 sprites: each training punk, the same with a changed row, and some again."""
    changed = real.split.images.clone()
    changed[:, 0, 0] = 7
    return torch.cat([real.split.images, changed, real.split.images])[:120]


@pytest.fixture(scope="module")
def evaluation(sprites: torch.Tensor, real: RealPunks) -> Evaluation:
    rgba = to_rgba(sprites, color_table())
    rgba[:, 0, 5, 5] += 20 / 127.5
    return evaluate_sprites("generated", rgba, real)


def test_progress_ends_with_all_subsets(sprites: torch.Tensor, real: RealPunks) -> None:
    calls: list[tuple[Any, ...]] = []
    rgba = to_rgba(sprites, color_table())
    evaluate_sprites("generated", rgba, real, progress=lambda *call: calls.append(call))
    assert [call[:2] for call in calls] == [(0, 1), (0, 1), (1, 1)]


def test_scores_describe_the_sprites(evaluation: Evaluation, real: RealPunks) -> None:
    scores = evaluation.scores["generated"]
    assert (evaluation.scores["num_samples"], evaluation.scores["num_subsets"]) == (120, 1)
    assert scores["palette_validity"] == pytest.approx(575 / 576, abs=0.001)
    assert scores["alpha_validity"] == 1
    assert scores["train_copy_rate"] <= (120 - len(real.split)) / 120
    assert "frechet_distance" not in scores, "120 sprites are less than a subset"
    assert evaluation.scores["test_reference"]["train_copy_rate"] == 0
    assert evaluation.scores["train_reference"]["train_copy_rate"] == 1
    assert evaluation.scores["test_reference"]["held_out_copy_rate"] == 1
    assert evaluation.scores["train_reference"]["held_out_copy_rate"] == 0
    # The labels of these punks do not determine all pixels, and a changed row is not legal.
    legal_distance = evaluation.scores["test_reference"]["legal_distance_px_mean"]
    assert 0 < legal_distance < scores["legal_distance_px_mean"]
    assert scores["legal_rate"] < 1


def test_the_ratio_of_copies_is_explained(real: RealPunks) -> None:
    num_train = len(real.split)
    copies = torch.cat([real.split.images, real.reference.sprites])
    sprites = torch.cat([copies, copies])
    evaluation = evaluate_sprites("generated", sprites, real)
    scores = evaluation.scores["generated"]
    assert scores["train_copy_rate"] == pytest.approx(num_train / len(copies))
    assert scores["held_out_copy_rate"] == pytest.approx(1 - num_train / len(copies))
    ratio = f"{num_train / real.num_held_out:.1f}"
    table = evaluation.tables[0].to_text()
    counts = f"{2 * num_train} : {2 * real.num_held_out} ({ratio} : 1)"
    assert f"Train copies : held-out copies = {counts}. A generator" in table
    assert f"has about {ratio} : 1, because there are {num_train}" in table
    no_copies = evaluate_sprites("generated", torch.zeros_like(sprites), real)
    assert "held-out copies = 0 : 0. A generator" in no_copies.tables[0].to_text()


def test_reference_is_the_chosen_split(built_root: Path, sprites: torch.Tensor) -> None:
    sizes, other_frequencies = {}, {}
    for split in ("val", "test", "held-out"):
        real = RealPunks(built_root, split=split)
        sizes[split] = len(real.reference.sprites)
        evaluation = evaluate_sprites("generated", sprites, real)
        assert evaluation.scores["split"] == split
        assert evaluation.scores["num_held_out"] == real.num_held_out
        other_frequencies[split] = evaluation.scores["label_frequencies"]
    assert sizes["held-out"] == sizes["val"] + sizes["test"]
    assert other_frequencies["val"] != other_frequencies["test"]
    assert (
        "with the test split of"
        in evaluate_sprites("generated", sprites, RealPunks(built_root, split="test"))
        .tables[0]
        .to_markdown()
    )


def test_palette_indices_have_the_scores_of_their_colors(
    sprites: torch.Tensor, real: RealPunks
) -> None:
    indices = evaluate_sprites("generated", sprites, real).scores
    assert indices == evaluate_sprites("generated", to_rgba(sprites, color_table()), real).scores


def test_scores_are_averaged_over_subsets(sprites: torch.Tensor, real: RealPunks) -> None:
    types = torch.eye(5).expand(40, -1, -1).flatten(0, 1)
    evaluation = evaluate_sprites(
        "generated", torch.cat([sprites, sprites]), real, requested_types=types, subset_size=100
    )
    scores = evaluation.scores
    assert (scores["num_samples"], scores["num_subsets"]) == (200, 2)
    assert scores["generated"]["frechet_distance"] > 0
    assert 0 <= scores["generated"]["type_accuracy"] < 1, "a fifth of the sprites should be Aliens"


def test_results_are_saved_as_json_table_and_image(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    scores = json.loads((tmp_path / "metrics.json").read_text())
    assert scores["generated"] == evaluation.scores["generated"]
    page = (tmp_path / "metrics.md").read_text()
    assert "| score | generated | test reference | train reference |" in page
    assert "| Fréchet distance |" not in page
    assert "There are no distances" in page
    with Image.open(tmp_path / "nearest_neighbors.png") as image:
        assert image.size == (16 * 96, 6 * 96)


def test_too_few_sprites_are_refused(real: RealPunks) -> None:
    with pytest.raises(DataError, match="number of sprites in generated: 99"):
        evaluate_sprites("generated", torch.zeros(99, 4, 24, 24), real)


def test_nearest_neighbors_are_drawn_below_the_images() -> None:
    images = torch.arange(1, 101, dtype=torch.uint8)[:, None, None].expand(-1, 24, 24)
    distance = torch.arange(100) // 2  # Rows 0 and 1 are copies.
    grid = draw_nearest_neighbors(images, images, 99 - torch.arange(100), distance)
    expected = draw_nearest_neighbors(images, images, torch.arange(100), distance)
    rows = [
        np.asarray(g.convert("RGB")).reshape(6, 96, 16, 96, 3)[:, 0, :, 0] for g in (grid, expected)
    ]
    assert np.array_equal(rows[0][0], rows[1][0])
    assert np.array_equal(rows[1][0], rows[1][1]), "each image is its own neighbor"
    assert not np.array_equal(rows[0][1], rows[1][1])


def test_generator_conditioned_on_types_has_a_type_accuracy(
    built_root: Path, tmp_path: Path
) -> None:
    config = small_config(conditional="type")
    run = train_quickly(built_root, tmp_path, config)
    evaluation = evaluate_generator(run, built_root, subset_size=20)
    assert 0 <= evaluation.scores["generated"]["type_accuracy"] <= 1
    assert "type accuracy" in evaluation.tables[0].to_text()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(file, images=(load_digits().images * 15).astype(np.uint8))
    return file


@pytest.fixture(scope="module")
def digits_run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = make_config(image_dir=str(digits), total_images=32 * 300, model={"width": 16})
    runs = tmp_path_factory.mktemp("runs")
    return train_quickly(runs, runs, config, num_samples=200)


def test_training_on_digits_lowers_the_frechet_distance(digits_run: Path, digits: Path) -> None:
    train = from_image_dir(digits)
    config = make_config(image_dir=str(digits), model={"width": 16})
    untrained = [Generator(config, ImageShape(1, 8, 8)).eval() for _ in range(3)]
    evaluations = [
        evaluate_other_images(generate_images(model, 400, 0, is_punks=False), train)
        for model in (load_generator(digits_run, CPU), *untrained)
    ]
    trained, *others = [e.scores["generated"]["frechet_distance"] for e in evaluations]
    assert trained < 0.9 * min(others)
    assert evaluations[0].tables[0].header == ("score", "generated", "train reference")


def test_scores_of_other_images_rank_real_ones_above_noise(digits: Path) -> None:
    train = from_image_dir(digits)
    noise = torch.randint(0, 256, train.images[:800].shape, dtype=torch.uint8)
    result = evaluate_other_images(noise, train).scores
    bad, good = result["generated"], result["train_reference"]
    assert good["frechet_distance"] < bad["frechet_distance"]
    assert (good["train_copy_rate"], bad["train_copy_rate"]) == (1.0, 0.0)
    assert good["precision"] > 0.5 > bad["precision"]
    assert good["recall"] > 0.5 > bad["recall"]
    repeated = evaluate_other_images(train.images[:1].expand(800, -1, -1, -1), train)
    assert repeated.scores["generated"]["duplicate_rate"] == pytest.approx(1 - 1 / 800)
    assert repeated.scores["generated"]["recall"] < 0.1


def test_changed_images_are_refused(digits_run: Path, digits: Path, built_root: Path) -> None:
    original = digits.read_bytes()
    try:
        np.savez(digits, images=np.zeros((99, 8, 8), np.uint8))
        with pytest.raises(DataError, match="differ from those that"):
            evaluate_generator(digits_run, built_root)
        with pytest.raises(UsageError, match="images that have no splits"):
            evaluate_generator(digits_run, built_root, split="val")
    finally:
        digits.write_bytes(original)


def test_a_small_sample_says_how_many_punks_are_needed(fetch: Fetch, new_root: Path) -> None:
    snapshot = fetch_and_build(fetch, new_root, limit=20)
    few = min(len(PunkDataset(new_root, split=split)) for split in ("val", "test"))
    assert few < 6, "the sample must be small"
    with pytest.raises(DataError, match="nearest neighbors need at least 6 in each split"):
        RealPunks(snapshot.path)
