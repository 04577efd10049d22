from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.gan import train_quickly

from punkmodels.data.splits import load_split
from punkmodels.gan.config import make_config
from punkmodels.gan.evaluation.conditional import (
    ConditionalEvaluation,
    evaluate_conditional,
    format_markdown,
    render_conditional_samples,
    score_table,
)
from punkmodels.gan.trainer.evaluation import EvaluationOptions

SMALL = {"width": 4, "z_dim": 8, "head_channels": 4}
ONE_EVALUATION = EvaluationOptions(num_evaluations=1, num_samples=64, num_norm_batches=20)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conditional")


@pytest.fixture(scope="module")
def result(built_root: Path, out: Path) -> ConditionalEvaluation:
    """Evaluation of a generator that was trained with the pixel loss only."""
    options = {"total_images": 8000, "adversarial_start": 1.0, "lr": 5e-3, **SMALL}
    config = make_config(conditional="labels", skin_tone=True, **options)
    run = train_quickly(built_root, out / "runs", config, ONE_EVALUATION)
    return evaluate_conditional(run, built_root, num_samples=40, out=out / "conditional")


def test_pixel_loss_trains_sprites_close_to_the_ground_truth(
    result: ConditionalEvaluation,
) -> None:
    assert result.unseen.wrong_pixels_mean < 120, "of 576"
    assert 0 <= result.unseen.pixel_exact_match <= 1


def test_seen_and_unseen_label_sets_have_equal_sample_sizes(result: ConditionalEvaluation) -> None:
    assert (result.unseen.num_samples, result.seen.num_samples) == (40, 40)
    assert result.unseen.label_sets <= 40
    assert result.skin_tone
    names = [label for label, _, _ in result.labels]
    assert len(set(names)) == len(names)


def test_results_are_written_as_json_table_and_image(
    result: ConditionalEvaluation, out: Path
) -> None:
    saved = json.loads((out / "conditional" / "metrics.json").read_text())
    assert saved["unseen"]["pixel_exact_match"] == result.unseen.pixel_exact_match
    page = (out / "conditional" / "metrics.md").read_text()
    assert page == format_markdown(result)
    assert "| score | unseen | seen |" in page
    assert "The conditions include the skin tone." in page
    assert all(len(row) == 3 for row in score_table(result))
    with Image.open(out / "conditional" / "conditional_samples.png") as image:
        assert image.height % 96 == 0


def test_without_a_skin_tone_the_closest_tone_is_compared(built_root: Path, tmp_path: Path) -> None:
    config = make_config(conditional="labels", total_images=64, **SMALL)
    run = train_quickly(built_root, tmp_path, config)
    result = evaluate_conditional(run, built_root, num_samples=20)
    assert not result.skin_tone
    assert "compared with the closest of the four skin tones" in format_markdown(result)


def test_rendered_samples_show_wrong_pixels_in_red(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "val")
    expected = split.images[:2]
    generated = expected.clone()
    generated[1, 3, 4] = 9 if expected[1, 3, 4] != 9 else 8
    labels, skin_tones = split.labels[:2].bool(), torch.tensor([0, 3])
    image = render_conditional_samples(labels, skin_tones, generated, expected)
    tiles = image.crop((image.width - 96, 0, image.width, image.height))
    rgb = torch.from_numpy(np.asarray(tiles).astype(int))
    is_red = (rgb[..., 0] > 150) & (rgb[..., 1] < 80)
    assert not is_red[:96].any()
    assert is_red[96:].nonzero().tolist() == [[12 + y, 16 + x] for y in range(4) for x in range(4)]
