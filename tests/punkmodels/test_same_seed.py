"""Trainings that are started twice with the same seed, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from support.gan import flatten_tensors, small_config, train_quickly
from support.punkmodels_cli import run

from punkmodels.choices import DcganRecipe
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import list_runs


def check_two_runs(train: Callable[[], object], runs: Path) -> None:
    """Train twice, and compare weights, moving averages and optimizers of both runs."""
    for _ in range(2):
        torch.manual_seed(torch.seed())  # The second training must not depend on the first one.
        train()
    first, second = (flatten_tensors(load_checkpoint(folder)) for folder in list_runs(runs))
    assert first.keys() == second.keys()
    assert [key for key, tensor in first.items() if not torch.equal(tensor, second[key])] == []


@pytest.mark.parametrize(
    "command",
    [
        ("classifier", "--epochs", 1, "--set", "width=4", "--set", "hidden=8"),
        ("renderer", "--total-images", 64),
        ("label-sets", "--total-images", 300, "--set", "width=16"),
    ],
    ids=lambda command: command[0],
)
def test_same_seed_gives_identical_weights(
    command: tuple[object, ...], built_root: Path, tmp_path: Path
) -> None:
    options = ("--seed", 0, "--threads", 1, "--root", built_root, "--runs", tmp_path)
    check_two_runs(lambda: run("train", *command, *options), tmp_path)


@pytest.mark.parametrize(
    "options",
    [*({"recipe": name} for name in get_args(DcganRecipe)), {"conditional": "type"}],
    ids=str,
)
def test_same_seed_gives_an_identical_gan(
    options: dict[str, Any], built_root: Path, tmp_path: Path
) -> None:
    config = small_config(**options, total_images=16 * 8, schedule={"adversarial_start": 0.3})
    check_two_runs(lambda: train_quickly(built_root, tmp_path, config), tmp_path)
