"""Choice of the device, the number of CPU threads, and the floating-point precision.

Each choice comes with a reason in words, which is logged and stored in the run's config.json.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from punkdata.errors import UsageError
from punkmodels.training.distributed import broadcast, threads_per_process

BF16_TIME_FRACTION = 0.9
"""bfloat16 is used only if a step takes less than this fraction of its time in float32."""
ROUNDS = 3
"""Measurements of each setting, of which the fastest counts."""

Setting = TypeVar("Setting")
Clock = Callable[[], float]
"""Function that returns the current time in seconds."""


@dataclass(frozen=True)
class TrainEnv:
    """Device and precision of a training run."""

    device: torch.device
    use_bf16: bool = False

    def autocast(self) -> torch.autocast:
        """Return the context manager for forward passes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.use_bf16)


def pick_device(requested: str = "auto") -> tuple[torch.device, str]:
    """Return the device to compute on, and the reason.

    "auto" is the first available of cuda, mps and cpu. Raises UsageError if the device is unknown
    or not available.
    """
    is_available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    available = [name for name, yes in is_available.items() if yes]
    name = available[0] if requested == "auto" else requested
    if name not in available:
        raise UsageError(
            f"device {name} is not available on this machine",
            hint=f"available devices: {', '.join(available)}",
        )
    description = f"GPU {torch.cuda.get_device_name()}" if name == "cuda" else name.upper()
    reason = "auto" if requested == "auto" else "as requested"
    return torch.device(name), f"{description} ({reason})"


def choose_precision_and_threads(
    try_step: Callable[[bool], object],
    device: torch.device,
    threads: int | None,
    resumed: tuple[int, bool] | None = None,
    *,
    clock: Clock = time.perf_counter,
    cores: int | None = None,
) -> tuple[bool, str]:
    """Set the number of CPU threads, and choose between float32 and bfloat16.

    Settings that are not given are benchmarked. All processes take the same benchmark steps.

    Args:
        try_step: Takes a training step, in bfloat16 if its argument is True.
        device: The training device.
        threads: Number of CPU threads; None to benchmark one thread against one per core. On a
            CPU, a given number implies float32, so that runs can be reproduced.
        resumed: Threads and use_bf16 of the run that is resumed, or None for a new run.
        clock, cores: Replacements of the clock and of the number of cores, for tests.

    Returns:
        Whether to use bfloat16, and text to append to the reason that `pick_device` returned.
    """
    if resumed:
        torch.set_num_threads(resumed[0])
        return resumed[1], f", {_format_threads(resumed[0])} (as when the run started)"

    def step(use_bf16: bool) -> None:
        try_step(use_bf16)
        if device.type == "cuda":
            torch.cuda.synchronize()

    choice_of_threads = ""
    if device.type == "cpu":
        if threads := threads or threads_per_process():
            torch.set_num_threads(threads)
            return False, f", {_format_threads(threads)} (as requested)"
        choice_of_threads = _benchmark_threads(step, cores or _available_cores(), clock)
    if device.type == "mps":
        return False, ""
    times = fastest_times(step, (False, True), clock)
    use_bf16 = broadcast(times[True] < BF16_TIME_FRACTION * times[False])
    return use_bf16, (
        f"{choice_of_threads}, {'bfloat16' if use_bf16 else 'float32'} (benchmarked: float32 "
        f"{times[False] * 1e3:.0f} ms/step, bfloat16 {times[True] * 1e3:.0f} ms/step)"
    )


def _benchmark_threads(step: Callable[[bool], object], cores: int, clock: Clock) -> str:
    """Set the faster number of CPU threads: one, or one per core.

    On a busy or virtual machine, threads that wait for each other can slow a small network down
    many times, which cannot be predicted without a benchmark.
    """

    def step_with_threads(threads: int) -> None:
        torch.set_num_threads(threads)
        step(False)

    times = fastest_times(step_with_threads, sorted({1, cores}), clock)
    fastest = min(times, key=times.__getitem__)
    torch.set_num_threads(fastest)
    measured = (f"{_format_threads(n)} {s * 1e3:.0f} ms/step" for n, s in times.items())
    return f", {_format_threads(fastest)} (benchmarked: {', '.join(measured)})"


def fastest_times(
    step: Callable[[Setting], object], settings: Sequence[Setting], clock: Clock
) -> dict[Setting, float]:
    """Return the shortest duration in seconds of a step with each setting."""
    for setting in settings:
        step(setting)  # The first call includes allocations.
    fastest_s = dict.fromkeys(settings, math.inf)
    for _ in range(ROUNDS):  # Alternate, so that a short disturbance affects all settings.
        for setting in settings:
            start_s = clock()
            step(setting)
            fastest_s[setting] = min(fastest_s[setting], clock() - start_s)
    return fastest_s


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _format_threads(n: int) -> str:
    return "1 thread" if n == 1 else f"{n} threads"
