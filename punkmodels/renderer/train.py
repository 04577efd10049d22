"""Training of a renderer on the training split of a snapshot.

The model is small, so one process on a CPU is enough. All random numbers come from one generator
whose state is part of the checkpoint: with the same number of threads, a resumed run ends with the
weights of an uninterrupted one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkmodels.data.palette import color_counts, detect_skin_tones
from punkmodels.data.splits import SplitTensors, load_split, sampling_weights
from punkmodels.renderer.compositions import ComposedPunks, compose_punks
from punkmodels.renderer.config import RendererConfig
from punkmodels.renderer.network import (
    Renderer,
    SavedRenderer,
    conditions_from_labels,
    encode_condition,
)
from punkmodels.training import checkpoint
from punkmodels.training.device import TrainEnv
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.pretrained import check_same_data, read_resumed_run, start_run
from punkmodels.training.run_dir import describe_training, naming_run

NUM_EVALUATIONS = 20  # at most, each followed by a checkpoint


@dataclass
class TrainState:
    """What a checkpoint contains; `ema` has the exponential moving average of the weights."""

    model: Renderer
    ema: Renderer
    optimizer: torch.optim.Optimizer
    random: torch.Generator
    step: int = 0

    @classmethod
    def create(cls, config: RendererConfig, model: Renderer) -> TrainState:
        ema = copy.deepcopy(model).requires_grad_(False)
        optimizer = torch.optim.Adam(model.parameters(), config.lr, betas=(0.9, 0.99), fused=True)
        return cls(model, ema, optimizer, torch.Generator().manual_seed(config.seed))

    def state_dict(self) -> dict[str, Any]:
        names = ("model", "ema", "optimizer")
        states: dict[str, Any] = {name: getattr(self, name).state_dict() for name in names}
        return states | {"random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        checkpoint.load_optimizer(self.optimizer, state["optimizer"])
        self.random.set_state(state["random"])
        self.step = state["step"]


class BatchSampler:
    """Sampler of punks of a split, and of composed ones if there are any, with replacement."""

    def __init__(
        self, split: SplitTensors, config: RendererConfig, composed: ComposedPunks | None = None
    ) -> None:
        self.split: SplitTensors = split
        self.config: RendererConfig = config
        self.composed: ComposedPunks | None = composed
        self.skin_tones: torch.Tensor = detect_skin_tones(split.images)
        self.weights: torch.Tensor = sampling_weights(split.visible, config.class_balance)

    def sample(self, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return conditions, from which invisible labels are removed at random, and sprites."""
        size = self.config.batch_size
        composed = self.composed
        if composed:
            num_composed = int(size * self.config.composed_share)
            chosen = torch.randint(len(composed.images), (num_composed,), generator=random)
            size -= num_composed
        rows = torch.multinomial(self.weights, size, replacement=True, generator=random)
        labels, visible = self.split.labels[rows], self.split.visible[rows]
        is_kept = torch.rand(labels.shape, generator=random) >= self.config.invisible_label_dropout
        labels = torch.where(is_kept, labels, visible)
        skin_tones, images = self.skin_tones[rows], self.split.images[rows]
        if composed:
            labels = torch.cat([labels, composed.labels[chosen]])
            skin_tones = torch.cat([skin_tones, composed.skin_tones[chosen]])
            images = torch.cat([images, composed.images[chosen]])
        return encode_condition(labels, skin_tones), images


def training_step(
    state: TrainState, condition: torch.Tensor, images: torch.Tensor, config: RendererConfig
) -> torch.Tensor:
    """Take an optimizer step, update the moving average, and return the loss in nats per punk."""
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, config)
    nll = state.model.nll(condition, images).mean()
    loss = nll + config.l1_weight * state.model.condition_logits().abs().sum()
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    state.optimizer.step()
    state.step += 1
    decay = 0.5 ** (1 / (config.ema_half_life * state.step))
    with torch.no_grad():
        for average, current in zip(state.ema.parameters(), state.model.parameters(), strict=True):
            average.lerp_(current, 1 - decay)
    return nll.detach()


def learning_rate(step: int, config: RendererConfig) -> float:
    remaining = (1 + math.cos(math.pi * step / config.num_steps)) / 2
    return config.lr * (config.final_lr_fraction + (1 - config.final_lr_fraction) * remaining)


def count_wrong_pixels(model: Renderer, split: SplitTensors) -> torch.Tensor:
    """Render all punks of a split, and return how many pixels of each differ, int64 (N,)."""
    conditions = conditions_from_labels(split.labels, detect_skin_tones(split.images))
    rendered: torch.Tensor = model(conditions)
    return (rendered != split.images).flatten(1).sum(dim=1)


def find_seen(labels: torch.Tensor, train_labels: torch.Tensor) -> torch.Tensor:
    """Return which label sets (N, 92) some training punk has, bool (N,)."""
    train_sets = {row.tobytes() for row in train_labels.bool().numpy()}
    return torch.tensor([row.tobytes() in train_sets for row in labels.bool().numpy()])


def train_renderer(
    root: Path,
    runs: Path,
    config: RendererConfig,
    *,
    version: str = "latest",
    threads: int = 1,
    resume: Path | None = None,
    logger: str | None = None,
    progress: Progress = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train a renderer on a snapshot, and return its run folder.

    A run that is resumed keeps its options, snapshot and threads. `logger` is that of
    `open_metrics`; `log` is called with lines for the user. Raises UsageError or DataError if the
    snapshot does not exist, or the run is damaged or was trained on other data.
    """
    check_logger(logger)
    saved = read_resumed_run(resume, SavedRenderer, "renderer") if resume else None
    if saved:
        config, version, threads = saved.options, saved.data.version, saved.device.threads
    progress(0, None, "loading data")
    train, val = (load_split(root, version, "default", name) for name in ("train", "val"))
    if len(train) < 2 or not len(val):
        raise DataError(f"the training or validation split of '{train.path}' is empty")
    if saved:
        check_same_data(saved, train.data_config)
    torch.set_num_threads(threads)

    # Create the run folder, or restore the last checkpoint.
    name, env = f"renderer-{config.preset}", TrainEnv(torch.device("cpu"))
    run = resume or start_run(
        runs, name, "renderer", config.model_dump(), train.data_config, env, "CPU"
    )
    composed = None
    if config.composed_share:
        progress(0, None, "composing punks")
        composed = compose_punks(train, config.seed)
        if not composed:
            log("no sprite layers draw all of these punks: training on these punks alone")
    images = torch.cat([train.images, composed.images]) if composed else train.images
    state = TrainState.create(config, Renderer(color_counts(images)))
    if checkpoint.has_checkpoint(run):
        checkpoint.restore_checkpoint(run, state)
    if state.step == config.num_steps:
        log(f"{run} is already finished")
    else:
        log(f"{run}: {config.total_images:,} images of {len(train):,} punks of {train.version}")
        first_step, start_s = state.step, time.perf_counter()
        with naming_run(run):
            sampler = BatchSampler(train, config, composed)
            _take_steps(run, state, sampler, val, logger, progress)
        amount = f"on {config.total_images - first_step * config.batch_size:,} images"
        log(describe_training(run, "renderer", amount, time.perf_counter() - start_s))
    return run


def _take_steps(
    run: Path,
    state: TrainState,
    sampler: BatchSampler,
    val: SplitTensors,
    logger: str | None,
    progress: Progress,
) -> None:
    """Take all remaining steps; evaluate, log and write a checkpoint at regular intervals."""
    config, is_unseen = sampler.config, ~find_seen(val.labels, sampler.split.labels)
    interval = math.ceil(config.num_steps / NUM_EVALUATIONS)
    losses, note, start_s = [], "", time.perf_counter()
    with open_metrics(run, state.step // interval, logger) as log_metrics:
        while state.step < config.num_steps:
            losses.append(training_step(state, *sampler.sample(state.random), config))
            images_seen = min(config.total_images, state.step * config.batch_size)
            progress(images_seen, config.total_images, note)
            if state.step % checkpoint.CHECK_INTERVAL == 0:
                checkpoint.check_finite(run, losses[-1])
            if state.step % interval and state.step < config.num_steps:
                continue
            checkpoint.check_finite(run, torch.stack(losses), state)
            is_exact = count_wrong_pixels(state.ema, val) == 0
            line = {
                "step": state.step,
                "images_seen": images_seen,
                "nll": torch.stack(losses).mean().item(),
                "val_pixel_exact_match": is_exact.double().mean().item(),
                "val_pixel_exact_match_unseen": is_exact[is_unseen].double().mean().item(),
                "images_per_s": len(losses) * config.batch_size / (time.perf_counter() - start_s),
            }
            log_metrics(line)
            checkpoint.save_checkpoint(run, state.state_dict())
            note = f"val pixel-exact match {line['val_pixel_exact_match']:.3f}"
            progress(images_seen, config.total_images, note)
            losses, start_s = [], time.perf_counter()
