from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkmodels.classifier_run import PRESETS, load_classifier, read_classifier_config
from punkmodels.runs import read_config
from punkmodels.train_classifier import train_classifier

TINY = replace(PRESETS["quick"], epochs=1, batch_size=16, width=4, hidden=16, code=4)


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
