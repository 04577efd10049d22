from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkmodels.data.palette import color_counts
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.compositions import ComposedPunks
from punkmodels.renderer.config import RendererConfig, make_config
from punkmodels.renderer.network import CONDITION_DIM, Renderer, load_renderer
from punkmodels.renderer.train import (
    BatchSampler,
    TrainState,
    count_wrong_pixels,
    learning_rate,
    train_renderer,
    training_step,
)
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics

CONFIG = make_config(total_images=400, batch_size=10)


def make_state(train: SplitTensors, config: RendererConfig = CONFIG) -> TrainState:
    return TrainState.create(config, Renderer(color_counts(train.images)))


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


def test_learning_rate_falls_along_a_cosine() -> None:
    assert learning_rate(0, CONFIG) == CONFIG.lr
    assert learning_rate(20, CONFIG) == pytest.approx(CONFIG.lr * (1 + 0.1) / 2)
    assert learning_rate(40, CONFIG) == pytest.approx(CONFIG.lr * 0.1)


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


def test_killed_run_resumes_as_an_uninterrupted_one(built_root: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int | None, note: str = "") -> None:
        if total and done > 0.6 * total:
            raise KeyboardInterrupt

    whole = train_renderer(built_root, tmp_path / "whole", CONFIG)
    with pytest.raises(KeyboardInterrupt):
        train_renderer(built_root, tmp_path / "stopped", CONFIG, progress=stop)
    (run,) = (tmp_path / "stopped").iterdir()
    assert load_checkpoint(run)["step"] == 24
    with (run / "metrics.jsonl").open("a") as file:  # a line without a checkpoint
        file.write(json.dumps({"step": 99}) + "\n")
    train_renderer(built_root, tmp_path, make_config(seed=5), resume=run)
    expected, actual = (load_checkpoint(each) for each in (whole, run))
    assert torch.equal(expected["ema"]["weight"], actual["ema"]["weight"])
    steps = [[line["step"] for line in read_metrics(each)] for each in (whole, run)]
    assert steps[0] == steps[1] == list(range(2, 41, 2))


def test_resuming_a_finished_run_changes_nothing(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    before = load_checkpoint(trained)["ema"]["weight"]
    assert train_renderer(built_root, tmp_path, CONFIG, resume=trained, log=lines.append) == trained
    assert "already finished" in lines[-1]
    assert torch.equal(load_checkpoint(trained)["ema"]["weight"], before)


def test_resuming_on_other_labels_is_refused(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    config = read_config(run)
    config["data"]["labels_hash"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="differ from those that"):
        train_renderer(built_root, tmp_path, CONFIG, resume=run)
