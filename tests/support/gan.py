"""Helpers that configure and train small GANs, and interrupt their training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from punkmodels.gan.config import DcganConfig, make_config
from punkmodels.gan.train import train_dcgan
from punkmodels.training.config import merge_options

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "total_images": 16 * 16,
    "batch_size": 16,
    "model": {"width": 4, "z_dim": 8, "head_channels": 3},
}


def small_config(recipe: Any = "vae-gan", **options: Any) -> DcganConfig:
    """Return options of small networks and 16 steps, overridden by others."""
    encoder = {"model": {"w_dim": 6}} if recipe == "vae-gan" else {}
    return make_config("quick", recipe, **merge_options(SMALL, encoder, options))


def train_quickly(root: Path, runs: Path, config: DcganConfig, **options: Any) -> Path:
    """Train on one thread, with few and small evaluations."""
    options = {"threads": 1, "num_evaluations": 2, "num_samples": 64} | options
    return train_dcgan(root, runs, config, **options)


def interrupt_training(root: Path, runs: Path, config: DcganConfig, **options: Any) -> Path:
    """Train until Ctrl-C at three quarters of the images, and return the run."""

    def progress(done: int, total: int | None, note: str = "") -> None:
        if total and done > 0.75 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_quickly(root, runs, config, progress=progress, **options)
    (run,) = runs.iterdir()
    return run


def flatten_tensors(value: Any, path: str = "") -> dict[str, torch.Tensor]:
    """Return the tensors in nested dictionaries by paths such as ".G.layers.0.weight"."""
    if isinstance(value, torch.Tensor):
        return {path: value}
    items = value.items() if isinstance(value, dict) else ()
    return {k: v for key, item in items for k, v in flatten_tensors(item, f"{path}.{key}").items()}
