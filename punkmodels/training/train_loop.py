"""Training of models that are small enough for one process on a CPU.

Renderers and models of label sets are trained like this; GANs and classifiers, which can be trained
on several GPUs, have loops of their own. All random numbers come from one generator whose state is
part of the checkpoint: with the same number of threads, a resumed run ends with the weights of an
uninterrupted one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import nn

from punkdata.progress import Progress
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.training import checkpoint
from punkmodels.training.device import TrainEnv
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.pretrained import SavedRun, check_same_data, read_resumed_run, start_run
from punkmodels.training.run_dir import Task, describe_training, find_score, naming_run

NUM_EVALUATIONS = 20  # at most, each followed by a checkpoint

Log = Callable[[str], None]
Model = TypeVar("Model", bound=nn.Module)


class StepsConfig(Protocol):
    """Options of every training by `train_on_cpu`."""

    preset: Any
    total_images: int
    batch_size: int
    lr: float
    final_lr_fraction: float
    ema_half_life: float

    @property
    def num_steps(self) -> int: ...
    def model_dump(self) -> dict[str, Any]: ...


Config = TypeVar("Config", bound=StepsConfig)


@dataclass
class TrainState(Generic[Model]):
    """What a checkpoint contains; `ema` has the exponential moving average of the weights."""

    model: Model
    ema: Model
    optimizer: torch.optim.Optimizer
    random: torch.Generator
    step: int = 0

    @classmethod
    def create(cls, model: Model, optimizer: torch.optim.Optimizer, seed: int) -> TrainState[Model]:
        """Return the state before the first step."""
        ema = copy.deepcopy(model).requires_grad_(False)
        return cls(model, ema, optimizer, torch.Generator().manual_seed(seed))

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


class Training(NamedTuple):
    """A training before its first step.

    `take_step` updates the state, and returns a loss, whose mean is the metric `loss_name`.
    `evaluate` returns other metrics, those of the moving average `state.ema`.
    """

    state: TrainState[Any]
    loss_name: str
    take_step: Callable[[], torch.Tensor]
    evaluate: Callable[[], dict[str, float]]


def learning_rate(step: int, config: StepsConfig) -> float:
    remaining = (1 + math.cos(math.pi * step / config.num_steps)) / 2
    return config.lr * (config.final_lr_fraction + (1 - config.final_lr_fraction) * remaining)


def update(state: TrainState[Any], loss: torch.Tensor, config: StepsConfig) -> None:
    """Take an optimizer step that reduces a loss, and update the moving average."""
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, config)
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    state.optimizer.step()
    state.step += 1
    decay = 0.5 ** (1 / (config.ema_half_life * state.step))
    with torch.no_grad():
        for average, current in zip(state.ema.parameters(), state.model.parameters(), strict=True):
            average.lerp_(current, 1 - decay)


def train_on_cpu(  # noqa: PLR0913  # options of a public function, which are keyword-only
    root: Path,
    runs: Path,
    config: Config,
    *,
    task: Task,
    name: str,
    kind: type[SavedRun],
    prepare: Callable[[SplitTensors, SplitTensors, Config, Progress, Log], Training],
    scheme_of: Callable[[Config], str] = lambda config: "default",
    version: str = "latest",
    threads: int = 1,
    resume: Path | None = None,
    logger: str | None = None,
    progress: Progress = lambda done, total, note="": None,
    log: Log = lambda text: None,
) -> Path:
    """Train a model on a snapshot, and return its run folder.

    `name` is what messages call the model, and `kind` describes its config.json. `prepare` gets the
    training and validation splits of the scheme that `scheme_of` returns. A run that is resumed
    keeps its options, snapshot and threads. `logger` is that of `open_metrics`; `log` is called
    with lines for the user. Raises UsageError or DataError if the snapshot does not exist, or the
    run is damaged or was trained on other data.
    """
    check_logger(logger)
    saved = read_resumed_run(resume, kind, name) if resume else None
    if saved:
        config, version, threads = saved.options, saved.data.version, saved.device.threads
    progress(0, None, "loading data")
    scheme = scheme_of(config)
    train, val = (load_split(root, version, scheme, split) for split in ("train", "val"))
    if saved:
        check_same_data(saved, train.data_config)
    torch.set_num_threads(threads)
    training = prepare(train, val, config, progress, log)

    # Create the run folder, or restore the last checkpoint.
    folder, env = f"{task}-{config.preset}", TrainEnv(torch.device("cpu"))
    run = resume or start_run(
        runs, folder, task, config.model_dump(), train.data_config, env, "CPU"
    )
    if checkpoint.has_checkpoint(run):
        checkpoint.restore_checkpoint(run, training.state)
    if training.state.step == config.num_steps:
        log(f"{run} is already finished")
        return run
    log(f"{run}: {config.total_images:,} images of {len(train):,} punks of {train.version}")
    first_step, start_s = training.state.step, time.perf_counter()
    with naming_run(run):
        _take_steps(run, task, training, config, logger, progress)
    amount = f"on {config.total_images - first_step * config.batch_size:,} images"
    log(describe_training(run, task, amount, time.perf_counter() - start_s))
    return run


def _take_steps(
    run: Path,
    task: Task,
    training: Training,
    config: StepsConfig,
    logger: str | None,
    progress: Progress,
) -> None:
    """Take all remaining steps; evaluate, log and write a checkpoint at regular intervals."""
    state, interval = training.state, math.ceil(config.num_steps / NUM_EVALUATIONS)
    losses, note, start_s = [], "", time.perf_counter()
    with open_metrics(run, state.step // interval, logger) as log_metrics:
        while state.step < config.num_steps:
            losses.append(training.take_step())
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
                training.loss_name: torch.stack(losses).mean().item(),
                **training.evaluate(),
                "images_per_s": len(losses) * config.batch_size / (time.perf_counter() - start_s),
            }
            log_metrics(line)
            checkpoint.save_checkpoint(run, state.state_dict())
            score, value = find_score(task, [line]) or ("", 0)
            note = f"{score} {value:.3f}"
            progress(images_seen, config.total_images, note)
            losses, start_s = [], time.perf_counter()
