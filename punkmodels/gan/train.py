"""Training of a GAN on punks or other small images.

All random numbers come from one generator whose state is part of the checkpoint. On a CPU with the
same number of threads, an interrupted and resumed run therefore ends with bit-identical weights to
an uninterrupted one.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from punkdata.errors import DataError
from punkdata.files import translate_os_errors
from punkmodels.data.image_grid import save_gif, save_training_curves
from punkmodels.data.splits import load_split
from punkmodels.gan.config import DcganConfig, SavedDcgan, read_dcgan_config
from punkmodels.gan.trainer.evaluation import (
    DEFAULT_EVALUATION,
    EvaluationOptions,
    Interval,
    SampleEvaluator,
)
from punkmodels.gan.trainer.schedule import PHASES, Phase
from punkmodels.gan.trainer.state import TrainState
from punkmodels.gan.trainer.step import (
    BatchSampler,
    StepBuffers,
    TrainEnv,
    TrialStep,
    sample_and_step,
)
from punkmodels.gan.training_images import TrainingImages, from_image_dir, from_split
from punkmodels.training.checkpoint import parse_step
from punkmodels.training.cuda_graph import CapturedStep
from punkmodels.training.device import choose_precision_and_threads, pick_device
from punkmodels.training.legacy_checkpoint import (
    CheckpointMetadata,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from punkmodels.training.legacy_distributed import SINGLE_PROCESS, ProcessGroup
from punkmodels.training.loggers import check_logger, open_logger
from punkmodels.training.pretrained import check_resumable, describe_run
from punkmodels.training.run_dir import (
    append_metrics,
    create_run,
    lock_run,
    read_metrics,
    write_json,
)

Progress = Callable[..., None]


def train_dcgan(  # noqa: PLR0913  # these are the options of the command
    root: Path,
    runs: Path,
    config: DcganConfig,
    *,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    resume: Path | None = None,
    logger: str | None = None,
    image_dir: Path | None = None,
    progress: Progress = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
    process_group: ProcessGroup = SINGLE_PROCESS,
    evaluation: EvaluationOptions = DEFAULT_EVALUATION,
) -> Path:
    """Train a GAN on the training split of a snapshot, or on image files.

    Args:
        root: Data root with the snapshot.
        runs: Folder in which the run folder is created.
        config: Training options; a resumed run keeps its own.
        version: Version of the snapshot.
        device_name: See `pick_device`.
        threads: Number of CPU threads; None to benchmark one thread and all cores.
        resume: Run folder to resume, or None to create one.
        logger: See `open_logger`.
        image_dir: Images to train on instead of punks, see `from_image_dir`.
        progress: Called with the number of images seen, their total number, and a short text.
        log: Called with lines for the user.
        process_group: The processes that train together.
        evaluation: Evaluations during training.

    Returns:
        The run folder.

    Raises:
        UsageError: An option, the snapshot or the images are not usable.
        DataError: The snapshot, the images or the checkpoint are damaged, or the training data
            differ from those of the resumed run.
        SetupError: The logger or torch.compile does not work on this machine.
        BusyError: Another process is training this run.
        NetworkError: Another process of this training has ended.
        StorageError: The disk is full or not writable.
    """
    check_logger(logger)
    # Use the options of a resumed run, and check that its training data are unchanged.
    saved = _read_resumed_run(resume) if resume else None
    if saved:
        config, version = saved.options, saved.data.version
        image_dir = Path(saved.data.image_dir) if saved.data.image_dir else None
    train = _load_training_images(root, version, image_dir)
    if image_dir and not saved:
        config = _scale_to_images(config, train.images)
    if saved and saved.data.labels_hash != train.data_config["labels_hash"]:
        raise _changed_data_error(root, image_dir, resume)
    # Choose where and how to compute.
    device, reason = pick_device(saved.device.name if saved else device_name)
    sampler = BatchSampler.create(train, config, device)
    trial = TrialStep(config, train.images, sampler, process_group)
    if config.torch_compile:
        trial.check_compile()
    use_bf16, choices = choose_precision_and_threads(
        trial,
        device,
        threads,
        (saved.device.threads, saved.device.bf16) if saved else None,
    )
    reason += choices
    trial.state = None  # Free its memory.
    env = TrainEnv(device, use_bf16, process_group)
    # Build the networks, and restore them from the last checkpoint.
    state = TrainState.create(config, train.images, device, process_group)
    if resume and has_checkpoint(resume):
        tensors, metadata = load_checkpoint(resume, CheckpointMetadata)
        state.load_state_dict(tensors, metadata.step, resume)
    # Create the run folder; only the main process writes to it.
    run = resume or runs
    if process_group.is_main and not resume:
        run = create_run(runs, f"{config.network}-{config.recipe}-{config.preset}")
        options = asdict(config)
        about = describe_run("dcgan", options, train.data_config, device, reason, use_bf16=use_bf16)
        write_json(run / "config.json", about)
    if state.step == state.schedule.num_steps:
        log(f"{run} is already finished")
    else:
        log(f"{run}: {train.description}, {config.total_images:,} images on {device}")
        log(f"{device}: {reason}")
    # Train, and plot the result.
    evaluator = SampleEvaluator.create(train, sampler, state, evaluation)
    take_steps(run, state, sampler, env, evaluator, logger, progress)
    if process_group.is_main:
        _save_plots(run)
    return run


def take_steps(
    run: Path,
    state: TrainState,
    sampler: BatchSampler,
    env: TrainEnv,
    evaluator: SampleEvaluator,
    logger: str | None,
    progress: Progress,
) -> None:
    """Take all remaining steps; evaluate, log and write a checkpoint at regular intervals."""
    schedule, is_main = state.schedule, env.process_group.is_main
    evaluation_steps = schedule.evaluation_steps(evaluator.options.num_evaluations)
    if is_main and not state.step:
        evaluator.save_first_images(state, run)
    # One captured CUDA graph per phase; a plain call on a CPU.
    buffers = StepBuffers.create(env.device)
    steps: dict[Phase, CapturedStep] = {
        phase: CapturedStep(
            functools.partial(sample_and_step, state, sampler, phase, buffers, env),
            env.device,
            state.random,
        )
        for phase in PHASES
    }
    num_metrics = sum(step <= state.step for step in evaluation_steps)
    note, interval = "", Interval(state.step, time.perf_counter())
    with (
        lock_run(run, num_metrics, is_main=is_main),
        open_logger(run, logger if is_main else None) as log_metrics,
    ):
        while state.step < schedule.num_steps:
            buffers.set_schedules(state)
            steps[schedule.phase(state.step)]()
            state.step += 1
            images_seen = schedule.images_seen(state.step)
            progress(images_seen, schedule.config.total_images, note)
            if state.step not in evaluation_steps:
                continue
            env.process_group.all_reduce_mean([buffers.losses])
            if is_main:
                metrics = interval.metrics(state, buffers)
                file = run / "samples" / f"step_{state.step:06d}.png"
                distance = evaluator.evaluate(state, file)
                metrics["frechet_distance_to_training"] = distance
                append_metrics(run, metrics)
                log_metrics(metrics)
                finished = state.step == schedule.num_steps
                metadata = CheckpointMetadata(step=state.step, finished=finished)
                save_checkpoint(run, state.state_dict(), metadata)
                note = f"distance {distance:.1f}"
                progress(images_seen, schedule.config.total_images, note)
            buffers.losses.zero_()
            interval = Interval(state.step, time.perf_counter())


def _read_resumed_run(resume: Path) -> SavedDcgan:
    check_resumable(resume)
    return read_dcgan_config(resume)


def _load_training_images(root: Path, version: str, image_dir: Path | None) -> TrainingImages:
    if image_dir:
        return from_image_dir(image_dir)
    train = from_split(load_split(root, version, "default", "train"))
    if len(train) < 2:
        raise DataError(f"the snapshot in {root} has no punks to train on")
    return train


def _scale_to_images(config: DcganConfig, images: torch.Tensor) -> DcganConfig:
    """Return the options with the shape of the images, and augmentation in proportion to it."""
    channels, image_size = images.shape[1:3]
    return replace(
        config,
        channels=channels,
        image_size=image_size,
        translate_px=config.translate_px * image_size // config.image_size,
        cutout_px=config.cutout_px * image_size // config.image_size,
    )


def _changed_data_error(root: Path, image_dir: Path | None, resume: Path | None) -> DataError:
    if image_dir:
        return DataError(
            f"the images of {image_dir} are not those that {resume} was trained on",
            hint="restore the original images",
        )
    return DataError(
        f"the labels of the snapshot in {root} are not those that {resume} was trained on",
        hint="select the original data with --root",
    )


def _save_plots(run: Path) -> None:
    """Save an animation of the sample grids, and plots of the metrics."""
    frames = sorted((run / "samples").glob("step_*.png"), key=parse_step)
    with translate_os_errors(run):
        save_gif([run / "fakes_init.png", *frames], run / "training.gif")
        save_training_curves(read_metrics(run), run / "curves.png")
