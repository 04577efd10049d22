from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from punkdata.errors import DataError
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import load_split
from punkmodels.gan.evaluation.report import GeneratorEvaluation, format_markdown, score_table
from punkmodels.gan.evaluation.sprites import evaluate_sprites


@pytest.fixture(scope="module")
def sprites(built_root: Path) -> torch.Tensor:
    """120 sprites: each training punk, the same with a changed row, and some again."""
    real = load_split(built_root, "latest", "default", "train").images
    changed = real.clone()
    changed[:, 0, 0] = 7
    return torch.cat([real, changed, real])[:120]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def result(sprites: torch.Tensor, built_root: Path, out: Path) -> GeneratorEvaluation:
    raw = to_rgba(sprites, color_table())
    raw[:, 0, 5, 5] += 20 / 127.5
    return evaluate_sprites("generated", raw, built_root, out=out)


def test_scores_describe_the_sprites(result: GeneratorEvaluation, built_root: Path) -> None:
    num_train = len(load_split(built_root, "latest", "default", "train"))
    assert (result.num_samples, result.num_subsets) == (120, 1)
    assert result.scores.palette_validity == pytest.approx(575 / 576, abs=0.001)
    assert result.scores.alpha_validity == 1
    assert result.scores.train_copy_rate <= (120 - num_train) / 120
    assert result.scores.frechet_distance is None, "120 sprites are less than a subset"


def test_references_are_held_out_and_training_punks(result: GeneratorEvaluation) -> None:
    assert result.test_reference.train_copy_rate == 0
    assert result.train_reference.train_copy_rate == 1
    assert 0 <= result.expected_copy_rate <= 1


def test_scores_are_averaged_over_subsets(sprites: torch.Tensor, built_root: Path) -> None:
    raw = to_rgba(torch.cat([sprites, sprites]), color_table())
    result = evaluate_sprites("generated", raw, built_root, subset_size=100)
    assert (result.num_samples, result.num_subsets) == (200, 2)
    assert result.scores.frechet_distance is not None
    assert result.frechet_std > 0


def test_results_are_written_as_json_table_and_image(
    result: GeneratorEvaluation, out: Path
) -> None:
    assert json.loads((out / "metrics.json").read_text())["source"] == "generated"
    page = (out / "metrics.md").read_text()
    assert page == format_markdown(result)
    assert "| recall |" in page
    with Image.open(out / "nearest_neighbors.png") as image:
        assert image.size == (16 * 96, 6 * 96)


def test_table_has_a_column_per_source_and_the_references(result: GeneratorEvaluation) -> None:
    head, *body = score_table(result, result)
    assert head == ("score", "generated", "generated", "test reference", "train reference")
    assert body[0][:4] == ("Fréchet distance", "-", "-", "-")


def test_too_few_sprites_are_refused(built_root: Path) -> None:
    with pytest.raises(DataError, match="99 sprites"):
        evaluate_sprites("generated", torch.zeros(99, 4, 24, 24), built_root)
