from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from support.classifiers import tiny_config

from punkdata.errors import DataError
from punkmodels.classifier.classifier import Classifier
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.classifier.train_data import TrainData, augment
from punkmodels.classifier.train_state import (
    TrainState,
    calibrate,
    classification_loss,
    one_cycle,
    training_step,
)
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import load_split
from punkmodels.training.checkpoint import restore_checkpoint, save_checkpoint
from punkmodels.training.device import TrainEnv

CPU = torch.device("cpu")
CONFIG = tiny_config(epochs=3, batch_size=8)
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 222, (16, 24, 24), generator=GENERATOR).to(torch.uint8)
LABELS = torch.rand(16, 92, generator=GENERATOR).round()
PAIRS = build_pair_table(IMAGES)
DATA = TrainData(IMAGES, LABELS, torch.ones(16) / 16, IMAGES, LABELS, PAIRS, {})


def build_state(config: ClassifierConfig = CONFIG) -> TrainState:
    return TrainState.create(config, DATA)


def take_step(state: TrainState) -> float:
    torch.manual_seed(state.step)  # For dropout.
    return training_step(state, IMAGES[:8], LABELS[:8], TrainEnv(CPU)).item()


def copy_tensors(state: TrainState) -> dict[str, torch.Tensor]:
    """Return copies of the weights of a state."""
    groups = {"model": state.model.state_dict(), "ema": state.ema.state_dict(), "best": state.best}
    return {f"{group}.{k}": t.clone() for group, ts in groups.items() for k, t in ts.items()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def test_initial_weights_depend_only_on_the_seed() -> None:
    first, same, other = (
        build_state(tiny_config(seed=seed)).model.state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["network.hidden.0.weight"], other["network.hidden.0.weight"])


def test_a_step_moves_the_weights_and_their_average() -> None:
    state = build_state()
    before = copy_tensors(state)
    assert math.isfinite(take_step(state))
    after = copy_tensors(state)
    for name in ("model.network.head.weight", "ema.network.head.weight"):
        assert not torch.equal(before[name], after[name])
    assert torch.equal(before["best.network.head.weight"], after["best.network.head.weight"])


def test_a_restored_state_equals_the_saved_one_and_continues_alike(run: Path) -> None:
    state = build_state()
    for _ in range(2):
        take_step(state)
    state.complete_epoch(0.5)
    save_checkpoint(run, state.state_dict())
    restored = build_state(tiny_config(epochs=3, batch_size=8, seed=1))
    restore_checkpoint(run, restored)
    for field in ("step", "epoch", "best_epoch", "best_val_loss", "finished"):
        assert getattr(restored, field) == getattr(state, field)
    assert take_step(restored) == take_step(state)
    saved_tensors, restored_tensors = copy_tensors(state), copy_tensors(restored)
    assert saved_tensors.keys() == restored_tensors.keys()
    assert all(torch.equal(saved_tensors[name], restored_tensors[name]) for name in saved_tensors)


def test_restore_refuses_the_state_of_another_network(run: Path) -> None:
    state = build_state()
    take_step(state)
    save_checkpoint(run, state.state_dict())
    with pytest.raises(DataError, match="does not match the network"):
        restore_checkpoint(run, build_state(tiny_config(hidden=5)))


def test_training_stops_after_patience_and_keeps_the_best_weights() -> None:
    config = tiny_config(epochs=5, patience=2)
    state = build_state(config)
    val_losses = iter([0.5, 0.3, 0.4, 0.35, 0.1])
    heads = []
    while not state.finished:
        take_step(state)
        state.complete_epoch(next(val_losses))
        heads.append(state.ema.network.head.weight.clone())
    assert (state.epoch, state.best_epoch, state.best_val_loss) == (4, 1, 0.3)
    assert torch.equal(state.best["network.head.weight"], heads[1])


def test_training_finishes_with_the_last_epoch_without_patience() -> None:
    config = tiny_config(epochs=2)
    state = build_state(config)
    for val_loss in (0.1, 0.2):
        assert not state.finished
        state.complete_epoch(val_loss)
    assert state.finished
    assert state.best_epoch == 0


def test_bfloat16_changes_gradients_only_slightly() -> None:
    vectors = []
    for use_bf16 in (False, True):
        state = build_state(tiny_config(dropout=0.0))
        training_step(state, IMAGES, LABELS, TrainEnv(CPU, use_bf16))
        vectors.append(torch.cat([p.grad.flatten() for p in state.model.parameters()]))
    full, half = vectors
    assert not torch.equal(full, half)
    assert (half - full).norm() < 0.1 * full.norm()


def test_pixel_noise_takes_pixels_from_the_same_position() -> None:
    images = torch.arange(8, dtype=torch.uint8)[:, None, None].expand(8, 24, 24).clone()
    images[:, 3, 3] = 100
    torch.manual_seed(0)
    noisy = augment(images, 0.1)
    assert (noisy[:, 3, 3] == 100).all()
    assert 0.03 < (noisy != images).float().mean() < 0.15
    assert torch.equal(augment(images, 0.0), images)


def test_one_cycle_rises_to_1_and_falls_to_0() -> None:
    assert one_cycle(0) == pytest.approx(0.04)
    assert one_cycle(0.25) == pytest.approx(1)
    assert one_cycle(1) == pytest.approx(0)
    assert one_cycle(0.1) < one_cycle(0.2)
    assert one_cycle(0.5) > one_cycle(0.8)


@pytest.mark.parametrize("task", ["labels", "type"])
def test_loss_of_confident_correct_logits_is_near_0(task: str) -> None:
    config = make_config(task=task)
    labels = torch.nn.functional.one_hot(torch.arange(5) % config.num_outputs, config.num_outputs)
    logits = torch.where(labels > 0, 20.0, -20.0)
    assert classification_loss(logits, labels.float(), config) < 1e-6
    assert classification_loss(-logits, labels.float(), config) > 10


class OverconfidentNetwork(torch.nn.Module):
    """Returns extreme logits, which are wrong for every fourth image."""

    def __init__(self, labels: torch.Tensor) -> None:
        super().__init__()
        self.labels = labels

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        is_wrong = torch.arange(len(indices)) % 4 == 0
        logits = torch.where(self.labels > 0, 20.0, -20.0)
        return torch.where(is_wrong[:, None], -logits, logits)


def test_calibrate_raises_the_temperature_of_an_overconfident_model(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "train")
    network = OverconfidentNetwork(split.visible)
    model = Classifier(network, build_pair_table(split.images)).eval()
    loss, exact_match = calibrate(model, split.images, split.visible, make_config())
    assert model.temperature == 4  # The upper end of the search grid.
    is_correct = torch.arange(len(split)) % 4 != 0
    assert exact_match == pytest.approx(is_correct.float().mean().item())
    assert loss < classification_loss(network(split.images), split.visible, make_config())
