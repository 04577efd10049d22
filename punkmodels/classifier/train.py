"""Training of a classifier, with the whole data set on the device.

The random numbers of an epoch depend only on the seed and the index of the epoch, so a resumed run
continues with the random numbers that an uninterrupted run would have used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import UsageError
from punkmodels.classifier.config import (
    ClassifierConfig,
    SavedClassifier,
    build_model,
    read_classifier_config,
)
from punkmodels.classifier.networks import Dropout
from punkmodels.classifier.objective import augment, calibrate
from punkmodels.classifier.train_data import (
    GenerateExamples,
    TrainData,
    load_or_generate_examples,
    load_splits,
    move_to_device,
)
from punkmodels.classifier.train_state import (
    TrainEnv,
    TrainState,
    compute_gradients,
    training_step,
)
from punkmodels.data.image_grid import make_grid
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import SplitTensors
from punkmodels.data.synthetic_examples import EXAMPLES_FILE, save_examples
from punkmodels.training.checkpoint import has_checkpoint
from punkmodels.training.device import choose_precision_and_threads, pick_device
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup
from punkmodels.training.loggers import LogMetrics, check_logger, open_logger
from punkmodels.training.pretrained import check_resumable, describe_run
from punkmodels.training.run_dir import append_metrics, create_run, lock_run, write_json


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
    progress: Callable[..., None] = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
    on_epoch_end: Callable[[dict[str, Any]], None] = lambda line: None,
    generate_examples: GenerateExamples | None = None,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> Path:
    """Train a classifier, and return its run folder.

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
            set, normally `punkmodels.gan.synthetic.examples_for`. It is a parameter because
            classifiers do not depend on generators.
        process_group: The processes that train together. Only rank 0 writes files.

    Raises:
        UsageError, DataError: The snapshot or device does not exist, the data of a resumed run has
            changed, or the processes cannot share a batch equally.
        NetworkError: Another process has ended.
        SetupError: See `check_logger`.
        StorageError: The disk is full or not writable.
    """
    check_logger(logger)
    saved = None
    if resume:
        check_resumable(resume)
        saved = read_classifier_config(resume)
        config, version = saved.options, saved.data.version
    if config.batch_size % process_group.world_size:
        raise UsageError(
            f"a batch of {config.batch_size} cannot be divided among "
            f"{process_group.world_size} processes",
            hint=f"start a number of processes that divides {config.batch_size}",
        )
    train, val = load_splits(root, version, config, resume, saved)
    device, reason = pick_device(saved.device.name if saved else device_name)
    examples = load_or_generate_examples(config, train, device, resume, generate_examples)
    data = move_to_device(train, val, examples, config, device)
    state, env, choices = _initialize(data, train, config, device, threads, saved, process_group)
    reason += choices

    # Create the run folder, or restore the last checkpoint.
    if resume:
        run = resume
        if has_checkpoint(run):  # A run that was stopped in its first epoch has none.
            state.restore(run)
    elif process_group.is_main:
        run = _create_run(runs, config, train, data, env, reason)
    else:
        run = runs  # Other ranks write nothing.
    if examples and process_group.is_main and not (run / EXAMPLES_FILE).exists():
        save_examples(run, examples)
        make_grid(examples[0][:64]).save(run / "synthetic.png")
    if state.finished:
        log(f"{run} is already finished")
        return run
    epochs = "1 epoch" if config.epochs == 1 else f"{config.epochs} epochs"
    log(f"{run}: {len(data.images):,} punks of {train.version}, {epochs} on {device}")
    log(f"using {reason}")

    with (
        lock_run(run, state.epoch, is_main=process_group.is_main),
        open_logger(run, logger if process_group.is_main else None) as log_metrics,
    ):
        _train_epochs(state, data, config, env, run, log_metrics, on_epoch_end, progress)
    if state.epoch < config.epochs:
        log(
            f"stopped early after epoch {state.epoch}: the validation loss has not decreased since "
            f"epoch {state.best_epoch + 1}"
        )
    return run


def _initialize(
    data: TrainData,
    train: SplitTensors,
    config: ClassifierConfig,
    device: torch.device,
    threads: int | None,
    saved: SavedClassifier | None,
    process_group: ProcessGroup,
) -> tuple[TrainState, TrainEnv, str]:
    """Build the model, choose threads and precision, and return the initial state.

    The returned text describes the choices, see `choose_precision_and_threads`.
    """
    torch.manual_seed(config.seed)
    pairs = build_pair_table(train.images)
    model = build_model(config, pairs, data.labels.mean(0)).to(device)
    for module in model.modules():
        if isinstance(module, Dropout):
            module.process_group = process_group
    images, labels = data.images[: config.batch_size], data.labels[: config.batch_size]
    use_bf16, choices = choose_precision_and_threads(
        lambda use_bf16: compute_gradients(model, images, labels, config, use_bf16=use_bf16),
        device,
        threads or process_group.threads_per_process,
        (saved.device.threads, saved.device.bf16) if saved else None,
        process_group,
    )
    model.zero_grad()
    env = TrainEnv(device, use_bf16, process_group)
    return TrainState.create(model, config), env, choices


def _train_epochs(
    state: TrainState,
    data: TrainData,
    config: ClassifierConfig,
    env: TrainEnv,
    run: Path,
    log_metrics: LogMetrics,
    on_epoch_end: Callable[[dict[str, Any]], None],
    progress: Callable[..., None],
) -> None:
    """Train until the state is finished; after each epoch, validate, log and checkpoint."""
    note = ""
    while not state.finished:
        train_loss = _train_epoch(state, data, config, env, progress, note)
        validation = calibrate(state.ema, data.val_images, data.val_labels, config)
        val_loss, val_exact_match = env.process_group.broadcast(validation)
        state.complete_epoch(val_loss, config)
        line = {
            "epoch": state.epoch - 1,
            "images_seen": state.epoch * len(data.images),
            "train_loss": train_loss,
            "val_loss": val_loss,
            "val_exact_match": val_exact_match,
        }
        if env.process_group.is_main:
            append_metrics(run, line)
            log_metrics(line)
            state.save(run, data.steps_per_epoch)
        on_epoch_end(line)
        note = f"epoch {state.epoch}/{config.epochs}, validation exact match {val_exact_match:.3f}"
        progress(line["images_seen"], config.epochs * len(data.images), note)


def _train_epoch(
    state: TrainState,
    data: TrainData,
    config: ClassifierConfig,
    env: TrainEnv,
    progress: Callable[..., None],
    note: str,
) -> float:
    """Train for one epoch, and return the mean loss."""
    num_images, world_size = len(data.images), env.process_group.world_size
    seed = config.seed * 100_003 + state.epoch + 1
    torch.manual_seed(seed)  # The default generator is used by dropout.
    generator = torch.Generator(env.device).manual_seed(seed)
    order = torch.multinomial(data.weights, num_images, replacement=True, generator=generator)
    order = order[: num_images // world_size * world_size]  # All shards must have the same size.
    total_loss = torch.zeros((), device=env.device)
    state.model.train()
    for i, rows in enumerate(torch.split(order, config.batch_size)):
        images = augment(data.images[rows], config.pixel_noise, generator)
        total_loss += training_step(
            state,
            env.process_group.local_shard(images),
            env.process_group.local_shard(data.labels[rows]),
            config,
            env,
            step=state.epoch * data.steps_per_epoch + i,
            steps_per_epoch=data.steps_per_epoch,
        )
        images_seen = state.epoch * num_images + i * config.batch_size
        progress(images_seen, config.epochs * num_images, note)
    env.process_group.all_reduce_mean([total_loss])
    return total_loss.item() / data.steps_per_epoch


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
        asdict(config),
        train.data_config,
        env.device,
        reason,
        use_bf16=env.use_bf16,
    )
    write_json(run / "config.json", about)
    generator = torch.Generator(env.device).manual_seed(config.seed)
    make_grid(augment(data.images[:64], config.pixel_noise, generator)).save(run / "reals.png")
    return run
