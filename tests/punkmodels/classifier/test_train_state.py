from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from support.classifiers import tiny_config

from punkdata.errors import DataError
from punkmodels.classifier.config import ClassifierConfig, build_model
from punkmodels.classifier.networks import Dropout
from punkmodels.classifier.train_state import (
    TrainEnv,
    TrainState,
    compute_gradients,
    training_step,
)
from punkmodels.data.palette import build_pair_table
from punkmodels.training.checkpoint import flatten_optimizer_state
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup

CONFIG = tiny_config(epochs=3, batch_size=8)
ENV = TrainEnv(torch.device("cpu"))
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 222, (8, 24, 24), generator=GENERATOR).to(torch.uint8)
LABELS = torch.rand(8, 92, generator=GENERATOR).round()


def build_state(config: ClassifierConfig = CONFIG, seed: int = 0) -> TrainState:
    torch.manual_seed(seed)
    return TrainState.create(build_model(config, build_pair_table(IMAGES)), config)


def take_step(state: TrainState, step: int) -> float:
    torch.manual_seed(step)  # For dropout.
    options = {"step": step, "steps_per_epoch": 2}
    return training_step(state, IMAGES, LABELS, CONFIG, ENV, **options).item()


def copy_tensors(state: TrainState) -> dict[str, torch.Tensor]:
    """Return copies of all tensors of a state."""
    groups = {
        "model": state.model.state_dict(),
        "ema": state.ema.state_dict(),
        "best": state.best,
        "optimizer": flatten_optimizer_state(state.optimizer),
    }
    return {f"{group}.{k}": t.clone() for group, ts in groups.items() for k, t in ts.items()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def test_initial_weights_depend_only_on_the_seed() -> None:
    first, same, other = (build_state(seed=seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["network.head.weight"], other["network.head.weight"])


def test_a_step_moves_the_weights_and_their_average() -> None:
    state = build_state()
    before = copy_tensors(state)
    assert math.isfinite(take_step(state, 0))
    after = copy_tensors(state)
    for name in ("model.network.head.weight", "ema.network.head.weight"):
        assert not torch.equal(before[name], after[name])
    assert torch.equal(before["best.network.head.weight"], after["best.network.head.weight"])


def test_a_restored_state_equals_the_saved_one(run: Path) -> None:
    state = build_state()
    for step in range(2):
        take_step(state, step)
    state.complete_epoch(0.5, CONFIG)
    state.save(run, steps_per_epoch=2)

    restored = build_state(seed=1)
    restored.restore(run)
    saved_tensors, restored_tensors = copy_tensors(state), copy_tensors(restored)
    assert saved_tensors.keys() == restored_tensors.keys()
    assert all(torch.equal(saved_tensors[name], restored_tensors[name]) for name in saved_tensors)
    for field in ("epoch", "best_epoch", "best_val_loss", "finished"):
        assert getattr(restored, field) == getattr(state, field)

    # The next steps of both states agree.
    assert take_step(restored, 2) == pytest.approx(take_step(state, 2), rel=1e-5)
    saved_tensors, restored_tensors = copy_tensors(state), copy_tensors(restored)
    for name, tensor in saved_tensors.items():
        assert torch.allclose(restored_tensors[name].float(), tensor.float(), atol=1e-5), name


def test_restore_refuses_the_state_of_another_network(run: Path) -> None:
    state = build_state()
    take_step(state, 0)
    state.complete_epoch(0.5, CONFIG)
    state.save(run, steps_per_epoch=1)
    with pytest.raises(DataError, match="do not match the network"):
        build_state(tiny_config(width=5)).restore(run)


def test_training_stops_after_patience_and_keeps_the_best_weights() -> None:
    config = tiny_config(epochs=5, patience=2)
    state = build_state(config)
    val_losses = iter([0.5, 0.3, 0.4, 0.35, 0.1])
    heads = []
    while not state.finished:
        take_step(state, state.epoch)
        state.complete_epoch(next(val_losses), config)
        heads.append(state.ema.network.head.weight.clone())
    assert (state.epoch, state.best_epoch, state.best_val_loss) == (4, 1, 0.3)
    assert torch.equal(state.best["network.head.weight"], heads[1])


def test_training_finishes_with_the_last_epoch_without_patience() -> None:
    config = tiny_config(epochs=2)
    state = build_state(config)
    for val_loss in (0.1, 0.2):
        assert not state.finished
        state.complete_epoch(val_loss, config)
    assert state.finished
    assert state.best_epoch == 0


def gradients(process_group: ProcessGroup) -> torch.Tensor:
    """Return the gradients on this rank's shard of a batch, in one float64 vector."""
    model = build_state().model.double()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.process_group = process_group
    torch.manual_seed(1)  # For dropout.
    shard = process_group.local_shard(IMAGES), process_group.local_shard(LABELS)
    compute_gradients(model, *shard, CONFIG, use_bf16=False)
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def test_averaged_gradients_of_two_ranks_equal_those_of_one() -> None:
    single = gradients(SINGLE_PROCESS)
    averaged = sum(gradients(ProcessGroup(rank, 2)) for rank in range(2)) / 2
    assert single.norm() > 0
    assert (averaged - single).norm() < 1e-5 * single.norm()


def test_bfloat16_changes_gradients_only_slightly() -> None:
    vectors = []
    for use_bf16 in (False, True):
        model = build_state(tiny_config(dropout=0.0)).model
        compute_gradients(model, IMAGES, LABELS, CONFIG, use_bf16=use_bf16)
        vectors.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    full, half = vectors
    assert not torch.equal(full, half)
    assert (half - full).norm() < 0.1 * full.norm()
