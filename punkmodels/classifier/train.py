"""Training of a classifier, with the whole data set on the device.

The random numbers of an epoch depend only on the seed, the rank and the index of the epoch. On one
process, a resumed run therefore continues as an uninterrupted run would have.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import UsageError
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.objective import augment, calibrate
from punkmodels.classifier.pretrained import SavedClassifier, read_classifier_config
from punkmodels.classifier.train_data import (
    GenerateExamples,
    TrainData,
    load_or_generate_examples,
    load_splits,
    move_to_device,
)
from punkmodels.classifier.train_state import TrainState, training_step
from punkmodels.data.image_grid import make_grid
from punkmodels.data.splits import SplitTensors
from punkmodels.data.synthetic_examples import EXAMPLES_FILE, save_examples
from punkmodels.training import distributed
from punkmodels.training.checkpoint import has_checkpoint, restore_checkpoint, save_checkpoint
from punkmodels.training.device import TrainEnv, choose_precision_and_threads, pick_device
from punkmodels.training.loggers import check_logger, open_logger
from punkmodels.training.pretrained import check_resumable, describe_run
from punkmodels.training.run_dir import append_metrics, create_run, lock_run, write_json

Progress = Callable[..., None]


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
    on_epoch_end: Callable[[dict[str, Any]], None] = lambda line: None,
    generate_examples: GenerateExamples | None = None,
) -> Path:
    """Train a classifier, and return its run folder.

    Under torchrun, call this function in all processes; only rank 0 writes files.

    Args:
        root: Data root or snapshot folder.
        runs: The folder in which the run folder is created.
        config: The configuration.
        version: Version of the snapshot, or "latest".
        device_name: See `pick_device`.
        threads: Number of CPU threads. By default, threads and precision are benchmarked. Only
            runs with a given number, which compute in float32, can be reproduced exactly.
        resume: The run to resume, with its own configuration, data and device settings.
        logger: "tensorboard", "wandb" or None, in addition to metrics.jsonl.
        progress: Called with the number of images seen, their total, and a note.
        log: Called with lines of text for the user.
        on_epoch_end: Called with each line of metrics.jsonl, after its checkpoint is written. An
            exception that it raises ends the training.
        generate_examples: Generates the additional training examples if `config.augment_with` is
            set, normally `examples_from_config` of `punkmodels.renderer.synthetic`. It is a
            parameter because classifiers do not depend on renderers.

    Raises:
        UsageError, DataError: The snapshot or device does not exist, the data of a resumed run has
            changed, or the processes cannot share a batch equally.
        NetworkError: Another process has ended.
        SetupError: See `check_logger`.
        StorageError: The disk is full or not writable.
    """
    check_logger(logger)
    saved = _read_resumed_run(resume) if resume else None
    if saved:
        config, version = saved.options, saved.data.version
    _check_divisible(config.batch_size)
    train, val = load_splits(root, version, config, resume, saved)
    device, reason = pick_device(saved.device.name if saved else device_name)
    examples = load_or_generate_examples(config, train, device, resume, generate_examples)
    data = move_to_device(train, val, examples, config, device)
    env, choices = _choose_env(data, config, device, threads, saved)
    reason += choices

    # Create the run folder, or restore the last checkpoint.
    state = TrainState.create(config, data)
    if resume and has_checkpoint(resume):
        restore_checkpoint(resume, state)
    run = resume or runs
    if distributed.is_main() and not resume:
        run = _create_run(runs, config, train, data, env, reason)
    if examples and distributed.is_main() and not (run / EXAMPLES_FILE).exists():
        save_examples(run, examples)
        make_grid(examples[0][:64]).save(run / "synthetic.png")
    if state.finished:
        log(f"{run} is already finished")
        return run
    epochs = "1 epoch" if config.epochs == 1 else f"{config.epochs} epochs"
    log(f"{run}: {len(data.images):,} punks of {train.version}, {epochs} on {device}")
    log(f"using {reason}")

    _train_epochs(run, state, data, env, logger, on_epoch_end, progress)
    if state.epoch < config.epochs:
        log(
            f"stopped early after epoch {state.epoch}: the validation loss has not decreased since "
            f"epoch {state.best_epoch + 1}"
        )
    return run


def _read_resumed_run(run: Path) -> SavedClassifier:
    check_resumable(run)
    return read_classifier_config(run)


def _check_divisible(batch_size: int) -> None:
    world_size = distributed.get_world_size()
    if batch_size % world_size:
        raise UsageError(
            f"a batch of {batch_size} cannot be divided among {world_size} processes",
            hint=f"start a number of processes that divides {batch_size}",
        )


def _choose_env(
    data: TrainData,
    config: ClassifierConfig,
    device: torch.device,
    threads: int | None,
    saved: SavedClassifier | None,
) -> tuple[TrainEnv, str]:
    """Choose threads and precision with steps on a state that is discarded."""
    trial = TrainState.create(config, data)
    local_batch_size = config.batch_size // distributed.get_world_size()
    images, labels = data.images[:local_batch_size], data.labels[:local_batch_size]
    use_bf16, choices = choose_precision_and_threads(
        lambda use_bf16: training_step(trial, images, labels, TrainEnv(device, use_bf16)),
        device,
        threads,
        (saved.device.threads, saved.device.bf16) if saved else None,
    )
    return TrainEnv(device, use_bf16), choices


def _train_epochs(
    run: Path,
    state: TrainState,
    data: TrainData,
    env: TrainEnv,
    logger: str | None,
    on_epoch_end: Callable[[dict[str, Any]], None],
    progress: Progress,
) -> None:
    """Train until the state is finished; after each epoch, validate, log and checkpoint."""
    config, is_main, note = state.config, distributed.is_main(), ""
    with (
        lock_run(run, state.epoch, is_main=is_main),
        open_logger(run, logger if is_main else None) as log_metrics,
    ):
        while not state.finished:
            train_loss = _train_epoch(state, data, env, progress, note)
            validation = calibrate(state.ema, data.val_images, data.val_labels, config)
            val_loss, val_exact_match = distributed.broadcast(validation)
            state.complete_epoch(val_loss)
            line = {
                "epoch": state.epoch - 1,
                "images_seen": state.step * config.batch_size,
                "train_loss": train_loss,
                "val_loss": val_loss,
                "val_exact_match": val_exact_match,
            }
            if is_main:
                append_metrics(run, line)
                log_metrics(line)
                save_checkpoint(run, state.state_dict())
            on_epoch_end(line)
            note = f"epoch {state.epoch}/{config.epochs}, val exact match {val_exact_match:.3f}"
            progress(line["images_seen"], state.num_images, note)


def _train_epoch(
    state: TrainState, data: TrainData, env: TrainEnv, progress: Progress, note: str
) -> float:
    """Train for one epoch, and return the mean loss."""
    config = state.config
    torch.manual_seed(distributed.random_seed(config.seed, state.epoch + 1))
    local_batch_size = config.batch_size // distributed.get_world_size()
    num_rows = state.steps_per_epoch * local_batch_size
    total_loss = torch.zeros((), device=env.device)
    rows_of_epoch = torch.multinomial(data.weights, num_rows, replacement=True)
    for rows in torch.split(rows_of_epoch, local_batch_size):
        progress(state.step * config.batch_size, state.num_images, note)
        images = augment(data.images[rows], config.pixel_noise)
        total_loss += training_step(state, images, data.labels[rows], env)
    distributed.all_reduce_mean([total_loss])
    return total_loss.item() / state.steps_per_epoch


def _create_run(
    runs: Path,
    config: ClassifierConfig,
    train: SplitTensors,
    data: TrainData,
    env: TrainEnv,
    reason: str,
) -> Path:
    """Create a run folder with its config.json and a grid of training images."""
    names = ["classifier", config.model, config.preset]
    run = create_run(runs, "-".join(name for name in names if name != "cnn"))
    about = describe_run(
        "classifier",
        config.model_dump(),
        train.data_config,
        env.device,
        reason,
        use_bf16=env.use_bf16,
    )
    write_json(run / "config.json", about)
    make_grid(augment(data.images[:64], config.pixel_noise)).save(run / "reals.png")
    return run
