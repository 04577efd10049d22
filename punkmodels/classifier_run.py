"""A classifier's run: its options, and its network back from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, Field, ValidationError
from torch import nn

from punkdata.errors import DataError
from punkmodels.checkpoint import load_checkpoint, unprefixed
from punkmodels.classifier import PunkCNN
from punkmodels.runs import read_config

# The bounds are checked when a run's config.json is read again.
Count = Annotated[int, Field(ge=1, le=100_000)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class ClassifierConfig:
    """Options of a classifier's training; the defaults are the preset `quick`."""

    preset: str = "quick"
    epochs: Count = 8
    batch_size: Count = 64
    code: Count = 16
    width: Count = 32
    hidden: Count = 256
    dropout: Share = 0.2
    peak_lr: float = 3e-3
    weight_decay: float = 0.02
    ema_half_life_epochs: float = 0.5
    balanced_share: Share = 0.5
    """share of a batch that is drawn so that rare labels come as often as common ones"""
    noise_share: Share = 0.01
    """share of pixels that are taken from another punk"""
    seed: int = 0


PRESETS = {"quick": ClassifierConfig()}


def build_model(config: ClassifierConfig, prior: torch.Tensor | None = None) -> PunkCNN:
    return PunkCNN(config.code, config.width, config.hidden, config.dropout, prior)


class _Data(BaseModel):
    version: str
    labels_hash: str


class _Device(BaseModel):
    name: str
    threads: Annotated[int, Field(ge=1, le=1024)]


class SavedConfig(BaseModel):
    """What is read again of a classifier's config.json."""

    task: Literal["classifier"]
    options: ClassifierConfig
    data: _Data
    device: _Device


def read_classifier_config(run: Path) -> SavedConfig:
    """The config.json of a classifier's run.

    Raises:
        DataError: it is missing, damaged, or not a classifier's.
    """
    try:
        return SavedConfig.model_validate(read_config(run))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{run} is not a classifier of this punkmodels (config.json, {where}: {first['msg']})"
        ) from None


def load_classifier(run: Path, device: torch.device) -> nn.Module:
    """The averaged network of a run, ready to predict.

    Raises:
        DataError: the run has no whole checkpoint, or is no classifier's.
    """
    config = read_classifier_config(run).options
    tensors, _ = load_checkpoint(run)
    model = build_model(config)
    restore_model(run, model, unprefixed("ema", tensors))
    return model.eval().to(device)


def restore_model(run: Path, model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise DataError(f"the checkpoint of {run} holds weights that are not numbers")
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DataError(f"the checkpoint of {run} does not fit ({error})") from None
