"""Images per second of GAN trainings, for `gpu.py`."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Iterator
from typing import Any

import torch
from gpu_job import Job

from punkmodels.data.splits import load_split
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.schedule import phase_at
from punkmodels.gan.state import TrainState
from punkmodels.gan.step import BatchSampler, training_step
from punkmodels.gan.training_images import TrainingImages, from_split
from punkmodels.training.device import CapturedStep, TrainEnv

PRECISIONS = ("bfloat16", "float32")
MIN_TIME_S, MIN_TIME_TO_COMPILE_S = 4.0, 25.0
"""Time that must be left to start another measurement."""


def speed_settings(job: Job) -> Iterator[tuple[str, str, int]]:
    """Yield loops, precisions and batch sizes, the most interesting ones first."""
    first, *others = (4,) if job.dry_run else (256, 1024, 128, 4096)
    for precision, loop in itertools.product(PRECISIONS, ("eager", "captured")):
        yield loop, precision, first
    for precision in PRECISIONS:
        yield "compiled", precision, first
    for size, precision, loop in itertools.product(others, PRECISIONS, ("captured", "eager")):
        yield loop, precision, size


def run_speed(recipe: str, job: Job) -> None:
    """Measure images per second of a recipe for each loop, precision and batch size."""
    train = from_split(load_split(job.data_root, "latest", "default", "train"))
    results = job.results
    results |= {"measured": [], "failed": [], "not_measured": []}
    if job.dry_run:
        torch.compiler.set_stance("force_eager")  # Compiling takes minutes and needs a compiler.
    for loop, precision, batch_size in speed_settings(job):
        name = f"{loop}, {precision}, batch {batch_size}"
        is_slow = loop == "compiled" and not job.dry_run
        if job.time_left_s < (MIN_TIME_TO_COMPILE_S if is_slow else MIN_TIME_S):
            results["not_measured"].append(name)
            continue
        config = job.gan_config(recipe, batch_size=batch_size, compile=loop == "compiled")
        env = TrainEnv(job.device, use_bf16=precision == "bfloat16")
        try:
            speed, peak_mb = measure_images_per_s(job, train, config, env, eager=loop == "eager")
        except RuntimeError as error:
            # Without memory, or without a compiler, other settings may work.
            results["failed"].append(f"{name}: {str(error).splitlines()[0]}")
            job.log(f"{recipe}, {name}: failed\n{traceback.format_exc()}")
            continue
        results["measured"].append(
            {
                "recipe": recipe,
                "loop": loop,
                "precision": precision,
                "batch_size": batch_size,
                "images_per_s": speed,
                "peak_mb": peak_mb,
            }
        )
        job.log(f"{recipe}, {name}: {speed:,.0f} images/s")
    if results["failed"]:
        raise RuntimeError("some settings have failed")


def measure_images_per_s(
    job: Job, train: TrainingImages, config: DcganConfig, env: TrainEnv, *, eager: bool
) -> tuple[float, float | None]:
    """Return the images per second of the training loop, and the peak memory in MB.

    A training of 40 steps, which has each of its losses as often as a long one, is repeated.
    """
    steps = 10 if job.dry_run else 40
    config = config.model_copy(update={"total_images": steps * config.batch_size})
    state = TrainState.create(config, train.images, env.device)
    sampler = BatchSampler(train, config, env.device)
    loops = {}
    for phase in {phase_at(step, config) for step in range(steps)}:

        def take_step(phase: Any = phase) -> None:
            training_step(state, sampler.sample(state.random), phase, env)

        captured = CapturedStep(take_step, env.device, state.random)
        loops[phase] = take_step if eager else captured

    def train_once() -> None:
        for state.step in range(steps):
            state.set_schedules()
            loops[phase_at(state.step, config)]()
        state.losses.tolist()  # Waits for the device.

    if env.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(0 if job.dry_run else 2):  # Includes compilation and capture.
        train_once()
    min_s, rounds = (0.0 if job.dry_run else 0.5), 0
    start_s = time.perf_counter()
    while rounds == 0 or time.perf_counter() - start_s < min_s:
        train_once()
        rounds += 1
    speed = rounds * steps * config.batch_size / (time.perf_counter() - start_s)
    if not state.losses.isfinite().all():
        raise RuntimeError("the losses are not finite")
    is_cuda = env.device.type == "cuda"
    return speed, torch.cuda.max_memory_allocated() / 2**20 if is_cuda else None
