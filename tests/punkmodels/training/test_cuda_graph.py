"""CUDA graphs; those marked `gpu` are the tests that `make gpu` runs, without other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from punkmodels.data.splits import load_split
from punkmodels.gan.config import make_config
from punkmodels.gan.schedule import Phase
from punkmodels.gan.state import TrainState
from punkmodels.gan.step import BatchSampler, training_step
from punkmodels.gan.train import train_dcgan
from punkmodels.gan.training_images import from_split
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.device import CapturedStep, TrainEnv
from punkmodels.training.run_dir import read_metrics

RECIPES = ["vae-gan", "adversarial", "dcgan", "mlp"]
BATCH_SIZE = 16
STEPS = 50


def small_config(**options: Any) -> Any:
    """A configuration of 50 steps, 30 of them with the discriminator."""
    small: dict[str, Any] = {"batch_size": BATCH_SIZE, "total_images": STEPS * BATCH_SIZE}
    schedule = {"adversarial_start": 0.4}
    return make_config(**small, model={"width": 8}, schedule=schedule, **options)


def assert_trained(run: Path) -> None:
    assert load_checkpoint(run)["step"] == STEPS
    steps = [line["step"] for line in read_metrics(run)]
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS


def test_a_step_on_the_cpu_is_called_every_time() -> None:
    calls = []
    step = CapturedStep(lambda: calls.append(1), torch.device("cpu"), torch.Generator())
    for _ in range(7):
        step()
    assert len(calls) == 7


@pytest.mark.gpu
def test_replays_generate_new_random_numbers() -> None:
    device = torch.device("cuda")
    generator = torch.Generator(device).manual_seed(0)
    total = torch.zeros(4, device=device)

    def add() -> None:
        total.add_(torch.rand(4, generator=generator, device=device))

    step = CapturedStep(add, device, generator)
    for _ in range(20):
        step()
    generator.manual_seed(0)
    expected = sum(torch.rand(4, generator=generator, device=device) for _ in range(20))
    assert torch.allclose(total, expected)


@pytest.mark.gpu
def test_a_captured_optimizer_step_equals_an_eager_one() -> None:
    device = torch.device("cuda")
    weights = []
    for warmup_steps in (1, 10):  # With 10, no step is captured.
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 2).to(device, torch.float64)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        inputs = torch.ones(3, 4, device=device, dtype=torch.float64)

        def take_step(model: Any = model, optimizer: Any = optimizer, inputs: Any = inputs) -> None:
            optimizer.zero_grad(set_to_none=True)
            model(inputs).square().mean().backward()
            optimizer.step()

        step = CapturedStep(take_step, device, torch.Generator(device), warmup_steps)
        for _ in range(3):
            step()
        weights.append(model.weight.detach().clone())
    assert torch.allclose(*weights)


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", RECIPES)
def test_captured_gan_steps_equal_eager_ones(recipe: str, built_root: Path) -> None:
    device, results = torch.device("cuda"), []
    train = from_split(load_split(built_root, "latest", "default", "train"))
    for warmup_steps in (1, 10):  # With 10, no step is captured.
        state = TrainState.create(small_config(recipe=recipe), train.images, device)
        sampler, phase = BatchSampler(train, state.config, device), Phase(True, False)

        def take_step(state: Any = state, sampler: Any = sampler, phase: Any = phase) -> None:
            training_step(state, sampler.sample(state.random), phase, TrainEnv(device))

        step = CapturedStep(take_step, device, state.random, warmup_steps)
        for state.step in range(3):
            state.set_schedules()
            step()
        results.append(state.losses)
    # Adam turns differences in rounding into small differences of the weights.
    assert torch.allclose(*results, rtol=0.02, atol=0.02)


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", RECIPES)
def test_captured_training_finishes(recipe: str, built_root: Path, tmp_path: Path) -> None:
    config = small_config(recipe=recipe)
    assert_trained(train_dcgan(built_root, tmp_path, config, device_name="cuda"))


@pytest.mark.gpu
def test_captured_training_resumes(built_root: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        if total and done > 0.8 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_dcgan(built_root, tmp_path, small_config(), device_name="cuda", progress=stop)
    (run,) = tmp_path.iterdir()
    train_dcgan(built_root, tmp_path, small_config(), resume=run)
    assert_trained(run)


@pytest.mark.gpu
def test_captured_training_with_torch_compile_finishes(built_root: Path, tmp_path: Path) -> None:
    config = small_config(compile=True)
    assert_trained(train_dcgan(built_root, tmp_path, config, device_name="cuda"))
