"""State of a classifier's training, and a training step on it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import torch

from punkmodels.classifier.config import ClassifierConfig, ClassifierMetadata
from punkmodels.classifier.networks import Classifier
from punkmodels.classifier.objective import classification_loss, one_cycle
from punkmodels.training.checkpoint import (
    Tensors,
    add_prefix,
    flatten_optimizer_state,
    load_checkpoint,
    restore_optimizer,
    save_checkpoint,
    strip_prefix,
)
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup
from punkmodels.training.pretrained import restore_model


@dataclass(frozen=True)
class TrainEnv:
    """Device, precision and processes of a training run."""

    device: torch.device
    use_bf16: bool = False
    process_group: ProcessGroup = SINGLE_PROCESS


@dataclass
class TrainState:
    """Everything that a checkpoint contains."""

    model: Classifier
    ema: Classifier
    """Model with the exponential moving average of the weights."""
    optimizer: torch.optim.Optimizer
    best: Tensors
    """State dict of `ema` after the epoch with the lowest validation loss."""
    epoch: int = 0
    """Number of completed epochs."""
    best_epoch: int = 0
    """Index of the epoch with the lowest validation loss, counted from 0."""
    best_val_loss: float = math.inf
    """Lowest validation loss."""
    finished: bool = False
    """Whether training is complete."""

    @classmethod
    def create(cls, model: Classifier, config: ClassifierConfig) -> TrainState:
        """Return the state before the first step."""
        ema = copy.deepcopy(model).eval().requires_grad_(False)
        optimizer = torch.optim.AdamW(
            model.parameters(), config.peak_lr, weight_decay=config.weight_decay
        )
        return cls(model, ema, optimizer, _copy_state_dict(ema))

    def complete_epoch(self, val_loss: float, config: ClassifierConfig) -> None:
        """Count an epoch, keep the weights if they are the best, and decide whether to stop."""
        if val_loss < self.best_val_loss:
            self.best_val_loss, self.best_epoch = val_loss, self.epoch
            self.best = _copy_state_dict(self.ema)
        has_stalled = 0 < config.patience <= self.epoch - self.best_epoch
        self.epoch += 1
        self.finished = has_stalled or self.epoch == config.epochs

    def save(self, run: Path, steps_per_epoch: int) -> None:
        """Write a checkpoint.

        Raises:
            StorageError: The disk is full or not writable.
        """
        tensors = (
            add_prefix("model", self.model.state_dict())
            | add_prefix("ema", self.ema.state_dict())
            | add_prefix("best", self.best)
            | add_prefix("optimizer", flatten_optimizer_state(self.optimizer))
        )
        metadata = ClassifierMetadata(
            step=self.epoch * steps_per_epoch,
            epoch=self.epoch - 1,
            finished=self.finished,
            best_epoch=self.best_epoch,
            best_val_loss=self.best_val_loss,
        )
        save_checkpoint(run, tensors, metadata)

    def restore(self, run: Path) -> None:
        """Load the newest checkpoint of a run.

        Raises:
            DataError: There is no checkpoint, it is damaged, or it does not match the networks.
        """
        tensors, metadata = load_checkpoint(run, ClassifierMetadata)
        restore_model(run, self.model, strip_prefix("model", tensors))
        restore_model(run, self.ema, strip_prefix("ema", tensors))
        restore_optimizer(self.optimizer, strip_prefix("optimizer", tensors))
        self.best = strip_prefix("best", tensors)
        self.epoch = metadata.epoch + 1
        self.best_epoch, self.best_val_loss = metadata.best_epoch, metadata.best_val_loss
        self.finished = metadata.finished


def compute_gradients(
    model: Classifier,
    images: torch.Tensor,
    labels: torch.Tensor,
    config: ClassifierConfig,
    *,
    use_bf16: bool,
) -> torch.Tensor:
    """Add the gradients of the loss to the parameters, and return the loss.

    Args:
        model: The model, in training mode.
        images: Palette indices, uint8 (N, 24, 24).
        labels: float32 (N, num_outputs).
        config: Determines the loss.
        use_bf16: Whether to compute the logits in bfloat16.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=use_bf16):
        logits = model(images)
    loss = classification_loss(logits, labels, config)
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    return loss.detach()


def training_step(
    state: TrainState,
    images: torch.Tensor,
    labels: torch.Tensor,
    config: ClassifierConfig,
    env: TrainEnv,
    *,
    step: int,
    steps_per_epoch: int,
) -> torch.Tensor:
    """Take an optimizer step, update the moving average, and return the loss.

    Args:
        state: The state to change.
        images: This process's shard of the batch, palette indices, uint8 (N, 24, 24).
        labels: float32 (N, num_outputs).
        config: The configuration.
        env: Device, precision and process group.
        step: Index of the step, counted from 0.
        steps_per_epoch: Number of steps in an epoch.

    Raises:
        NetworkError: Another process has ended.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = config.peak_lr * one_cycle(step / (config.epochs * steps_per_epoch))
    state.optimizer.zero_grad(set_to_none=True)
    loss = compute_gradients(state.model, images, labels, config, use_bf16=env.use_bf16)
    env.process_group.all_reduce_mean(p.grad for p in state.model.parameters())
    state.optimizer.step()

    # In the first steps, a slow average would be dominated by the untrained weights.
    half_life = config.ema_half_life_epochs * steps_per_epoch
    decay = min(0.5 ** (1 / half_life), (step + 1) / (step + 10))
    with torch.no_grad():
        for average, parameter in zip(
            state.ema.parameters(), state.model.parameters(), strict=True
        ):
            average.lerp_(parameter, 1 - decay)
    return loss


def _copy_state_dict(model: Classifier) -> Tensors:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
