from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from punkdata.errors import DataError
from punkmodels.training.checkpoint import (
    has_checkpoint,
    load_checkpoint,
    load_optimizer,
    parse_step,
    restore_checkpoint,
    save_checkpoint,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


class ToyState:
    """A network with its optimizer, as a training would hold them."""

    def __init__(self, width: int = 3) -> None:
        self.model = nn.Linear(width, 2)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 0.1)
        self.step = 0

    def take_steps(self, steps: int) -> None:
        for _ in range(steps):
            self.step += 1
            self.optimizer.zero_grad()
            inputs = torch.full((4, self.model.in_features), float(self.step))
            self.model(inputs).square().sum().backward()
            self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        model, optimizer = self.model.state_dict(), self.optimizer.state_dict()
        return {"step": self.step, "model": model, "optimizer": optimizer}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        load_optimizer(self.optimizer, state["optimizer"])


def test_a_restored_state_continues_exactly_as_the_saved_one(run: Path) -> None:
    state, restored = ToyState(), ToyState()
    state.take_steps(3)
    save_checkpoint(run, state.state_dict())
    restore_checkpoint(run, restored)
    assert restored.step == 3
    for each in (state, restored):
        each.take_steps(2)
    assert torch.equal(restored.model.weight, state.model.weight)


def test_loading_an_optimizer_keeps_its_learning_rate(run: Path) -> None:
    state, other = ToyState(), ToyState()
    state.take_steps(1)
    other.optimizer.param_groups[0]["lr"] = 0.5
    load_optimizer(other.optimizer, state.optimizer.state_dict())
    assert other.optimizer.param_groups[0]["lr"] == 0.5


def test_saving_a_checkpoint_deletes_older_ones(run: Path) -> None:
    assert not has_checkpoint(run)
    for step in (9, 10):
        save_checkpoint(run, {"step": step})
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step_000010.pt"]
    assert load_checkpoint(run) == {"step": 10}
    assert has_checkpoint(run)


def test_load_checkpoint_without_one_is_an_error(run: Path) -> None:
    with pytest.raises(DataError, match=r"has no checkpoint; train again: punkmodels train"):
        load_checkpoint(run)


class Hostile:
    """An object whose unpickling creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("kind", ["truncated", "empty", "foreign", "torch", "pickle"])
def test_load_checkpoint_refuses_damaged_and_hostile_files(run: Path, kind: str) -> None:
    path = save_checkpoint(run, {"step": 1, "model": {"x": torch.ones(9)}})
    executed = run / "executed"
    if kind == "torch":
        torch.save({"step": 1, "model": Hostile(executed)}, path)
    else:
        contents = {
            "truncated": path.read_bytes()[:-10],
            "empty": b"",
            "foreign": b"\x89PNG\r\n\x1a\n" + bytes(99),
            "pickle": pickle.dumps(Hostile(executed)),
        }
        path.write_bytes(contents[kind])
    with pytest.raises(DataError, match=r"step_000001\.pt' is damaged or no checkpoint"):
        load_checkpoint(run)
    assert not executed.exists()


@pytest.mark.parametrize("content", [[1, 2], {"model": {}}, {"step": "1"}], ids=str)
def test_load_checkpoint_refuses_other_content(run: Path, content: object) -> None:
    torch.save(content, run / "checkpoints" / "step_000001.pt")
    with pytest.raises(DataError, match=r"is no checkpoint of punkmodels"):
        load_checkpoint(run)


def test_load_checkpoint_refuses_nan(run: Path) -> None:
    save_checkpoint(run, {"step": 1, "groups": [{"x": torch.tensor([1, torch.nan])}]})
    with pytest.raises(DataError, match="NaN"):
        load_checkpoint(run)


@pytest.mark.parametrize("change", ["width", "model", "optimizer", "exp_avg", "shape"])
def test_restore_refuses_a_checkpoint_that_does_not_match(run: Path, change: str) -> None:
    saved = ToyState(width=4 if change == "width" else 3)
    saved.take_steps(1)
    state = saved.state_dict()
    if change in state:
        del state[change]
    elif change == "exp_avg":
        del state["optimizer"]["state"][0]["exp_avg"]
    elif change == "shape":
        state["optimizer"]["state"][0]["exp_avg"] = torch.zeros(5)
    save_checkpoint(run, state)
    with pytest.raises(DataError, match="does not match the network"):
        restore_checkpoint(run, ToyState())


def test_parse_step_reads_the_number_in_a_file_name() -> None:
    names = ("step_000500.png", "step_0.pt", "other.png")
    assert [parse_step(Path(name)) for name in names] == [500, 0, -1]
