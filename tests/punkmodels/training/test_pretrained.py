from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from punkdata.errors import DataError, UsageError
from punkmodels.training.device import TrainEnv
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    SavedRun,
    export_model,
    read_resumed_run,
    read_run_config,
    restore_model,
    start_run,
)
from punkmodels.training.run_dir import read_config

CONFIG = {
    "task": "toy",
    "options": {},
    "data": {"version": "s3-0", "labels_hash": "0"},
    "device": {"name": "cpu", "threads": 2},
}


class Toy(SavedRun):
    task: Literal["toy"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def test_read_run_config_fills_in_defaults(run: Path) -> None:
    saved = read_run_config(run, Toy, "toy")
    assert (saved.data.version, saved.device.threads) == ("s3-0", 2)
    assert not saved.device.bf16


def test_start_run_writes_what_read_run_config_reads(tmp_path: Path) -> None:
    env = TrainEnv(torch.device("cpu"), use_bf16=True)
    run = start_run(tmp_path, "toy-quick", "toy", {"a": 1}, CONFIG["data"], env, "a reason")
    assert run == tmp_path / "00001-toy-quick"
    saved = read_run_config(run, Toy, "toy")
    assert (saved.device.name, saved.device.bf16) == ("cpu", True)
    assert saved.device.threads == torch.get_num_threads()
    assert read_config(run)["options"] == {"a": 1}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"task": "other"}, "task = other: must be 'toy'"),
        ({"device": {"name": "cpu", "threads": 0}}, "device.threads = 0: must be at least 1"),
        ({"data": {"version": "x" * 999}}, "data.labels_hash is missing"),
        ({"device": {"name": 3, "threads": 1}}, "device.name = 3: must be a string"),
    ],
)
def test_read_run_config_names_the_invalid_field(
    run: Path, change: dict[str, Any], problem: str
) -> None:
    (run / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(DataError, match=rf"is not a toy .* \(config\.json: {problem}\)"):
        read_run_config(run, Toy, "toy")


def test_exported_weights_cannot_be_resumed(run: Path) -> None:
    assert read_resumed_run(run, Toy, "toy").data.version == "s3-0"
    (run / WEIGHTS_FILE).touch()
    with pytest.raises(UsageError, match="cannot be trained further"):
        read_resumed_run(run, Toy, "toy")


def test_restore_model_loads_tensors(run: Path) -> None:
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    restore_model(run, model, other.state_dict())
    assert torch.equal(model.weight, other.weight)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.ones(3, 3), "bias": torch.ones(3)}, "do not match the network"),
        ({"weight": torch.ones(3, 2)}, "do not match the network"),
        ({"weight": torch.ones(3, 2), "bias": torch.full((3,), torch.nan)}, "NaN"),
    ],
    ids=["shape", "missing", "nan"],
)
def test_restore_model_refuses_other_tensors(
    run: Path, tensors: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        restore_model(run, nn.Linear(2, 3), tensors)


def test_export_model_halves_floats_but_not_integers(run: Path, tmp_path: Path) -> None:
    export_model(run, nn.BatchNorm1d(3), {"finished": True}, tmp_path / "out")
    tensors = load_file(tmp_path / "out" / WEIGHTS_FILE)
    assert tensors["weight"].dtype == torch.float16
    assert tensors["num_batches_tracked"].dtype == torch.int64
    assert read_config(tmp_path / "out") == CONFIG | {"trained": {"finished": True}}
