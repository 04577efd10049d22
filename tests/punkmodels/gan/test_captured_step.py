"""Training steps fit for a CUDA graph, as far as a machine without a GPU can show it."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gan import CPU, flatten_tensors, small_config
from support.recorded_step import RecordedStep, RefuseSynchronization, SynchronizationError

from punkmodels.data.splits import load_split
from punkmodels.gan.schedule import PHASES, Phase, phase_at
from punkmodels.gan.state import TrainState
from punkmodels.gan.step import BatchSampler, training_step
from punkmodels.gan.training_images import TrainingImages, from_split
from punkmodels.training.device import TrainEnv

META = torch.device("meta")
STEPS: list[Any] = [
    pytest.param(options, phase, id=f"{name}-{i}")
    for name, options in {
        "vae-gan": {},
        "by type": {"conditional": "type"},
        "adversarial": {"recipe": "adversarial"},
        "dcgan": {"recipe": "dcgan"},
        "mlp": {"recipe": "mlp"},
    }.items()
    for i, phase in enumerate(PHASES)
    if phase in {phase_at(step, small_config(**options)) for step in range(16)}
]
"""All recipes, and the losses that occur in their trainings."""
every_step = pytest.mark.parametrize(("options", "phase"), STEPS)


@pytest.fixture(scope="module")
def train(built_root: Path) -> TrainingImages:
    return from_split(load_split(built_root, "latest", "default", "train"))


def make_step(
    train: TrainingImages, options: dict[str, Any], phase: Phase, env: TrainEnv
) -> tuple[TrainState, Callable[[], None]]:
    """Return a state, and a function that takes a step as the training loop does."""
    state = TrainState.create(small_config(**options), train.images, CPU)
    sampler = BatchSampler(train, state.config, CPU)
    if env.device == META:
        move_to_meta(state, sampler)
    return state, lambda: training_step(state, sampler.sample(state.random), phase, env)


def move_to_meta(state: TrainState, sampler: BatchSampler) -> None:
    """Move everything but the random generator, which the device does not have, to "meta"."""
    for network in (state.G, state.D, state.E, state.ema):
        if network:
            network.to(META)
    generator_params = itertools.chain(
        state.G.parameters(), state.E.parameters() if state.E else ()
    )
    # Adam does not support the device.
    state.optimizer_G = torch.optim.SGD(generator_params)
    state.optimizer_D = torch.optim.SGD(state.D.parameters())
    for name in ("r1_gamma", "ema_decay", "losses"):
        setattr(state, name, getattr(state, name).to(META))
    sampler.indices, sampler.table = sampler.indices.to(META), sampler.table.to(META)
    sampler.types = None if sampler.types is None else sampler.types.to(META)


def copy_tensors(state: TrainState) -> dict[str, torch.Tensor]:
    tensors = flatten_tensors(state.state_dict() | {"losses": state.losses})
    return {path: tensor.clone() for path, tensor in tensors.items()}


@every_step
def test_replayed_steps_equal_eager_ones(
    options: dict[str, Any], phase: Phase, train: TrainingImages
) -> None:
    """Nothing that changes between steps, as learning rates, is a number of Python."""
    results = []
    for recorded in (False, True):
        state, step = make_step(train, options, phase, TrainEnv(CPU))
        take_step = step
        for i in range(4):
            state.step = 4 * i  # The schedules of distant steps differ clearly.
            state.set_schedules()
            if recorded and i == 1:
                take_step = RecordedStep(step)
            else:
                take_step()
        results.append(copy_tensors(state))
    eager, replayed = results
    assert eager.keys() == replayed.keys()
    for path, tensor in eager.items():
        assert torch.allclose(tensor.double(), replayed[path].double(), atol=1e-5), path


@every_step
def test_steps_use_no_values_and_no_other_device(
    options: dict[str, Any], phase: Phase, train: TrainingImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise SynchronizationError("the values of a tensor are copied from Python")

    state, step = make_step(train, options, phase, TrainEnv(META))
    for name in ("tensor", "as_tensor", "from_numpy"):
        monkeypatch.setattr(torch, name, refuse)
    # The device does not support it, even if disabled.
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: nullcontext())
    with RefuseSynchronization():
        step()
    assert state.losses.is_meta


@every_step
def test_no_autograd_graph_outlives_a_step(
    options: dict[str, Any], phase: Phase, train: TrainingImages
) -> None:
    """A graph that is alive keeps the stream of the warm-up, which a capture must not wait for."""

    def find_results() -> set[int]:
        gc.collect()
        return {id(t) for t in gc.get_objects() if type(t) is torch.Tensor and t.grad_fn}

    _, step = make_step(train, options, phase, TrainEnv(CPU))
    before = find_results()
    step()
    assert find_results() <= before


@pytest.mark.parametrize(
    "synchronize",
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).all()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.unique(),
        lambda x: torch.equal(x, x),
    ],
)
def test_synchronization_is_refused(synchronize: Callable[[torch.Tensor], object]) -> None:
    with pytest.raises(SynchronizationError, match="depends on values"), RefuseSynchronization():
        synchronize(torch.ones(3))


@pytest.mark.parametrize(
    "transfer",
    [
        lambda x: torch.ones(3).to(META),
        lambda x: x.copy_(torch.ones(3)),
        lambda x: x[torch.zeros(2, dtype=torch.int64)],
    ],
)
def test_transfers_between_devices_are_refused(transfer: Callable[[torch.Tensor], object]) -> None:
    x = torch.ones(3, device=META)
    with (
        pytest.raises(SynchronizationError, match="tensors on cpu and meta"),
        RefuseSynchronization(),
    ):
        transfer(x)


def test_values_of_python_are_frozen_in_a_recording() -> None:
    factor, total = [1.0], torch.zeros(2)
    step = RecordedStep(lambda: total.add_(factor[0]))
    factor[0] = 5.0
    step()
    assert total.tolist() == [2, 2]


@every_step
def test_bfloat16_steps_keep_losses_and_float32_weights(
    options: dict[str, Any], phase: Phase, train: TrainingImages
) -> None:
    losses = []
    for use_bf16 in (False, True):
        state, step = make_step(train, options, phase, TrainEnv(CPU, use_bf16))
        # The learning rates are still 0: the first step of Adam depends on signs of gradients only.
        state.r1_gamma.fill_(1)
        step()
        for path, tensor in copy_tensors(state).items():
            assert tensor.dtype in (torch.float32, torch.uint8, torch.bool, torch.int64), path
            assert tensor.isfinite().all(), path
        losses.append(state.losses)
    full, half = losses
    assert torch.allclose(full, half, rtol=0.05, atol=0.02)
    assert not torch.equal(full, half)
