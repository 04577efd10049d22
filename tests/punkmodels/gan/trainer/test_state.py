from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.gan import CPU

from punkdata.errors import DataError
from punkmodels.data.splits import load_split
from punkmodels.gan.config import DcganConfig, make_config
from punkmodels.gan.trainer.schedule import Phase
from punkmodels.gan.trainer.state import TrainState
from punkmodels.gan.trainer.step import BatchSampler, StepBuffers, TrainEnv, sample_and_step
from punkmodels.gan.training_images import TrainingImages, from_split

SMALL = {"width": 4, "z_dim": 8, "w_dim": 6, "head_channels": 3, "total_images": 64}
ADVERSARIAL = Phase(adversarial=True, penalty=True)
RUN = Path("runs/00001-dcgan-modern-quick")


@pytest.fixture(scope="module")
def train(built_root: Path) -> TrainingImages:
    return from_split(load_split(built_root, "latest", "default", "train"))


def take_steps(state: TrainState, train: TrainingImages, count: int) -> None:
    config = state.objective.config
    sampler, buffers = BatchSampler.create(train, config, CPU), StepBuffers.create(CPU)
    for _ in range(count):
        buffers.set_schedules(state)
        sample_and_step(state, sampler, ADVERSARIAL, buffers, TrainEnv(CPU))
        state.step += 1


def copy_tensors(state: TrainState) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in state.state_dict().items()}


def make_state(train: TrainingImages, **options: Any) -> tuple[TrainState, DcganConfig]:
    config = make_config(**SMALL | {"batch_size": 8, "adversarial_start": 0.0} | options)
    return TrainState.create(config, train.images, CPU), config


@pytest.mark.parametrize(
    "options", [{}, {"recipe": "classic", "w_dim": 0}, {"conditional": "labels"}], ids=str
)
def test_restored_state_equals_the_saved_one(
    options: dict[str, Any], train: TrainingImages
) -> None:
    state, _ = make_state(train, **options)
    take_steps(state, train, 2)
    saved = copy_tensors(state)
    restored, _ = make_state(train, **options | {"seed": 1})
    restored.load_state_dict(saved, 2, RUN)
    assert restored.step == 2
    assert restored.state_dict().keys() == saved.keys()
    assert all(torch.equal(saved[name], t) for name, t in restored.state_dict().items())


def test_next_step_of_a_restored_state_is_the_same(train: TrainingImages) -> None:
    state, _ = make_state(train)
    take_steps(state, train, 1)
    restored, _ = make_state(train, seed=1)
    restored.load_state_dict(copy_tensors(state), 1, RUN)
    for each in (state, restored):
        take_steps(each, train, 1)
    for (name, expected), actual in zip(
        state.state_dict().items(), restored.state_dict().values(), strict=True
    ):
        # Adam can amplify differences in rounding up to the learning rate.
        assert torch.allclose(actual.double(), expected.double(), atol=1e-2, rtol=1e-2), name


def test_seed_determines_the_initial_state_and_the_first_batch(train: TrainingImages) -> None:
    states, batches = [], []
    for seed in (3, 3, 4):
        state, config = make_state(train, seed=seed)
        states.append(copy_tensors(state))
        batch = BatchSampler.create(train, config, CPU).sample(8, state.objective.random)
        batches.append(batch.images)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(states[0]["D.layers.0.weight"], states[2]["D.layers.0.weight"])
    assert not torch.equal(batches[0], batches[2])


def test_state_before_the_adversarial_phase_has_no_optimizer_of_d(train: TrainingImages) -> None:
    state, config = make_state(train, adversarial_start=1.0)
    sampler, buffers = BatchSampler.create(train, config, CPU), StepBuffers.create(CPU)
    sample_and_step(state, sampler, state.schedule.phase(0), buffers, TrainEnv(CPU))
    saved = copy_tensors(state)
    assert not any(name.startswith("optimizer_D") for name in saved)
    restored, _ = make_state(train, adversarial_start=1.0)
    restored.load_state_dict(saved, 1, RUN)


@pytest.mark.parametrize("missing", ["random", "optimizer_D.0.exp_avg", "G.layers.0.weight"])
def test_incomplete_checkpoint_is_refused(missing: str, train: TrainingImages) -> None:
    state, _ = make_state(train)
    take_steps(state, train, 1)
    saved = copy_tensors(state)
    del saved[missing]
    with pytest.raises(DataError):
        state.load_state_dict(saved, 1, RUN)
