"""Training of a GAN on punks or other small images.

The state of the random generator is part of the checkpoint. In one process on a CPU with the same
number of threads, an interrupted and resumed run therefore ends with bit-identical weights to an
uninterrupted one.
"""

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from punkdata.charts import load_matplotlib
from punkdata.errors import DataError, SetupError
from punkdata.files import translate_os_errors
from punkdata.progress import Progress
from punkmodels.data.image_grid import make_grid, save_gif, save_training_curves
from punkmodels.data.splits import load_split
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.generate import SavedDcgan, generate_images
from punkmodels.gan.metrics import frechet_distance
from punkmodels.gan.networks import reestimate_normalization
from punkmodels.gan.schedule import PHASES, Phase, adversarial_start, phase_at
from punkmodels.gan.state import TrainState
from punkmodels.gan.step import BatchSampler, training_step
from punkmodels.gan.training_images import (
    TrainingImages,
    from_image_dir,
    from_split,
    read_images_again,
)
from punkmodels.training import checkpoint, distributed
from punkmodels.training.device import (
    CapturedStep,
    Choices,
    TrainEnv,
    choose_precision_and_threads,
    pick_device,
)
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.pretrained import check_same_data, read_resumed_run, start_run
from punkmodels.training.run_dir import (
    describe_training,
    naming_run,
    read_config,
    read_metrics,
    write_json,
)


def train_dcgan(  # noqa: PLR0913  # a public function whose options are keyword-only
    root: Path,
    runs: Path,
    config: DcganConfig,
    *,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    resume: Path | None = None,
    image_dir: Path | None = None,
    logger: str | None = None,
    progress: Progress = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
    num_evaluations: int = 20,
    num_samples: int = 2000,
) -> Path:
    """Train a GAN on the training split of a snapshot, or on image files; return its run folder.

    Under torchrun, call this function in all processes; only rank 0 writes files. A run that is
    resumed keeps its options, data and device; `image_dir` is the new location of images that were
    moved, which its config.json remembers. Without `threads`, threads and precision are
    benchmarked. `logger` is that of `open_metrics`; `log` is called with lines for the user. At
    most `num_evaluations` times, `num_samples` samples are evaluated and a checkpoint is written.

    Raises UsageError or DataError if an option, the snapshot, the images or the checkpoint are not
    usable, and SetupError if the logger or torch.compile does not work on this machine.
    """
    check_logger(logger)
    load_matplotlib()  # Its configuration may be damaged; fail before the training.
    saved = read_resumed_run(resume, SavedDcgan, "GAN") if resume else None
    if saved:
        config, version, device_name = saved.options, saved.data.version, saved.device.name
    progress(0, None, "loading data")
    if resume and saved and (config.image_dir or image_dir):
        train = read_images_again(resume, config, saved.data.labels_hash, image_dir)
        _remember_image_dir(resume, image_dir)
    else:
        train = _load_images(root, version, config)
    if saved:
        check_same_data(saved, train.data_config)
    device, reason = pick_device(device_name)
    sampler = BatchSampler(train, config, device)
    choices = _choose_env(train, sampler, config, device, threads, saved, progress)
    env = TrainEnv(device, choices.use_bf16)

    # Create the run folder, or restore the last checkpoint.
    name, options = f"{config.recipe}-{config.preset}", config.model_dump()
    run = resume or start_run(
        runs, name, "dcgan", options, train.data_config, env, reason + choices.reason
    )
    state = TrainState.create(config, train.images, device)
    if checkpoint.has_checkpoint(run):
        checkpoint.restore_checkpoint(run, state)
    if state.step == config.num_steps:
        log(f"{run} is already finished")
    else:
        log(f"{run}: {train.description}, {config.total_images:,} images")
        log(f"using {choices.summarize(reason)}")

    progress(0, None, "preparing the evaluation")
    evaluator = SampleEvaluator(train, config, device, num_samples)
    interval = math.ceil(config.num_steps / num_evaluations)
    first_step, start_s = state.step, time.perf_counter()
    with naming_run(run):
        _take_steps(run, state, sampler, evaluator, interval, env, logger, progress)
        if distributed.is_main():
            _save_plots(run)
    if distributed.is_main():
        num_images = config.total_images - first_step * config.batch_size
        if num_images > 0:
            elapsed_s = time.perf_counter() - start_s
            log(describe_training(run, "dcgan", f"on {num_images:,} images", elapsed_s))
    return run


def _load_images(root: Path, version: str, config: DcganConfig) -> TrainingImages:
    """Load the images that the options name; raises DataError if there are too few punks."""
    if config.image_dir:
        return from_image_dir(Path(config.image_dir), config.image_array)
    train = from_split(load_split(root, version, "default", "train"))
    if len(train) < 2:
        raise DataError(f"the snapshot in '{root}' has no punks to train on")
    return train


def _remember_image_dir(run: Path, image_dir: Path | None) -> None:
    """Write the new location of the training images, if there is one, to config.json."""
    if image_dir and distributed.is_main():
        config = read_config(run)
        config["options"]["image_dir"] = str(image_dir)
        write_json(run / "config.json", config)


def _choose_env(
    train: TrainingImages,
    sampler: BatchSampler,
    config: DcganConfig,
    device: torch.device,
    threads: int | None,
    saved: SavedDcgan | None,
    progress: Progress,
) -> Choices:
    """Choose threads and precision with steps on a state that is discarded."""
    state = TrainState.create(config, train.images, device)
    phase = Phase(adversarial=True, penalty=config.loss.r1_gamma > 0)

    def take_step(use_bf16: bool) -> None:
        training_step(state, sampler.sample(state.random), phase, TrainEnv(device, use_bf16))

    # Captured as in the training: the launches that dominate an eager step hide the arithmetic.
    captured = {
        use_bf16: CapturedStep(functools.partial(take_step, use_bf16), device, state.random, 1)
        for use_bf16 in (False, True)
    }

    def try_step(use_bf16: bool) -> None:
        captured[use_bf16]()

    if config.compile:
        progress(0, None, "compiling")
        try:
            try_step(False)
        except RuntimeError as error:
            raise SetupError(
                f"compile=True does not work on this machine ({str(error).splitlines()[0]})",
                hint="leave it out, or install a C++ compiler",
            ) from None
    resumed = (saved.device.threads, saved.device.bf16) if saved else None
    return choose_precision_and_threads(try_step, device, threads, resumed, progress=progress)


class SampleEvaluator:
    """Evaluation of samples that always have the same noise and conditions.

    Differences between the evaluations of a run are therefore due to training alone.
    """

    def __init__(
        self, train: TrainingImages, config: DcganConfig, device: torch.device, num_samples: int
    ) -> None:
        self.train: TrainingImages = train
        self.device: torch.device = device
        self.num_samples: int = num_samples
        self.condition: torch.Tensor | None = None
        if config.conditional == "type":
            random = torch.Generator().manual_seed(config.seed)
            rows = torch.randint(len(train), (num_samples,), generator=random)
            self.condition = train.types[rows].to(device)
        self.train_features: torch.Tensor = train.embed(train.images, device)

    def evaluate(self, state: TrainState, file: Path) -> float:
        """Save a grid of samples, and return their Fréchet distance to the training images."""
        samples = self.generate(state)
        make_grid(samples[:64]).save(file)
        return frechet_distance(self.train_features, self.train.embed(samples, self.device))

    def generate(self, state: TrainState) -> torch.Tensor:
        """Return samples of the averaged generator, in the format of the training images."""
        config, is_punks = state.config, state.config.image_dir is None
        reestimate_normalization(state.ema, config.seed, config.batch_size, self.condition)
        count, seed = self.num_samples, config.seed + 1
        return generate_images(state.ema, count, seed, condition=self.condition, is_punks=is_punks)

    def save_first_images(self, state: TrainState, run: Path) -> None:
        with translate_os_errors(run):
            (run / "samples").mkdir(exist_ok=True)
            make_grid(self.train.images[:64]).save(run / "reals.png")
            make_grid(self.generate(state)[:64]).save(run / "fakes_init.png")


def _take_steps(
    run: Path,
    state: TrainState,
    sampler: BatchSampler,
    evaluator: SampleEvaluator,
    interval: int,
    env: TrainEnv,
    logger: str | None,
    progress: Progress,
) -> None:
    """Take all remaining steps; after each interval, evaluate, log and write a checkpoint."""
    config, is_main = state.config, distributed.is_main()
    if is_main and not state.step:
        evaluator.save_first_images(state, run)

    def take_step(phase: Phase) -> None:
        training_step(state, sampler.sample(state.random), phase, env)

    # One captured CUDA graph per phase; a plain call on a CPU.
    captured = {
        phase: CapturedStep(functools.partial(take_step, phase), env.device, state.random)
        for phase in PHASES
    }
    note, first_step, start_s = "", state.step, time.perf_counter()
    with open_metrics(run, math.ceil(state.step / interval), logger) as log_metrics:
        while state.step < config.num_steps:
            state.set_schedules()
            captured[phase_at(state.step, config)]()
            state.step += 1
            images_seen = min(config.total_images, state.step * config.batch_size)
            progress(images_seen, config.total_images, note)
            if state.step % checkpoint.CHECK_INTERVAL == 0:
                checkpoint.check_finite(run, state.losses)
            if state.step % interval and state.step < config.num_steps:
                continue
            checkpoint.check_finite(run, state.losses, state)
            distributed.all_reduce_mean([state.losses])
            if is_main:
                line = _interval_metrics(state, first_step, time.perf_counter() - start_s)
                distance = evaluator.evaluate(state, run / f"samples/step_{state.step:06d}.png")
                line |= {"images_seen": images_seen, "frechet_distance_to_training": distance}
                log_metrics(line)
                checkpoint.save_checkpoint(run, state.state_dict())
                note = f"Fréchet distance {distance:.1f}"
                progress(images_seen, config.total_images, note)
            state.losses.zero_()
            first_step, start_s = state.step, time.perf_counter()


def _interval_metrics(state: TrainState, first_step: int, elapsed_s: float) -> dict[str, Any]:
    """Return mean losses since the last evaluation, or None for unused ones, and the speed."""
    config, num_steps = state.config, state.step - first_step
    num_adversarial = max(0, state.step - max(first_step, adversarial_start(config)))
    loss_D, loss_G, loss_E = state.losses.tolist()  # Waits for the device.
    return {
        "step": state.step,
        "loss_D": loss_D / num_adversarial if num_adversarial else None,
        "loss_G": loss_G / num_adversarial if num_adversarial else None,
        "loss_E": loss_E / num_steps if state.E else None,
        "images_per_s": num_steps * config.batch_size / elapsed_s,
    }


def _save_plots(run: Path) -> None:
    frames = sorted((run / "samples").glob("step_*.png"), key=checkpoint.parse_step)
    with translate_os_errors(run):
        save_gif([run / "fakes_init.png", *frames], run / "training.gif")
        save_training_curves(read_metrics(run), run / "curves.png")
