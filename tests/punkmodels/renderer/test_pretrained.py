from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkdata.traits import decode_labels
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.palette import detect_skin_tones
from punkmodels.renderer.evaluate import SCORE_NAMES
from punkmodels.renderer.network import (
    BUNDLED_RENDERER,
    conditions_from_labels,
    export_renderer,
    labels_from_names,
    load_renderer,
    read_renderer_config,
)
from punkmodels.training.pretrained import WEIGHTS_FILE, read_tensors, write_tensors
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")


@pytest.fixture
def exported(trained: Path, tmp_path: Path) -> Path:
    export_renderer(trained, tmp_path / "weights")
    return tmp_path / "weights"


def test_exported_weights_draw_like_the_run(trained: Path, exported: Path) -> None:
    condition = conditions_from_labels(labels_from_names("Male", ["Pipe"]).expand(4, -1))
    run, weights = (load_renderer(folder, CPU) for folder in (trained, exported))
    assert torch.allclose(weights.logits(condition), run.logits(condition), atol=0.1)
    assert read_config(exported)["trained"] == {"finished": True}


@pytest.mark.parametrize("damage", ["missing table", "empty position", "shape", "nan"])
def test_weights_that_do_not_fit_are_refused(damage: str, exported: Path) -> None:
    tensors = read_tensors(exported / WEIGHTS_FILE)
    if damage == "missing table":
        del tensors["occurs"]
    if damage == "empty position":
        tensors["occurs"][7] = False
    if damage == "shape":
        tensors["weight"] = tensors["weight"][:, :92]
    if damage == "nan":
        tensors["weight"][0, 0] = torch.nan
    write_tensors(exported / WEIGHTS_FILE, tensors)
    with pytest.raises(DataError, match="the weights of"):
        load_renderer(exported, CPU)


@pytest.mark.parametrize(
    "change", [{"task": "dcgan"}, {"options": {"conditional": "labels"}}], ids=str
)
def test_run_of_another_model_is_refused(
    change: dict[str, object], trained: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "config.json").write_text(json.dumps(read_config(run) | change))
    with pytest.raises(DataError, match="is not a renderer of this version of punkmodels"):
        read_renderer_config(run)


def test_bundled_renderer_follows_its_conditions() -> None:
    traits = [("Zombie", ["3D Glasses"]), ("Female", ["Pipe", "Tiara"]), ("Alien", ["Hoodie"])]
    labels = torch.stack([labels_from_names(*punk) for punk in traits]).repeat_interleave(4, dim=0)
    sprites = load_renderer(BUNDLED_RENDERER, CPU)(conditions_from_labels(labels))
    predicted = logits_to_labels(load_classifier(BUNDLED_CLASSIFIER, CPU)(sprites)).numpy()
    for i, (punk_type, accessories) in enumerate(traits):
        for row in predicted[4 * i : 4 * i + 4]:
            assert decode_labels(row) == (punk_type, tuple(accessories))
    assert detect_skin_tones(sprites)[4:8].tolist() == [1, 2, 3, 4]


def test_bundled_weights_are_small_and_have_scores() -> None:
    assert (BUNDLED_RENDERER / WEIGHTS_FILE).stat().st_size < 2e6
    scores = read_config(BUNDLED_RENDERER)["scores"]
    assert set(scores["unseen"]) == set(scores["seen"]) == set(SCORE_NAMES)
    assert scores["unseen"]["pixel_exact_match"] >= 0.985
    assert scores["seen"]["pixel_exact_match"] == 1
