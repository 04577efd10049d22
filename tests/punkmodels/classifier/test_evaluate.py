from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from punkdata import PunkDataset
from punkdata.errors import DataError
from punkmodels.classifier.config import load_classifier, make_config
from punkmodels.classifier.evaluate import (
    draw_errors,
    evaluate_classifier,
    markdown,
    predict_logits,
    summary,
)
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import load_split
from punkmodels.training.run_dir import read_config


@pytest.fixture(scope="module")
def run(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = make_config(epochs=2, batch_size=16, color_embedding_dim=4, width=4, hidden=16)
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), config, threads=1)


def test_scores_tables_and_mistakes_are_written(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    result = evaluate_classifier(run, built_root, "val", out=tmp_path / "val")
    files = sorted(p.name for p in (tmp_path / "val").iterdir())
    assert files == ["errors.png", "metrics.json", "metrics.md"]
    written = json.loads((tmp_path / "val" / "metrics.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert result.punks == len(PunkDataset(built_root, split="val"))
    assert (result.epochs, result.finished) == (2, True)
    gains = [row.gain_vs_majority for row in result.labels]
    assert len(gains) == 92
    assert gains == sorted(gains)


def test_the_page_names_every_score_and_label(run: Path, built_root: Path) -> None:
    result = evaluate_classifier(run, built_root, "test")
    page = markdown(result)
    for name, *_ in summary(result):
        assert f"| {name} |" in page
    assert page.count("\n| Earring |") == 1
    assert "perfect sight" in page


def test_every_mistake_is_drawn_once(run: Path, built_root: Path) -> None:
    part = load_split(built_root, "latest", "default", "val")
    logits = predict_logits(
        load_classifier(run, torch.device("cpu")), part.images, torch.device("cpu")
    )
    result = evaluate_classifier(run, built_root, "val")
    picture = draw_errors(part, logits, scale=2)
    assert picture.height == 48 * len(result.mistakes)
    none = draw_errors(part, torch.where(part.visible > 0, 9.0, -9.0), scale=2)
    assert isinstance(none, Image.Image)
    assert none.height == 48


def test_a_run_is_not_scored_on_punks_it_may_have_trained_on(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    config = read_config(other)
    config["data"]["labels_hash"] = "0" * 64
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="other labels or splits.*punkmodels train"):
        evaluate_classifier(other, built_root, "test")


def test_a_run_of_types_is_scored_on_types(built_root: Path, tmp_path: Path) -> None:
    config = make_config(
        task="type", epochs=1, batch_size=16, color_embedding_dim=4, width=4, hidden=16
    )
    run = train_classifier(built_root, tmp_path, config, threads=1)
    result = evaluate_classifier(run, built_root, "test", out=tmp_path / "out")
    assert (result.task, len(result.labels)) == ("type", 5)
    assert (tmp_path / "out" / "errors.png").exists()
