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
    parse_step,
    restore_optimizer,
    save_checkpoint,
    strip_prefix,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def metadata(step: int) -> CheckpointMetadata:
    return CheckpointMetadata(step=step, finished=False)


def build() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Linear(3, 2)
    return model, torch.optim.AdamW(model.parameters(), 0.1)


def take_steps(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((4, 3), float(step + 1))).square().sum().backward()
        optimizer.step()


def test_checkpoint_restores_weights_and_optimizer_exactly(run: Path) -> None:
    model, optimizer = build()
    take_steps(model, optimizer, 3)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = {name: tensor.clone() for name, tensor in flatten_optimizer_state(optimizer).items()}
    save_checkpoint(run, add_prefix("model", weights) | add_prefix("optimizer", state), metadata(3))
    take_steps(model, optimizer, 2)

    restored, restored_optimizer = build()
    tensors, found = load_checkpoint(run, CheckpointMetadata)
    assert found == metadata(3)
    restored.load_state_dict(strip_prefix("model", tensors))
    restore_optimizer(restored_optimizer, strip_prefix("optimizer", tensors))
    assert_equal(restored.state_dict(), weights)
    assert_equal(flatten_optimizer_state(restored_optimizer), state)


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_saving_a_checkpoint_deletes_older_ones(run: Path) -> None:
    assert not has_checkpoint(run)
    for step in (9, 10):
        save_checkpoint(run, {"model.x": torch.tensor([step])}, metadata(step))
    names = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert names == ["step_000010.json", "step_000010.safetensors"]
    assert load_checkpoint(run, CheckpointMetadata)[0]["model.x"].item() == 10
    assert has_checkpoint(run)


def test_checkpoint_stores_channels_last_and_shared_tensors(run: Path) -> None:
    tensor = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save_checkpoint(run, {"model.x": tensor, "ema.x": tensor}, metadata(1))
    assert torch.equal(load_checkpoint(run, CheckpointMetadata)[0]["model.x"], tensor)


def test_load_checkpoint_without_one_is_an_error(run: Path) -> None:
    with pytest.raises(DataError, match=r"has no checkpoint; train again: punkmodels train"):
        load_checkpoint(run, CheckpointMetadata)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_load_checkpoint_names_a_damaged_file(run: Path, suffix: str) -> None:
    path = save_checkpoint(run, {"model.x": torch.ones(9)}, metadata(1)).with_suffix(suffix)
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(DataError, match=rf"step_000001\{suffix} is damaged"):
        load_checkpoint(run, CheckpointMetadata)


def test_load_checkpoint_names_a_missing_json_file(run: Path) -> None:
    save_checkpoint(run, {"model.x": torch.ones(9)}, metadata(1)).with_suffix(".json").unlink()
    with pytest.raises(DataError, match=r"step_000001\.json cannot be read"):
        load_checkpoint(run, CheckpointMetadata)


def test_restore_optimizer_refuses_incomplete_state() -> None:
    model, optimizer = build()
    take_steps(model, optimizer, 1)
    tensors = flatten_optimizer_state(optimizer)
    tensors.pop("0.exp_avg")
    with pytest.raises(DataError, match="does not match the network"):
        restore_optimizer(optimizer, tensors)


@pytest.mark.parametrize(
    ("name", "step"), [("step_000500.png", 500), ("step_0.json", 0), ("other.png", -1)]
)
def test_parse_step_reads_the_number_in_a_file_name(name: str, step: int) -> None:
    assert parse_step(Path(name)) == step
