from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from punkdata.errors import DataError
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import load_split
from punkmodels.gan.evaluate import (
    GeneratorEvaluation,
    evaluate_sprites,
    markdown,
    rows,
)


@pytest.fixture(scope="module")
def sprites(built_root: Path) -> torch.Tensor:
    """120 sprites: every training punk, and the same with a pixel changed."""
    real = load_split(built_root, "latest", "default", "train").images
    other = real.clone()
    other[:, 0, 0] = 7
    return torch.cat([real, other, real])[:120]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def result(sprites: torch.Tensor, built_root: Path, out: Path) -> GeneratorEvaluation:
    raw = to_rgba(sprites, color_table())
    raw[:, 0, 5, 5] += 20 / 127.5
    return evaluate_sprites("drawings", raw, built_root, out=out)


def test_scores_are_of_what_was_drawn(
    result: GeneratorEvaluation, sprites: torch.Tensor, built_root: Path
) -> None:
    train = len(load_split(built_root, "latest", "default", "train"))
    assert (result.sprites, result.draws) == (120, 1)
    assert result.scores.palette_validity == pytest.approx(575 / 576, abs=0.001)
    assert result.scores.alpha_validity == 1
    assert result.scores.train_copy_rate <= (120 - train) / 120
    assert result.scores.frechet_distance is None, "120 are fewer than a draw"
    assert result.test_reference.train_copy_rate == 0
    assert result.train_reference.train_copy_rate == 1
    assert 0 <= result.expected_copy_rate <= 1


def test_it_is_written_as_json_table_and_picture(result: GeneratorEvaluation, out: Path) -> None:
    assert json.loads((out / "metrics.json").read_text())["source"] == "drawings"
    page = (out / "metrics.md").read_text()
    assert page == markdown(result)
    assert "| recall |" in page
    with Image.open(out / "nearest_neighbors.png") as picture:
        assert picture.size == (16 * 96, 6 * 96)


def test_two_sources_stand_side_by_side(result: GeneratorEvaluation) -> None:
    head, *body = rows(result, result)
    assert head == ("score", "drawings", "drawings", "test reference", "train reference")
    assert body[0][:4] == ("Fréchet distance", "-", "-", "-")


def test_too_few_sprites_are_refused(built_root: Path) -> None:
    with pytest.raises(DataError, match="99 sprites"):
        evaluate_sprites("drawings", torch.zeros(99, 4, 24, 24), built_root)
