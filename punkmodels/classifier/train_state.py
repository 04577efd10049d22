"""Objective, state and steps of a classifier's training."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from punkmodels.classifier.classifier import Classifier, build_model
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.networks import logits_to_labels, set_ridge
from punkmodels.classifier.train_data import TrainData, composed_ratio
from punkmodels.training.checkpoint import load_optimizer
from punkmodels.training.device import TrainEnv
from punkmodels.training.distributed import all_reduce_mean
from punkmodels.training.pretrained import Tensors

COUNTERS = ("step", "epoch", "best_epoch", "best_val_loss", "finished")


def classification_loss(
    logits: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> torch.Tensor:
    """Return the mean cross-entropy of labels, 0 or 1: binary, or categorical over the types."""
    if config.task == "type":
        return F.cross_entropy(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels)


def one_cycle(progress: float) -> float:
    """Return the factor of the learning rate: a cosine up to 1, then a cosine down to 0.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates" (2017). `progress` is the fraction of all training steps.
    """
    warmup = 0.25
    if progress < warmup:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warmup)) / 2
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def calibrate(
    model: Classifier, images: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> tuple[float, float]:
    """Set the temperature that minimizes the loss; return that loss, and the exact match.

    Guo et al., "On Calibration of Modern Neural Networks" (2017).
    """
    with torch.inference_mode():
        model.temperature.fill_(1)
        logits = torch.cat(
            [model.logits_from_indices(batch) for batch in torch.split(images, 1000)]
        )
        temperatures = torch.linspace(0.5, 4, 71, device=logits.device)
        losses = torch.stack(
            [classification_loss(logits / t, labels, config) for t in temperatures]
        )
        model.temperature.copy_(temperatures[losses.argmin()])
        exact_match = (logits_to_labels(logits) == labels.bool()).all(dim=1).float().mean()
        return losses.min().item(), exact_match.item()


@dataclass
class TrainState:
    """Networks, optimizer and progress of a training run: what a checkpoint contains.

    `ema` has the exponential moving average of the weights of `model`, and `best` is its state dict
    after the epoch with the lowest validation loss. `step` and `epoch` count what is complete. Not
    part of a checkpoint are the configuration, the number of batches in an epoch, and random
    numbers, which depend on the seed, the rank and the epoch only.
    """

    config: ClassifierConfig
    steps_per_epoch: int
    model: Classifier
    ema: Classifier
    optimizer: torch.optim.Optimizer
    best: Tensors
    step: int = 0
    epoch: int = 0
    best_epoch: int = 0
    best_val_loss: float = math.inf
    finished: bool = False

    @classmethod
    def create(cls, config: ClassifierConfig, data: TrainData) -> TrainState:
        """Return the state before the first step, which depends on the seed alone."""
        torch.manual_seed(config.seed)
        groups = data.solution.groups if data.solution else None
        model = build_model(config, data.pairs, data.labels.mean(0), groups)
        if data.solution:
            set_ridge(model.network, data.solution)
        model.to(data.images.device)
        ema = copy.deepcopy(model).eval().requires_grad_(False)
        optimizer = torch.optim.AdamW(
            model.parameters(), config.peak_lr, weight_decay=config.weight_decay
        )
        size = len(data.images) * (1 + (composed_ratio(config) if data.composer else 0))
        steps_per_epoch = math.ceil(round(size) / config.batch_size)
        return cls(config, steps_per_epoch, model, ema, optimizer, copy.deepcopy(ema.state_dict()))

    @property
    def images_seen(self) -> int:
        return self.step * self.config.batch_size

    @property
    def total_images(self) -> int:
        """Number of images of a training run that is not stopped early."""
        return self.config.epochs * self.steps_per_epoch * self.config.batch_size

    def complete_epoch(self, val_loss: float) -> None:
        """Count an epoch, keep the weights if they are the best, and decide whether to stop."""
        if val_loss < self.best_val_loss:
            self.best_val_loss, self.best_epoch = val_loss, self.epoch
            self.best = copy.deepcopy(self.ema.state_dict())
        has_stalled = 0 < self.config.patience <= self.epoch - self.best_epoch
        self.epoch += 1
        self.finished = has_stalled or self.epoch == self.config.epochs

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            **{name: getattr(self, name) for name in COUNTERS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.best = state["best"]
        for name in COUNTERS:
            setattr(self, name, state[name])


def training_step(
    state: TrainState, images: torch.Tensor, labels: torch.Tensor, env: TrainEnv
) -> torch.Tensor:
    """Take a step with this process's part of the batch, and return the loss.

    Raises NetworkError if another process has ended.
    """
    config = state.config
    progress = state.step / (config.epochs * state.steps_per_epoch)
    for group in state.optimizer.param_groups:
        group["lr"] = config.peak_lr * one_cycle(progress)
    state.optimizer.zero_grad(set_to_none=True)
    with env.autocast():
        logits = state.model.train().logits_from_indices(images)
    loss = classification_loss(logits, labels, config)
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    all_reduce_mean(p.grad for p in state.model.parameters())
    state.optimizer.step()

    # In the first steps, a slow average would be dominated by the untrained weights.
    half_life = config.ema_half_life_epochs * state.steps_per_epoch
    decay = min(0.5 ** (1 / half_life), (state.step + 1) / (state.step + 10))
    parameters = zip(state.ema.parameters(), state.model.parameters(), strict=True)
    with torch.no_grad():
        for average, parameter in parameters:
            average.lerp_(parameter, 1 - decay)
    state.step += 1
    return loss.detach()
