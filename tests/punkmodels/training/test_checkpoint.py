from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from punkdata.errors import DataError
from punkmodels.training.checkpoint import (
    CheckpointMetadata,
    add_prefix,
    flatten_optimizer_state,
    has_checkpoint,
    load_checkpoint,
    restore_optimizer,
    save_checkpoint,
    strip_prefix,
)


def stepped(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((4, 3), float(step + 1))).square().sum().backward()
        optimizer.step()


def facts(step: int) -> CheckpointMetadata:
    return CheckpointMetadata(step=step, finished=False)


def make() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    return model, torch.optim.AdamW(model.parameters(), 0.1)


def test_a_model_and_its_optimizer_go_on_as_if_never_stopped(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    model, optimizer = make()
    stepped(model, optimizer, 3)
    tensors = add_prefix("model", model.state_dict()) | add_prefix(
        "optimizer", flatten_optimizer_state(optimizer)
    )
    save_checkpoint(tmp_path, tensors, facts(3))
    stepped(model, optimizer, 2)

    again, its_optimizer = make()
    loaded, found = load_checkpoint(tmp_path, CheckpointMetadata)
    assert found == facts(3)
    again.load_state_dict(strip_prefix("model", loaded))
    restore_optimizer(its_optimizer, strip_prefix("optimizer", loaded))
    stepped(again, its_optimizer, 2)
    for ours, theirs in zip(again.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_only_the_newest_checkpoint_is_kept(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert not has_checkpoint(tmp_path)
    for step in (9, 10):
        save_checkpoint(tmp_path, {"model.x": torch.tensor([step])}, facts(step))
    names = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert names == ["step_000010.json", "step_000010.safetensors"]
    assert load_checkpoint(tmp_path, CheckpointMetadata)[0]["model.x"].item() == 10
    assert has_checkpoint(tmp_path)


def test_tensors_laid_out_for_the_gpu_are_saved_too(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    tensor = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save_checkpoint(tmp_path, {"model.x": tensor, "ema.x": tensor}, facts(1))
    assert torch.equal(load_checkpoint(tmp_path, CheckpointMetadata)[0]["model.x"], tensor)


@pytest.mark.parametrize("spoil", ["nothing", "tensors", "facts"])
def test_a_missing_or_damaged_checkpoint_is_named(tmp_path: Path, spoil: str) -> None:
    (tmp_path / "checkpoints").mkdir()
    if spoil != "nothing":
        path = save_checkpoint(tmp_path, {"model.x": torch.ones(9)}, facts(1))
        path = path if spoil == "tensors" else path.with_suffix(".json")
        path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(DataError, match=r"no checkpoint|step_000001\.safetensors is damaged"):
        load_checkpoint(tmp_path, CheckpointMetadata)


def test_an_optimizer_is_not_restored_by_halves(tmp_path: Path) -> None:
    model, optimizer = make()
    stepped(model, optimizer, 1)
    tensors = flatten_optimizer_state(optimizer)
    tensors.pop("0.exp_avg")
    with pytest.raises(DataError, match="state of this optimizer"):
        restore_optimizer(optimizer, tensors)
