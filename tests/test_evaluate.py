from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import DrawnPunk, png_bytes

from punkdata import PunkDataset
from punkdata.errors import DataError, ImageError
from punkdata.traits import LABELS, encode_labels
from punkmodels.classifier_run import ClassifierConfig
from punkmodels.evaluate import Prediction, evaluate_classifier, predict_images, score
from punkmodels.runs import read_config
from punkmodels.train_classifier import train_classifier

CPU = torch.device("cpu")
CONFIG = ClassifierConfig(
    epochs=60, batch_size=16, code=8, width=16, hidden=64, noise_share=0.0, ema_half_life_epochs=0.1
)


@pytest.fixture(scope="module")
def run(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), CONFIG)


def test_scores_are_written_beside_the_weights(run: Path, built_root: Path) -> None:
    result = evaluate_classifier(run, built_root, "val")
    assert json.loads((run / "evaluation" / "val.json").read_text()) == json.loads(
        json.dumps(result.to_json())
    )
    assert result.punks == len(PunkDataset(built_root, split="val"))
    assert len(result.labels) == 92
    gains = [row.gain for row in result.labels]
    assert gains == sorted(gains)


def test_perfect_logits_score_1_everywhere_and_zero_support_is_said() -> None:
    truth = np.stack([encode_labels("Ape", ["Pipe"]), encode_labels("Male", [])]) > 0
    logits = torch.from_numpy(np.where(truth, 5.0, -5.0))
    result = score(truth, logits, run="r", split="test", version="v", epochs=1, finished=True)
    assert result.exact_match == result.micro_f1 == result.macro_f1 == result.type_accuracy == 1
    assert result.macro_average_precision == 1
    assert result.labels_with_support == 3
    rows = {row.label: row for row in result.labels}
    assert (rows["Ape"].recall, rows["Ape"].precision, rows["Ape"].gain) == (1, 1, 0.5)
    assert (rows["Alien"].support, rows["Alien"].average_precision, rows["Alien"].gain) == (
        0,
        None,
        0,
    )


def test_one_wrong_accessory_costs_the_exact_match_of_its_punk() -> None:
    truth = np.stack([encode_labels("Male", ["Pipe"]), encode_labels("Male", [])]) > 0
    logits = torch.from_numpy(np.where(truth, 5.0, -5.0))
    logits[1, LABELS.index("Beanie")] = 1.0
    result = score(truth, logits, run="r", split="test", version="v", epochs=1, finished=True)
    assert result.exact_match == 0.5
    assert result.labels[0].label == "Beanie"
    assert result.labels[0].gain == -0.5


def test_a_run_is_not_scored_on_punks_it_may_have_trained_on(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    config = read_config(other)
    config["data"]["labels_hash"] = "0" * 64
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="other labels or splits.*punkmodels train"):
        evaluate_classifier(other, built_root, "test")


@pytest.mark.parametrize("scale", [1, 14])
@pytest.mark.parametrize("background", [None, "#638596"])
def test_a_picture_is_told_in_words_whatever_its_size_and_background(
    run: Path, punks: list[DrawnPunk], tmp_path: Path, scale: int, background: str | None
) -> None:
    shown = punks[:8]
    paths = []
    for punk in shown:
        path = tmp_path / f"{punk.punk_id}.png"
        path.write_bytes(png_bytes(punk.sprite, scale, background, "RGB" if background else "RGBA"))
        paths.append(path)
    right = 0
    for punk, found in zip(shown, predict_images(run, paths, CPU), strict=True):
        assert isinstance(found, Prediction)
        assert set(found.scores) == set(LABELS)
        assert all(0 <= p <= 1 for p in found.scores.values())
        assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
        right += found.type == punk.type and list(found.accessories) == punk.accessories
    assert right >= 6


def test_a_bad_picture_between_good_ones_is_named_and_stops_nothing(
    run: Path, punks: list[DrawnPunk], tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(png_bytes(punks[0].sprite))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\xff\xd8\xff")
    found = list(predict_images(run, [good, bad, tmp_path / "none.png", good], CPU))
    assert [type(f) for f in found] == [Prediction, ImageError, ImageError, Prediction]
    assert "bad.png is a damaged JPEG" in str(found[1])
    assert "none.png cannot be read" in str(found[2])
