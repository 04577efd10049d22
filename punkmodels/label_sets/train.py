"""Training of a model of label sets on the training split of a snapshot.

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
from punkmodels.data.palette import detect_skin_tones
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.label_sets.config import LabelSetsConfig
from punkmodels.label_sets.encoding import encode_label_sets, find_encodable, is_possible
from punkmodels.label_sets.network import LabelSetModel, SavedLabelSets
from punkmodels.training import checkpoint
from punkmodels.training.device import TrainEnv
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.pretrained import check_same_data, read_resumed_run, start_run
from punkmodels.training.run_dir import describe_training, naming_run

NUM_EVALUATIONS = 20  # at most, each followed by a checkpoint


@dataclass
class TrainState:
    """What a checkpoint contains; `ema` has the exponential moving average of the weights."""

    model: LabelSetModel
    ema: LabelSetModel
    optimizer: torch.optim.Optimizer
    random: torch.Generator
    step: int = 0

    @classmethod
    def create(cls, config: LabelSetsConfig) -> TrainState:
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            model = LabelSetModel(config.width)
        ema = copy.deepcopy(model).requires_grad_(False)
        named = list(model.named_parameters())
        groups: list[dict[str, Any]] = [
            {"params": [p for name, p in named if name.endswith("weight")]},
            {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(
            groups, config.lr, betas=(0.9, 0.99), weight_decay=config.weight_decay, fused=True
        )
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


def encode_split(split: SplitTensors) -> torch.Tensor:
    """Return the label sets of a split, with skin tones read from the pixels: int64 (N, 11).

    Punks with labels that exclude each other, which no real punk has, are left out. Raises
    DataError if none remain.
    """
    skin_tones = detect_skin_tones(split.images)
    rows = find_encodable(split.labels, skin_tones)
    values = encode_label_sets(split.labels[rows], skin_tones[rows])
    values = values[is_possible(values)]
    if not len(values):
        raise DataError(f"a split of '{split.path}' has no label sets that punks can have")
    return values


def sample_batch(
    values: torch.Tensor, config: LabelSetsConfig, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random label sets, int64 (batch, 11), and which of their values are known.

    Nothing is known of some punks. Of the others, the share of known values is uniform in [0, 1].
    """
    rows = torch.randint(len(values), (config.batch_size,), generator=random)
    batch = values[rows]
    has_known = torch.rand(len(batch), 1, generator=random) < config.known_share
    share = torch.rand(len(batch), 1, generator=random) * has_known
    return batch, torch.rand(batch.shape, generator=random) < share


def training_step(
    state: TrainState, values: torch.Tensor, is_known: torch.Tensor, config: LabelSetsConfig
) -> torch.Tensor:
    """Take an optimizer step, update the moving average, and return the loss in nats per punk."""
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, config)
    loss = state.model.nll(values, is_known).mean()
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    state.optimizer.step()
    state.step += 1
    decay = 0.5 ** (1 / (config.ema_half_life * state.step))
    with torch.no_grad():
        for average, current in zip(state.ema.parameters(), state.model.parameters(), strict=True):
            average.lerp_(current, 1 - decay)
    return loss.detach()


def learning_rate(step: int, config: LabelSetsConfig) -> float:
    remaining = (1 + math.cos(math.pi * step / config.num_steps)) / 2
    return config.lr * (config.final_lr_fraction + (1 - config.final_lr_fraction) * remaining)


@torch.no_grad()
def mean_nll(model: LabelSetModel, values: torch.Tensor) -> float:
    """Return the mean negative log-likelihood of label sets, int64 (N, 11), in nats."""
    nll = torch.cat([model.nll(batch) for batch in torch.split(values, 1000)])
    return nll.double().mean().item()


def train_label_sets(
    root: Path,
    runs: Path,
    config: LabelSetsConfig,
    *,
    version: str = "latest",
    threads: int = 1,
    resume: Path | None = None,
    logger: str | None = None,
    progress: Progress = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train a model of the label sets of a snapshot, and return its run folder.

    A run that is resumed keeps its options, snapshot and threads. `logger` is that of
    `open_metrics`; `log` is called with lines for the user. Raises UsageError or DataError if the
    snapshot does not exist, or the run is damaged or was trained on other data.
    """
    check_logger(logger)
    saved = read_resumed_run(resume, SavedLabelSets, "model of label sets") if resume else None
    if saved:
        config, version, threads = saved.options, saved.data.version, saved.device.threads
    progress(0, None, "loading data")
    train, val = (load_split(root, version, "default", name) for name in ("train", "val"))
    values = encode_split(train), encode_split(val)
    if saved:
        check_same_data(saved, train.data_config)
    torch.set_num_threads(threads)

    # Create the run folder, or restore the last checkpoint.
    name, env = f"label-sets-{config.preset}", TrainEnv(torch.device("cpu"))
    run = resume or start_run(
        runs, name, "label-sets", config.model_dump(), train.data_config, env, "CPU"
    )
    state = TrainState.create(config)
    if checkpoint.has_checkpoint(run):
        checkpoint.restore_checkpoint(run, state)
    if state.step == config.num_steps:
        log(f"{run} is already finished")
    else:
        log(f"{run}: {config.total_images:,} images of {len(train):,} punks of {train.version}")
        first_step, start_s = state.step, time.perf_counter()
        with naming_run(run):
            _take_steps(run, state, *values, config, logger, progress)
        amount = f"on {config.total_images - first_step * config.batch_size:,} images"
        log(describe_training(run, "label-sets", amount, time.perf_counter() - start_s))
    return run


def _take_steps(
    run: Path,
    state: TrainState,
    train: torch.Tensor,
    val: torch.Tensor,
    config: LabelSetsConfig,
    logger: str | None,
    progress: Progress,
) -> None:
    """Take all remaining steps; evaluate, log and write a checkpoint at regular intervals."""
    interval = math.ceil(config.num_steps / NUM_EVALUATIONS)
    losses, note, start_s = [], "", time.perf_counter()
    with open_metrics(run, state.step // interval, logger) as log_metrics:
        while state.step < config.num_steps:
            losses.append(training_step(state, *sample_batch(train, config, state.random), config))
            images_seen = min(config.total_images, state.step * config.batch_size)
            progress(images_seen, config.total_images, note)
            if state.step % checkpoint.CHECK_INTERVAL == 0:
                checkpoint.check_finite(run, losses[-1])
            if state.step % interval and state.step < config.num_steps:
                continue
            checkpoint.check_finite(run, torch.stack(losses), state)
            line = {
                "step": state.step,
                "images_seen": images_seen,
                "loss": torch.stack(losses).mean().item(),
                "train_nll": mean_nll(state.ema, train),
                "val_nll": mean_nll(state.ema, val),
                "images_per_s": len(losses) * config.batch_size / (time.perf_counter() - start_s),
            }
            log_metrics(line)
            checkpoint.save_checkpoint(run, state.state_dict())
            note = f"val nats {line['val_nll']:.3f}"
            progress(images_seen, config.total_images, note)
            losses, start_s = [], time.perf_counter()
