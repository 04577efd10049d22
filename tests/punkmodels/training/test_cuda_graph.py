from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from punkmodels.gan import train as training
from punkmodels.gan.config import make_config
from punkmodels.gan.train import train_dcgan
from punkmodels.training import cuda_graph
from punkmodels.training.checkpoint import CheckpointMetadata, load_checkpoint
from punkmodels.training.cuda_graph import CapturedStep

SMALL: dict[str, Any] = {
    "width": 8,
    "batch_size": 16,
    "total_images": 50 * 16,
    "adversarial_start": 0.4,
}
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOOKS", 2)
    monkeypatch.setattr(training, "DRAWN", 64)


def tensors_of(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run, CheckpointMetadata)[0]


def compare(one: Path, other: Path) -> None:
    first, second = tensors_of(one), tensors_of(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, second[name], rtol=1e-2, atol=1e-3), name


def test_without_a_gpu_a_step_is_called() -> None:
    taken = []
    step = CapturedStep(lambda: taken.append(1), torch.device("cpu"), torch.Generator())
    for _ in range(cuda_graph.WARM_UPS + 3):
        step()
    assert len(taken) == cuda_graph.WARM_UPS + 3


@needs_gpu
def test_a_replayed_step_draws_new_numbers_and_keeps_its_tensors() -> None:
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


@needs_gpu
@pytest.mark.parametrize("recipe", ["modern", "classic"])
def test_captured_steps_train_what_eager_ones_do(
    recipe: str, built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(recipe=recipe, **SMALL)
    captured = train_dcgan(built_root, tmp_path, config, device_name="cuda")
    monkeypatch.setattr(cuda_graph, "WARM_UPS", 10**9)
    compare(captured, train_dcgan(built_root, tmp_path, config, device_name="cuda"))


@needs_gpu
def test_a_captured_run_goes_on_where_it_was_stopped(built_root: Path, tmp_path: Path) -> None:
    config = make_config(**SMALL)
    whole = train_dcgan(built_root, tmp_path / "whole", config, device_name="cuda")

    def stop(done: int, total: int, note: str = "") -> None:
        if done > 0.8 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_dcgan(built_root, tmp_path / "part", config, device_name="cuda", progress=stop)
    (run,) = (tmp_path / "part").iterdir()
    train_dcgan(built_root, tmp_path, config, resume=run)
    compare(whole, run)


@needs_gpu
def test_a_compiled_run_trains_what_a_plain_one_does(built_root: Path, tmp_path: Path) -> None:
    plain, torch_compile = (
        train_dcgan(
            built_root, tmp_path, make_config(torch_compile=how, **SMALL), device_name="cuda"
        )
        for how in (False, True)
    )
    compare(plain, torch_compile)
