from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkmodels.classifier.config import (
    BUNDLED_CLASSIFIER,
    export_classifier,
    load_classifier,
    make_config,
    read_classifier_config,
    trained_epochs,
)
from punkmodels.classifier.train import train_classifier
from punkmodels.training.checkpoint import read_tensors, write_tensors
from punkmodels.training.pretrained import WEIGHTS_FILE
from punkmodels.training.run_dir import read_config

TINY = make_config(epochs=1, batch_size=16, width=4, hidden=16, color_embedding_dim=4)


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), TINY, threads=1)


def test_the_options_come_back_as_they_were(trained: Path) -> None:
    assert read_classifier_config(trained).options == TINY


def test_the_network_comes_back_ready_to_predict(trained: Path) -> None:
    model = load_classifier(trained, torch.device("cpu"))
    assert not model.training
    assert model(torch.zeros(2, 24, 24, dtype=torch.uint8)).shape == (2, 92)


def test_a_run_of_something_else_is_no_classifier(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "config.json").write_text(json.dumps({"task": "dcgan", "options": {}}))
    with pytest.raises(DataError, match="is not a classifier"):
        load_classifier(run, torch.device("cpu"))


def test_a_checkpoint_of_another_shape_does_not_fit(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    config = read_config(run)
    config["options"]["width"] = 5
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="does not fit"):
        load_classifier(run, torch.device("cpu"))


@pytest.mark.parametrize(
    "spoilt",
    [{"options": {"width": "x"}}, {"options": {"batch_size": 0}}, {"data": {}}, {"device": 1}],
)
def test_a_damaged_run_is_one_error_for_all_who_read_it(
    trained: Path, built_root: Path, tmp_path: Path, spoilt: dict[str, object]
) -> None:
    run = shutil.copytree(trained, tmp_path / "00001-classifier-quick")
    (run / "config.json").write_text(json.dumps(read_config(run) | spoilt))
    with pytest.raises(DataError, match=r"config\.json"):
        train_classifier(built_root, tmp_path, TINY, resume=run)
    with pytest.raises(DataError, match=r"config\.json"):
        load_classifier(run, torch.device("cpu"))


def test_the_options_of_a_preset_give_way_to_those_chosen() -> None:
    assert make_config("best").epochs > make_config("quick").epochs
    assert make_config("best", epochs=3).epochs == 3
    assert make_config("quick", "linear").peak_lr != make_config("quick").peak_lr


def test_exported_weights_predict_as_the_run_does(trained: Path, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    export_classifier(trained, tmp_path)
    images = torch.randint(0, 222, (4, 24, 24), dtype=torch.uint8)
    with torch.no_grad():
        run, exported = (load_classifier(path, cpu)(images) for path in (trained, tmp_path))
    assert torch.allclose(run, exported, atol=0.01)
    assert (tmp_path / WEIGHTS_FILE).stat().st_size < 0.6 * sum(
        f.stat().st_size for f in trained.glob("checkpoints/*.safetensors")
    )
    assert trained_epochs(tmp_path) == trained_epochs(trained) == (1, True)


def test_damaged_weights_are_one_error(trained: Path, tmp_path: Path) -> None:
    export_classifier(trained, tmp_path)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"nothing")
    with pytest.raises(DataError, match="is damaged"):
        load_classifier(tmp_path, torch.device("cpu"))


def test_the_weights_that_ship_are_small_and_say_how_they_were_made() -> None:
    config = read_config(BUNDLED_CLASSIFIER)
    assert (BUNDLED_CLASSIFIER / WEIGHTS_FILE).stat().st_size < 5_000_000
    assert len(config["data"]["labels_hash"]) == 64
    assert config["scores"]["visible"]["exact_match"] > 0.99
    model = load_classifier(BUNDLED_CLASSIFIER, torch.device("cpu"))
    assert model(torch.zeros(1, 24, 24, dtype=torch.uint8)).shape == (1, 92)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"pairs": torch.zeros(576, 222, dtype=torch.uint16)},
        {"pairs": torch.full((576, 222), -1, dtype=torch.int16)},
        {"pairs": torch.full((576, 222), float("nan"))},
        {"temperature": torch.tensor(0.0)},
        {"temperature": torch.tensor(-1.0)},
        {"network.head.bias": torch.full((92,), float("inf"))},
    ],
)
def test_weights_that_make_no_sense_are_one_error(
    trained: Path, tmp_path: Path, spoilt: dict[str, torch.Tensor]
) -> None:
    export_classifier(trained, tmp_path)
    write_tensors(tmp_path / WEIGHTS_FILE, read_tensors(tmp_path / WEIGHTS_FILE) | spoilt)
    with pytest.raises(DataError, match="the checkpoint of"):
        load_classifier(tmp_path, torch.device("cpu"))
