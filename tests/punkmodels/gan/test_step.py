from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.gan import CPU, flatten_tensors, small_config

from punkdata.errors import DataError
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import load_split
from punkmodels.gan.config import make_config
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.schedule import PHASES, Phase, adversarial_start, cosine, ema_decay, phase_at
from punkmodels.gan.state import TrainState
from punkmodels.gan.step import (
    Batch,
    BatchSampler,
    discriminator_loss,
    generator_loss,
    training_step,
)
from punkmodels.gan.training_images import TrainingImages, from_split
from punkmodels.training.checkpoint import restore_checkpoint, save_checkpoint
from punkmodels.training.device import TrainEnv

ENV = TrainEnv(CPU)
NO_AUGMENTATION = {"augmentation": {"translate_px": 0, "cutout_px": 0}}
RECIPES: list[dict[str, Any]] = [
    {},
    {"recipe": "adversarial"},
    {"recipe": "dcgan"},
    {"recipe": "mlp"},
    {"conditional": "type"},
]


@pytest.fixture(scope="module")
def train(built_root: Path) -> TrainingImages:
    return from_split(load_split(built_root, "latest", "default", "train"))


def make_state(train: TrainingImages, **options: Any) -> TrainState:
    return TrainState.create(small_config(**options), train.images, CPU)


def take_steps(state: TrainState, train: TrainingImages, count: int) -> None:
    sampler = BatchSampler(train, state.config, CPU)
    for _ in range(count):
        state.set_schedules()
        phase = PHASES[-1 if state.config.is_relativistic else -2]
        training_step(state, sampler.sample(state.random), phase, ENV)
        state.step += 1


def flatten(state: TrainState) -> dict[str, torch.Tensor]:
    """Return copies of all tensors of a checkpoint by their paths."""
    return {path: tensor.clone() for path, tensor in flatten_tensors(state.state_dict()).items()}


def real_batch(state: TrainState, train: TrainingImages, n: int = 16) -> Batch:
    indices = train.images[:n]
    table = color_table(color_embedding_dim=state.config.model.color_embedding_dim)
    return Batch(to_rgba(indices, table), indices, None)


@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_training_step_updates_the_networks_of_its_phase(
    phase: Phase, train: TrainingImages
) -> None:
    state = make_state(train)
    state.set_schedules()
    before = flatten(state)
    training_step(state, real_batch(state, train, 2), phase, ENV)
    after = flatten(state)
    changed = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
    expected = {"G", "E", "ema", "random"} | ({"D"} if phase.adversarial else set())
    assert changed - {"optimizer_G", "optimizer_D"} == expected
    loss_d, loss_g, loss_e = state.losses.tolist()
    assert (loss_d > 0) == (loss_g > 0) == phase.adversarial
    assert loss_e > 0


def test_average_follows_the_generator_by_its_decay(train: TrainingImages) -> None:
    state = make_state(train)
    state.set_schedules()
    state.ema_decay.fill_(0.75)
    before = state.ema.layers[0].weight.clone()
    training_step(state, real_batch(state, train, 2), PHASES[0], ENV)
    expected = 0.75 * before + 0.25 * state.G.layers[0].weight
    assert torch.allclose(state.ema.layers[0].weight, expected, atol=1e-6)


@pytest.mark.parametrize("options", RECIPES, ids=str)
def test_restored_state_takes_the_same_next_step(
    options: dict[str, Any], train: TrainingImages, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    state, restored = make_state(train, **options), make_state(train, **options, seed=1)
    take_steps(state, train, 2)
    save_checkpoint(tmp_path, state.state_dict())
    restore_checkpoint(tmp_path, restored)
    for each in (state, restored):
        take_steps(each, train, 1)
    assert restored.step == 3
    expected, actual = flatten(state), flatten(restored)
    assert expected.keys() == actual.keys()
    for name, tensor in expected.items():
        # Adam can amplify differences in rounding up to the learning rate.
        assert torch.allclose(actual[name].double(), tensor.double(), atol=1e-2, rtol=1e-2), name


@pytest.mark.parametrize("missing", ["random", "optimizer_D", "G"])
def test_incomplete_checkpoint_is_refused(
    missing: str, train: TrainingImages, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    state = make_state(train)
    saved = state.state_dict()
    del saved[missing]
    save_checkpoint(tmp_path, saved)
    with pytest.raises(DataError, match="does not match"):
        restore_checkpoint(tmp_path, state)


def test_seed_determines_the_initial_state_and_the_first_batch(train: TrainingImages) -> None:
    states = [make_state(train, seed=seed) for seed in (3, 3, 4)]
    first, same, other = (
        [state.D.layers[0].weight, BatchSampler(train, state.config, CPU).sample(state.random)[1]]
        for state in states
    )
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_only_the_vae_gan_has_an_encoder(train: TrainingImages) -> None:
    assert make_state(train).E
    assert not any(make_state(train, recipe=name).E for name in ("adversarial", "dcgan", "mlp"))


def test_palette_head_has_a_higher_learning_rate(train: TrainingImages) -> None:
    state = make_state(train)
    others, head = state.optimizer_G.param_groups
    assert (others.get("lr_mult", 1), head["lr_mult"]) == (1, 3)
    assert isinstance(state.G.layers[-1], PaletteHead)
    assert {id(p) for p in head["params"]} == {id(p) for p in state.G.layers[-1].parameters()}
    assert state.E
    expected = [*state.G.parameters(), *state.E.parameters()]
    assert {id(p) for p in others["params"] + head["params"]} == {id(p) for p in expected}
    assert len(make_state(train, recipe="dcgan").optimizer_G.param_groups) == 1


def test_sampler_returns_types_of_its_images(train: TrainingImages) -> None:
    sampler = BatchSampler(train, small_config(conditional="type"), CPU)
    batch = sampler.sample(torch.Generator().manual_seed(0))
    assert (batch.images.shape, batch.indices.shape) == ((16, 12, 24, 24), (16, 24, 24))
    assert batch.condition is not None
    for indices, condition in zip(batch.indices, batch.condition, strict=True):
        is_same = (train.images == indices).flatten(1).all(dim=1)
        assert (train.types[is_same] == condition).all(dim=1).any()


@pytest.mark.parametrize("recipe", ["vae-gan", "adversarial", "dcgan"])
def test_training_the_discriminator_raises_the_generator_loss(
    recipe: str, train: TrainingImages
) -> None:
    state = make_state(train, recipe=recipe, **NO_AUGMENTATION)
    batch = real_batch(state, train)
    generated = state.G(torch.randn(16, state.G.noise_dim)).detach()
    optimizer = torch.optim.Adam(state.D.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss, real_logits = discriminator_loss(state, batch, generated, None)
        losses.append((loss.item(), generator_loss(state, batch, generated, real_logits).item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1][0] < losses[0][0] - 0.1
    assert losses[-1][1] > losses[0][1] + 0.1


def test_penalty_is_proportional_to_gamma_and_trains_d_only(train: TrainingImages) -> None:
    state = make_state(train, **NO_AUGMENTATION)
    batch, generated = real_batch(state, train), state.G(torch.randn(16, state.G.noise_dim))
    none, once, twice = (
        discriminator_loss(state, batch, generated, gamma)[0] for gamma in (None, 1, 2)
    )
    assert once > none
    assert (twice - none).item() == pytest.approx(2 * (once - none).item(), rel=1e-3)
    twice.backward()
    assert all(p.grad is not None for p in state.D.parameters())
    assert all(p.grad is None for p in state.G.parameters())


def test_discriminator_learns_to_reject_wrong_types(train: TrainingImages) -> None:
    """The "generated" images are real ones with the type of another image."""
    state = make_state(train, conditional="type", **NO_AUGMENTATION)
    batch = real_batch(state, train)._replace(condition=torch.eye(5).repeat(4, 1)[:16])
    mismatched = batch.images.roll(1, 0)
    optimizer = torch.optim.Adam(state.D.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss, _ = discriminator_loss(state, batch, mismatched, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_phases_start_with_the_encoder_loss() -> None:
    config = make_config(recipe="vae-gan", total_images=100 * 32 - 5)
    assert (config.num_steps, adversarial_start(config)) == (100, 70)
    assert phase_at(68, config) == Phase(adversarial=False, penalty=False)
    assert phase_at(72, config) == Phase(adversarial=True, penalty=True)
    assert phase_at(73, config) == Phase(adversarial=True, penalty=False)
    assert phase_at(0, make_config(recipe="adversarial")) == Phase(adversarial=True, penalty=True)
    dcgan = make_config(recipe="dcgan")
    assert {phase_at(step, dcgan) for step in range(9)} == {Phase(True, False)}


def test_schedules_are_cosines_and_a_share_of_the_steps_so_far() -> None:
    config = make_config(total_images=100 * 32)
    assert [cosine(step, config, 0.1) for step in (0, 50, 100)] == pytest.approx([1, 0.55, 0.1])
    assert ema_decay(99, config) ** (100 * config.schedule.ema_half_life) == pytest.approx(0.5)
    assert ema_decay(5, make_config(recipe="dcgan")) == 0
