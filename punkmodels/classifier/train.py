"""Training of a classifier, with the whole data set on the device.

The random numbers of an epoch depend only on the seed, the rank and the index of the epoch. A
resumed run of one process therefore continues as an uninterrupted run would have.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from punkdata.progress import Progress
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.pretrained import SavedClassifier
from punkmodels.classifier.train_data import GenerateExamples, TrainData, augment, load_train_data
from punkmodels.classifier.train_state import (
    TrainState,
    calibrate,
    classification_loss,
    training_step,
)
from punkmodels.data.image_grid import make_grid
from punkmodels.training import distributed
from punkmodels.training.checkpoint import (
    CHECK_INTERVAL,
    check_finite,
    has_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)
from punkmodels.training.device import Choices, TrainEnv, choose_precision_and_threads, pick_device
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.pretrained import check_same_data, read_resumed_run, start_run
from punkmodels.training.run_dir import describe_training, naming_run

OnEpochEnd = Callable[[dict[str, Any]], None]


def train_classifier(  # noqa: PLR0913  # a public function whose options are keyword-only
    root: Path,
    runs: Path,
    config: ClassifierConfig,
    *,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    resume: Path | None = None,
    logger: str | None = None,
    progress: Progress = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
    on_epoch_end: OnEpochEnd = lambda line: None,
    generate_examples: GenerateExamples | None = None,
) -> Path:
    """Train a classifier, and return its run folder.

    `root` is a data root or a snapshot folder. By default, `threads` and precision are benchmarked;
    only runs with a given number, which compute in float32, can be reproduced exactly. A run to
    `resume` keeps its own configuration, data and device settings. `logger` is "tensorboard" or
    "wandb", in addition to metrics.jsonl. `progress` is called with the number of images seen,
    their total, and a note; `log` with lines of text for the user; and `on_epoch_end` with each
    line of metrics.jsonl, after its checkpoint is written. An exception that it raises ends the
    training. `generate_examples` draws the additional examples of `config.augment_with`, normally
    `punkmodels.renderer.synthetic.examples_from_config`.

    Under torchrun, call this function in all processes; only rank 0 writes files.

    Raises UsageError or DataError if the snapshot or device does not exist, the data of a resumed
    run has changed, or the processes cannot share a batch equally; NetworkError if another process
    has ended; SetupError if the logger is not installed; and BusyError if another process is
    training this run.
    """
    check_logger(logger)
    if threads:
        torch.set_num_threads(threads)
    saved = read_resumed_run(resume, SavedClassifier, "classifier") if resume else None
    if saved:
        config, version, device_name = saved.options, saved.data.version, saved.device.name
    device, reason = pick_device(device_name)
    progress(0, None, "loading data")
    data = load_train_data(root, version, config, device, generate_examples)
    if saved:
        check_same_data(saved, data.about)
    choices = _choose_env(data, config, device, threads, saved, progress)
    env = TrainEnv(device, choices.use_bf16)

    # Create the run folder, or restore the last checkpoint.
    run = resume or _create_run(runs, config, data, env, reason + choices.reason)
    state = TrainState.create(config, data)
    if has_checkpoint(run):
        restore_checkpoint(run, state)
    if state.finished:
        log(f"{run} is already finished")
        return run
    epochs = _format_epochs(config.epochs)
    log(f"{run}: {len(data.images):,} punks of {data.about['version']}, {epochs}")
    log(f"using {choices.summarize(reason)}")
    if config.composed_share and not data.composer:
        log("no sprite layers draw all of these punks: training without composed punks")

    first_epoch, start_s = state.epoch, time.perf_counter()
    with naming_run(run):
        if not state.step:
            _save_training_images(run, data, config)
        _train_epochs(run, state, data, env, logger, on_epoch_end, progress)
    if state.epoch < config.epochs:
        log(
            f"stopped early after epoch {state.epoch}: the validation loss has not decreased since "
            f"epoch {state.best_epoch + 1}"
        )
    if distributed.is_main():
        amount, elapsed_s = _format_epochs(state.epoch - first_epoch), time.perf_counter() - start_s
        log(describe_training(run, "classifier", amount, elapsed_s))
    return run


def _format_epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _choose_env(
    data: TrainData,
    config: ClassifierConfig,
    device: torch.device,
    threads: int | None,
    saved: SavedClassifier | None,
    progress: Progress,
) -> Choices:
    """Choose threads and precision with steps on a state that is discarded."""
    if config.model == "ridge":  # No steps are taken.
        threads = threads or torch.get_num_threads()
    trial = TrainState.create(config, data)
    size = distributed.local_batch_size(config.batch_size)
    images, labels = data.images[:size], data.labels[:size]
    return choose_precision_and_threads(
        lambda use_bf16: training_step(trial, images, labels, TrainEnv(device, use_bf16)),
        device,
        threads,
        (saved.device.threads, saved.device.bf16) if saved else None,
        progress=progress,
    )


def _create_run(
    runs: Path, config: ClassifierConfig, data: TrainData, env: TrainEnv, reason: str
) -> Path:
    """Create a run folder with its config.json."""
    name = f"classifier-{config.model}-{config.preset}".replace("-mlp", "")
    return start_run(runs, name, "classifier", config.model_dump(), data.about, env, reason)


def _save_training_images(run: Path, data: TrainData, config: ClassifierConfig) -> None:
    """Save a grid of training images as the network sees them, and one of generated ones."""
    if distributed.is_main():
        make_grid(augment(data.images[:64], config.pixel_noise)).save(run / "reals.png")
        if config.augment_with:
            make_grid(data.images[-64:]).save(run / "synthetic.png")


def _train_epochs(
    run: Path,
    state: TrainState,
    data: TrainData,
    env: TrainEnv,
    logger: str | None,
    on_epoch_end: OnEpochEnd,
    progress: Progress,
) -> None:
    """Train until the state is finished; after each epoch, validate, log and checkpoint."""
    config, note = state.config, ""
    with open_metrics(run, state.epoch, logger) as log_metrics:
        while not state.finished:
            train_loss = _train_epoch(run, state, data, env, progress, note)
            validation = calibrate(state.ema, data.val_images, data.val_labels, config)
            val_loss, val_exact_match = distributed.broadcast(validation)
            check_finite(run, torch.tensor([train_loss, val_loss]), state)
            line = {
                "epoch": state.epoch,
                "images_seen": state.images_seen,
                "train_loss": train_loss,
                "val_loss": val_loss,
                "val_exact_match": val_exact_match,
            }
            state.complete_epoch(val_loss)
            log_metrics(line)
            save_checkpoint(run, state.state_dict())
            on_epoch_end(line)
            note = f"epoch {state.epoch}/{config.epochs}, val exact match {val_exact_match:.3f}"
            progress(state.images_seen, state.total_images, note)


def _train_epoch(
    run: Path, state: TrainState, data: TrainData, env: TrainEnv, progress: Progress, note: str
) -> float:
    """Train for one epoch, and return the mean loss."""
    config, total_loss = state.config, torch.zeros((), device=env.device)
    seed = distributed.random_seed(config.seed, state.epoch + 1)
    torch.manual_seed(seed)
    size = distributed.local_batch_size(config.batch_size)
    if config.model == "ridge":  # It is solved already.
        state.step += state.steps_per_epoch
        logits = predict_logits(state.ema, data.images)
        return classification_loss(logits, data.labels.cpu(), config).item()
    images, labels = data.sample(state.steps_per_epoch * size, config, seed, state.ema)
    for batch, targets in zip(torch.split(images, size), torch.split(labels, size), strict=True):
        progress(state.images_seen, state.total_images, note)
        total_loss += training_step(state, augment(batch, config.pixel_noise), targets, env)
        if state.step % CHECK_INTERVAL == 0:
            check_finite(run, total_loss)
    distributed.all_reduce_mean([total_loss])
    return total_loss.item() / state.steps_per_epoch
