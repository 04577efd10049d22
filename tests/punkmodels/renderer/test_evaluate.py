from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punkmodels.data.splits import load_split
from punkmodels.renderer.evaluate import (
    ConditionalEvaluation,
    evaluate_conditional,
    format_markdown,
    render_conditional_samples,
    score_table,
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conditional")


@pytest.fixture(scope="module")
def result(trained: Path, built_root: Path, out: Path) -> ConditionalEvaluation:
    return evaluate_conditional(trained, built_root, out=out)


def test_every_held_out_punk_is_rendered_once(
    result: ConditionalEvaluation, built_root: Path
) -> None:
    val, test = (load_split(built_root, "latest", "default", name) for name in ("val", "test"))
    assert result.unseen.num_samples + result.seen.num_samples == len(val) + len(test)
    assert result.unseen.label_sets <= result.unseen.num_samples
    assert 0 <= result.unseen.pixel_exact_match <= result.seen.pixel_exact_match <= 1
    names = [label for label, _, _ in result.labels]
    assert len(set(names)) == len(names)


def test_results_are_written_as_json_table_and_image(
    result: ConditionalEvaluation, out: Path
) -> None:
    saved = json.loads((out / "metrics.json").read_text())
    assert saved["unseen"]["pixel_exact_match"] == result.unseen.pixel_exact_match
    page = (out / "metrics.md").read_text()
    assert page == format_markdown(result)
    assert "| score | unseen | seen |" in page
    assert all(len(row) == 3 for row in score_table(result))
    with Image.open(out / "conditional_samples.png") as image:
        assert image.height % 96 == 0


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
