from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkmodels.data.palette import color_counts
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.compositions import ComposedPunks
from punkmodels.renderer.config import RendererConfig, make_config
from punkmodels.renderer.network import CONDITION_DIM, Renderer, load_renderer
from punkmodels.renderer.train import BatchSampler, count_wrong_pixels, create_state, training_step
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics
from punkmodels.training.train_loop import TrainState

CONFIG = make_config(total_images=400, batch_size=10)


def make_state(train: SplitTensors, config: RendererConfig = CONFIG) -> TrainState[Renderer]:
    return create_state(config, Renderer(color_counts(train.images)))


def test_run_describes_options_data_and_progress(trained: Path, train: SplitTensors) -> None:
    assert trained.name == "00001-renderer-quick"
    config = read_config(trained)
    assert config["task"] == "renderer"
    assert config["options"] == make_config(total_images=1600, batch_size=16, lr=0.05).model_dump()
    assert config["data"] == train.data_config
    lines = read_metrics(trained)
    assert [line["step"] for line in lines] == list(range(5, 101, 5))
    assert lines[-1]["images_seen"] == 1600
    assert lines[-1]["nll"] < 0.2 * lines[0]["nll"]
    assert 0 <= lines[-1]["val_pixel_exact_match"] <= 1
    assert load_checkpoint(trained)["step"] == 100


def test_training_draws_the_training_punks(
    trained: Path, train: SplitTensors, built_root: Path
) -> None:
    model = load_renderer(trained, torch.device("cpu"))
    untrained = Renderer(color_counts(train.images))
    before, after = (count_wrong_pixels(m, train).double().mean() for m in (untrained, model))
    assert after < 0.1 * before
    val = load_split(built_root, "latest", "default", "val")
    is_exact = (count_wrong_pixels(model, val) == 0).double().mean().item()
    assert read_metrics(trained)[-1]["val_pixel_exact_match"] == is_exact


def test_training_step_updates_model_and_average(train: SplitTensors) -> None:
    state = make_state(train)
    condition = torch.eye(CONDITION_DIM)[:2]
    before = state.model.weight.detach().clone()
    loss = training_step(state, condition, train.images[:2], CONFIG)
    assert loss > 0
    assert state.step == 1
    decay = 0.5 ** (1 / CONFIG.ema_half_life)
    assert not torch.equal(state.model.weight, before)
    assert torch.allclose(state.ema.weight, decay * before + (1 - decay) * state.model.weight)
    assert not state.model.weight[:, 2:].any(), "only the conditions of the batch have gradients"


def test_sampler_removes_invisible_labels_at_random(train: SplitTensors) -> None:
    config = make_config(batch_size=2000, class_balance=0.0)
    sampler = BatchSampler(train, config)
    train.visible[:, 5:].zero_()  # No accessory is visible.
    condition, images = sampler.sample(torch.Generator().manual_seed(0))
    assert images.shape == (2000, 24, 24)
    assert (condition[:, :5].sum(dim=1) == 1).all(), "types are always visible"
    frequency = train.labels[:, 5:].mean().item()
    assert condition[:, 5:92].mean().item() == pytest.approx(frequency / 2, rel=0.1)


def test_batches_have_their_share_of_composed_punks(train: SplitTensors) -> None:
    labels = torch.zeros(3, 92)
    labels[:, 0] = 1
    composed = ComposedPunks(
        torch.full((3, 24, 24), 7, dtype=torch.uint8), labels, torch.tensor([0, 2, 2])
    )
    config = make_config(batch_size=8, composed_share=0.25)
    sampler = BatchSampler(train, config, composed)
    condition, images = sampler.sample(torch.Generator().manual_seed(0))
    assert (images == 7).flatten(1).all(dim=1).tolist() == 6 * [False] + 2 * [True]
    assert condition.shape == (8, CONDITION_DIM)
    assert torch.equal(condition[6:, :92], labels[:2])
