"""Helpers that train small generators, interrupt the training, and read its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from punkmodels.gan.config import DcganConfig
from punkmodels.gan.train import train_dcgan
from punkmodels.gan.trainer.evaluation import EvaluationOptions
from punkmodels.training.legacy_checkpoint import CheckpointMetadata, load_checkpoint

CPU = torch.device("cpu")
QUICK_EVALUATION = EvaluationOptions(num_evaluations=2, num_samples=64, num_norm_batches=5)


def train_quickly(
    root: Path,
    runs: Path,
    config: DcganConfig,
    evaluation: EvaluationOptions = QUICK_EVALUATION,
    **options: Any,
) -> Path:
    """Train on one thread, with few and small evaluations."""
    options = {"threads": 1, "evaluation": evaluation} | options
    return train_dcgan(root, runs, config, **options)


def interrupt_training(root: Path, runs: Path, config: DcganConfig, **options: Any) -> Path:
    """Train until Ctrl-C at three quarters of the images, and return the run."""

    def progress(done: int, total: int, note: str = "") -> None:
        if done > 0.75 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_quickly(root, runs, config, progress=progress, **options)
    (run,) = runs.iterdir()
    return run


def checkpoint_tensors(run: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of the newest checkpoint."""
    return load_checkpoint(run, CheckpointMetadata)[0]
