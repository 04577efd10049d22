"""State of a classifier's training, and a training step on it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch

from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.networks import Classifier, build_model
from punkmodels.classifier.objective import classification_loss, one_cycle
from punkmodels.classifier.train_data import TrainData
from punkmodels.training.checkpoint import load_optimizer
from punkmodels.training.device import TrainEnv
from punkmodels.training.distributed import all_reduce_mean
from punkmodels.training.pretrained import Tensors

COUNTERS = ("step", "epoch", "best_epoch", "best_val_loss", "finished")


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
        model = build_model(config, data.pairs, data.labels.mean(0)).to(data.images.device)
        ema = copy.deepcopy(model).eval().requires_grad_(False)
        optimizer = torch.optim.AdamW(
            model.parameters(), config.peak_lr, weight_decay=config.weight_decay
        )
        steps_per_epoch = math.ceil(len(data.images) / config.batch_size)
        return cls(config, steps_per_epoch, model, ema, optimizer, _copy_weights(ema))

    @property
    def images_seen(self) -> int:
        """Number of images of the steps so far, with repetitions, in all processes."""
        return self.step * self.config.batch_size

    @property
    def total_images(self) -> int:
        """Number of images of a training run that is not stopped early."""
        return self.config.epochs * self.steps_per_epoch * self.config.batch_size

    def complete_epoch(self, val_loss: float) -> None:
        """Count an epoch, keep the weights if they are the best, and decide whether to stop."""
        if val_loss < self.best_val_loss:
            self.best_val_loss, self.best_epoch = val_loss, self.epoch
            self.best = _copy_weights(self.ema)
        has_stalled = 0 < self.config.patience <= self.epoch - self.best_epoch
        self.epoch += 1
        self.finished = has_stalled or self.epoch == self.config.epochs

    def state_dict(self) -> dict[str, Any]:
        """Return the content of a checkpoint."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            **{name: getattr(self, name) for name in COUNTERS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the content of a checkpoint."""
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.best = state["best"]
        for name in COUNTERS:
            setattr(self, name, state[name])


def training_step(
    state: TrainState, images: torch.Tensor, labels: torch.Tensor, env: TrainEnv
) -> torch.Tensor:
    """Take an optimizer step, update the moving average, and return the loss.

    `images` are this process's part of the batch as palette indices, uint8 (N, 24, 24), and
    `labels` are float32 (N, num_outputs). Raises NetworkError if another process has ended.
    """
    config = state.config
    progress = state.step / (config.epochs * state.steps_per_epoch)
    for group in state.optimizer.param_groups:
        group["lr"] = config.peak_lr * one_cycle(progress)
    state.optimizer.zero_grad(set_to_none=True)
    with env.autocast():
        logits = state.model.train()(images)
    loss = classification_loss(logits, labels, config)
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    all_reduce_mean(p.grad for p in state.model.parameters())
    state.optimizer.step()

    # In the first steps, a slow average would be dominated by the untrained weights.
    half_life = config.ema_half_life_epochs * state.steps_per_epoch
    decay = min(0.5 ** (1 / half_life), (state.step + 1) / (state.step + 10))
    with torch.no_grad():
        for average, parameter in zip(
            state.ema.parameters(), state.model.parameters(), strict=True
        ):
            average.lerp_(parameter, 1 - decay)
    state.step += 1
    return loss.detach()


def _copy_weights(model: Classifier) -> Tensors:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
