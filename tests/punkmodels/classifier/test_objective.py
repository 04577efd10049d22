from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkmodels.classifier.config import make_config
from punkmodels.classifier.networks import Classifier
from punkmodels.classifier.objective import augment, calibrate, classification_loss, one_cycle
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import load_split


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
