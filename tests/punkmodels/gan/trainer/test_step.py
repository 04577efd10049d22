from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.gan import CPU

from punkmodels.data.splits import load_split
from punkmodels.gan.config import make_config
from punkmodels.gan.trainer.schedule import PHASES, Phase
from punkmodels.gan.trainer.state import TrainState
from punkmodels.gan.trainer.step import (
    Batch,
    BatchSampler,
    StepBuffers,
    TrainEnv,
    TrialStep,
    training_step,
)
from punkmodels.gan.training_images import TrainingImages, from_split
from punkmodels.training.legacy_distributed import SINGLE_PROCESS, RandomStream

SMALL = {"width": 4, "z_dim": 8, "w_dim": 6, "head_channels": 3}


@pytest.fixture(scope="module")
def train(built_root: Path) -> TrainingImages:
    return from_split(load_split(built_root, "latest", "default", "train"))


def stream() -> RandomStream:
    return RandomStream(torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("label_dropout", "expected_fraction"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
)
def test_label_dropout_removes_accessories_but_not_types(
    label_dropout: float, expected_fraction: float, train: TrainingImages
) -> None:
    config = make_config(
        conditional="labels",
        split_female_accessories=False,
        class_balance=0.0,
        label_dropout=label_dropout,
    )
    condition = BatchSampler.create(train, config, CPU).sample(1000, stream()).condition
    assert (condition[:, :5].sum(dim=1) == 1).all()
    frequency = train.visible[:, 5:].float().mean().item()
    assert condition[:, 5:].mean().item() == pytest.approx(expected_fraction * frequency, rel=0.15)


def test_sampler_includes_invisible_labels_in_half_of_the_conditions(
    train: TrainingImages,
) -> None:
    config = make_config(conditional="labels", split_female_accessories=False, class_balance=0.0)
    sampler = BatchSampler.create(train, config, CPU)
    sampler.visible[:, 5:] = False
    condition = sampler.sample(1000, stream()).condition
    frequency = sampler.labels[:, 5:].float().mean().item()
    assert condition[:, 5:].mean().item() == pytest.approx(frequency / 2, rel=0.15)


@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_training_step_updates_the_networks_of_its_phase(
    phase: Phase, train: TrainingImages
) -> None:
    config = make_config(batch_size=2, total_images=200, **SMALL)
    state = TrainState.create(config, train.images, CPU)
    before = {name: t.clone() for name, t in state.state_dict().items()}
    batch = Batch(train.images[:2], torch.zeros(2, 0))
    buffers = StepBuffers.create(CPU)
    buffers.set_schedules(state)
    training_step(state, batch, phase, buffers, TrainEnv(CPU))
    after = state.state_dict()

    def is_changed(name: str) -> bool:
        return not torch.equal(before[name], after[name])

    assert is_changed("G.layers.0.weight")
    assert is_changed("E.layers.0.weight")
    assert is_changed("ema.layers.0.weight")
    assert is_changed("D.layers.0.weight") == phase.adversarial
    loss_d, loss_g, loss_aux = buffers.losses.tolist()
    assert (loss_d > 0) == (loss_g > 0) == phase.adversarial
    assert loss_aux > 0


def test_average_follows_the_generator_by_its_decay(train: TrainingImages) -> None:
    config = make_config(batch_size=2, total_images=200, **SMALL)
    state = TrainState.create(config, train.images, CPU)
    buffers = StepBuffers.create(CPU)
    buffers.set_schedules(state)
    buffers.ema_decay.fill_(0.75)
    before = state.ema.layers[0].weight.clone()
    batch = Batch(train.images[:2], torch.zeros(2, 0))
    training_step(state, batch, PHASES[0], buffers, TrainEnv(CPU))
    expected = 0.75 * before + 0.25 * state.objective.G.layers[0].weight
    assert torch.allclose(state.ema.layers[0].weight, expected, atol=1e-6)


def test_trial_step_leaves_the_sampler_and_new_states_unchanged(train: TrainingImages) -> None:
    config = make_config(batch_size=4, total_images=200, **SMALL)
    sampler = BatchSampler.create(train, config, CPU)
    before = TrainState.create(config, train.images, CPU).state_dict()
    trial = TrialStep(config, train.images, sampler, SINGLE_PROCESS)
    trial(False)
    after = TrainState.create(config, train.images, CPU).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
