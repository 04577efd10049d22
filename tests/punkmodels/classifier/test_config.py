from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.classifiers import tiny_config

from punkdata.errors import DataError
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.classifier.pretrained import (
    BUNDLED_CLASSIFIER,
    export_classifier,
    load_classifier,
    read_classifier_config,
)
from punkmodels.classifier.train import train_classifier
from punkmodels.training.pretrained import WEIGHTS_FILE, write_tensors
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")
TINY = tiny_config()


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), TINY, threads=1)


@pytest.fixture
def copied_run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return shutil.copytree(trained, tmp_path / trained.name)


@pytest.fixture
def exported(trained: Path, tmp_path: Path) -> Path:
    export_classifier(trained, tmp_path / "exported")
    return tmp_path / "exported"


def test_saved_options_equal_the_configuration(trained: Path) -> None:
    assert read_classifier_config(trained).options == TINY


def test_loaded_classifier_is_in_evaluation_mode(trained: Path) -> None:
    model = load_classifier(trained, CPU)
    assert not model.training
    assert model.logits_from_indices(torch.zeros(2, 24, 24, dtype=torch.uint8)).shape == (2, 92)


def test_a_run_of_another_task_is_refused(copied_run: Path) -> None:
    (copied_run / "config.json").write_text(json.dumps({"task": "dcgan", "options": {}}))
    with pytest.raises(DataError, match="is not a classifier"):
        load_classifier(copied_run, CPU)


def test_a_checkpoint_of_another_size_is_refused(copied_run: Path) -> None:
    config = read_config(copied_run)
    config["options"]["hidden"] = 5
    (copied_run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="do not match the network"):
        load_classifier(copied_run, CPU)


@pytest.mark.parametrize(
    "damage",
    [{"options": {"width": "x"}}, {"options": {"batch_size": 0}}, {"data": {}}, {"device": 1}],
    ids=str,
)
def test_invalid_config_json_is_a_data_error(
    copied_run: Path, built_root: Path, tmp_path: Path, damage: dict[str, object]
) -> None:
    (copied_run / "config.json").write_text(json.dumps(read_config(copied_run) | damage))
    with pytest.raises(DataError, match=r"config.json: "):
        train_classifier(built_root, tmp_path, TINY, resume=copied_run)
    with pytest.raises(DataError, match=r"config.json: "):
        load_classifier(copied_run, CPU)


def test_overrides_take_precedence_over_presets_and_models() -> None:
    assert make_config("best").epochs > make_config("quick").epochs
    assert make_config("best", epochs=3).epochs == 3
    assert make_config("quick", "cnn").peak_lr != make_config("quick").peak_lr
    assert make_config("quick", "cnn", peak_lr=0.5).peak_lr == 0.5


def test_linear_models_of_earlier_versions_are_read_as_ridge() -> None:
    assert ClassifierConfig.model_validate({"model": "linear", "peak_lr": 0.02}).model == "ridge"


def test_exported_weights_predict_like_the_run(trained: Path, exported: Path) -> None:
    images = torch.randint(0, 222, (4, 24, 24), dtype=torch.uint8)
    with torch.no_grad():
        expected, actual = (load_classifier(path, CPU)(images) for path in (trained, exported))
    assert torch.allclose(expected, actual, atol=0.01)  # Exported weights are float16.
    assert read_classifier_config(exported).trained.model_dump() == {"epochs": 1, "finished": True}


def test_exported_weights_are_smaller_than_a_checkpoint(trained: Path, exported: Path) -> None:
    (checkpoint,) = trained.glob("checkpoints/*.pt")
    assert (exported / WEIGHTS_FILE).stat().st_size < 0.6 * checkpoint.stat().st_size


def test_damaged_exported_weights_are_a_data_error(exported: Path) -> None:
    (exported / WEIGHTS_FILE).write_bytes(b"nothing")
    with pytest.raises(DataError, match="is damaged"):
        load_classifier(exported, CPU)


@pytest.mark.parametrize(
    "damage",
    [
        {"pairs": torch.zeros(576, 222, dtype=torch.uint16)},
        {"pairs": torch.full((576, 222), -1, dtype=torch.int16)},
        {"pairs": torch.full((576, 222), float("nan"))},
        {"network.groups": torch.full((3,), 1, dtype=torch.int16)},
        {"network.groups": torch.full((3,), float("nan"))},
        {"temperature": torch.tensor(0.0)},
        {"temperature": torch.tensor(-1.0)},
        {"network.head.bias": torch.full((92,), float("inf"))},
    ],
    ids=[
        *("pairs dtype", "pairs negative", "pairs nan", "groups shape", "groups dtype"),
        *("zero", "negative", "infinite"),
    ],
)
def test_invalid_exported_weights_are_a_data_error(
    exported: Path, damage: dict[str, torch.Tensor]
) -> None:
    write_tensors(exported / WEIGHTS_FILE, load_file(exported / WEIGHTS_FILE) | damage)
    with pytest.raises(DataError, match="the weights of"):
        load_classifier(exported, CPU)


def test_bundled_weights_are_small_and_describe_their_training() -> None:
    config = read_config(BUNDLED_CLASSIFIER)
    assert (BUNDLED_CLASSIFIER / WEIGHTS_FILE).stat().st_size < 5_000_000
    assert len(config["data"]["labels_hash"]) == 64
    assert config["scores"]["visible"]["exact_match"] > 0.99
    model = load_classifier(BUNDLED_CLASSIFIER, CPU)
    assert model.logits_from_indices(torch.zeros(1, 24, 24, dtype=torch.uint8)).shape == (1, 92)
