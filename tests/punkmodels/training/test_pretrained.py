from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from punkdata.errors import DataError
from punkmodels.training.checkpoint import read_tensors
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    SavedRun,
    export_model,
    read_run_config,
    restore_model,
)
from punkmodels.training.run_dir import read_config

ABOUT = {
    "task": "toy",
    "data": {"version": "s2-0", "labels_hash": "0"},
    "device": {"name": "cpu", "threads": 2},
}


class Toy(SavedRun):
    task: Literal["toy"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(ABOUT))
    return tmp_path


def test_a_run_s_facts_are_read_again(run: Path) -> None:
    saved = read_run_config(run, Toy, "toy")
    assert (saved.data.version, saved.device.threads) == ("s2-0", 2)
    assert not saved.device.bf16


@pytest.mark.parametrize(
    ("change", "where"),
    [({"task": "other"}, "task"), ({"device": {"name": "cpu", "threads": 0}}, "device.threads")],
)
def test_another_kind_is_refused_with_the_place(run: Path, change: dict, where: str) -> None:
    (run / "config.json").write_text(json.dumps(ABOUT | change))
    with pytest.raises(DataError, match=rf"is not a toy of this punkmodels .*{where}"):
        read_run_config(run, Toy, "toy")


def test_tensors_that_do_not_fit_or_are_no_numbers_are_refused(run: Path) -> None:
    model = nn.Linear(2, 3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(DataError, match="does not fit"):
        restore_model(run, model, nn.Linear(3, 3).state_dict())
    with pytest.raises(DataError, match="not numbers"):
        restore_model(run, model, before | {"bias": torch.full((3,), torch.nan)})
    restore_model(run, model, before)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_weights_are_written_in_half_precision_and_numbers_of_things_are_not(
    run: Path, tmp_path: Path
) -> None:
    model = nn.BatchNorm1d(3)
    export_model(run, model, {"finished": True}, tmp_path / "out")
    tensors = read_tensors(tmp_path / "out" / WEIGHTS_FILE)
    assert tensors["weight"].dtype == torch.float16
    assert tensors["num_batches_tracked"].dtype == torch.int64
    assert read_config(tmp_path / "out") == ABOUT | {"trained": {"finished": True}}
