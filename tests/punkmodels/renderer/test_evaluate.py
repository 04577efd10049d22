from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punkdata.traits import LABELS
from punkmodels.data.splits import load_split
from punkmodels.renderer.evaluate import (
    PixelRules,
    draw_samples,
    evaluate_renderer,
    recall_per_label,
)
from punkmodels.training.run_dir import Evaluation

MALE, FEMALE, PIPE, MOLE = (LABELS.index(name) for name in ("Male", "Female", "Pipe", "Mole"))


@pytest.fixture(scope="module")
def evaluation(trained: Path, built_root: Path) -> Evaluation:
    return evaluate_renderer(trained, built_root)


def test_every_held_out_punk_is_rendered_once(evaluation: Evaluation, built_root: Path) -> None:
    val, test = (load_split(built_root, "latest", "default", name) for name in ("val", "test"))
    unseen, seen = evaluation.scores["unseen"], evaluation.scores["seen"]
    assert unseen["num_samples"] + seen["num_samples"] == len(val) + len(test)
    assert 0 <= unseen["pixel_exact_match"] <= seen["pixel_exact_match"] <= 1
    for scores in (unseen, seen):
        is_exact = scores["pixel_exact_match"] == 1
        assert is_exact == (scores["wrong_pixels_mean"] == 0)
    names = [row["label"] for row in evaluation.scores["labels"]]
    assert len(set(names)) == len(names)
    assert evaluation.scores["suites"] == {}, "the labels of these punks do not determine them"


def test_conditions_are_those_of_the_chosen_split(trained: Path, built_root: Path) -> None:
    for split in ("val", "test"):
        scores = evaluate_renderer(trained, built_root, split=split).scores
        count = len(load_split(built_root, "latest", "default", split))
        assert scores["split"] == split
        assert scores["unseen"]["num_samples"] + scores["seen"]["num_samples"] == count


def test_results_are_saved_as_json_tables_and_image(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == evaluation.scores
    page = (tmp_path / "metrics.md").read_text()
    assert "| score | unseen | seen |" in page
    assert "Pixel rules decide " in page
    with Image.open(tmp_path / "conditional_samples.png") as image:
        assert image.height % 96 == 0


def test_drawn_samples_show_wrong_pixels_in_red(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "val")
    expected = split.images[:2]
    rendered = expected.clone()
    rendered[1, 3, 4] = 9 if expected[1, 3, 4] != 9 else 8
    image = draw_samples(split.labels[:2], torch.tensor([0, 3]), rendered, expected)
    tiles = image.crop((image.width - 96, 0, image.width, image.height))
    rgb = torch.from_numpy(np.asarray(tiles).astype(int))
    is_red = (rgb[..., 0] > 150) & (rgb[..., 1] < 80)
    assert not is_red[:96].any()
    assert is_red[96:].nonzero().tolist() == [[12 + y, 16 + x] for y in range(4) for x in range(4)]


def make_punk(*labels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a sprite and its labels.

    Each label has a pixel of its own, except a mole, which has none; the pipes of male and of
    female punks have different pixels.
    """
    sprite, row = torch.zeros(24, 24, dtype=torch.uint8), torch.zeros(92, dtype=torch.bool)
    for label in labels:
        row[label] = True
        if label != MOLE:
            sprite[5 + (label == PIPE and MALE in labels), label % 24] = 7
    return sprite, row


LABEL_SETS = ((MALE,), (FEMALE,), (MALE, PIPE), (FEMALE, PIPE), (MALE, MOLE))
SPRITES, VISIBLE = (
    torch.stack(column) for column in zip(*(make_punk(*s) for s in LABEL_SETS), strict=True)
)


def test_pixel_rules_decide_labels_with_pixels_of_their_own() -> None:
    rules = PixelRules(SPRITES, VISIBLE)
    assert rules.decidable.nonzero()[:, 0].tolist() == sorted([MALE, FEMALE, PIPE])
    predicted = rules.predict(SPRITES)
    assert torch.equal(predicted[:, rules.decidable], VISIBLE[:, rules.decidable])
    blank = torch.zeros(1, 24, 24, dtype=torch.uint8)
    assert not rules.predict(blank).any()
    without_mark = SPRITES.clone()
    without_mark[2, 6, PIPE % 24] = 0
    assert not rules.predict(without_mark)[2, PIPE]


def test_recall_per_label_is_sorted_by_recall() -> None:
    predicted = VISIBLE.clone()
    predicted[2, PIPE] = predicted[4, MOLE] = False
    rows = [tuple(row.values()) for row in recall_per_label(VISIBLE, predicted)]
    assert rows == [("Mole", 1, 0.0), ("Pipe", 2, 0.5), ("Female", 2, 1.0), ("Male", 3, 1.0)]
