"""Choice of the device, the number of CPU threads, and the floating-point precision.

Each choice comes with a reason in words, which is logged and stored in the run's config.json.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from punkdata.errors import UsageError
from punkmodels.training.distributed import broadcast, threads_per_process

MAX_TIME_FRACTION = 0.9
"""Several threads, or bfloat16, are used only if a step then takes less of its time than this."""

Setting = TypeVar("Setting")
Clock = Callable[[], float]


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

    A resumed run keeps its threads and precision. What is not given is benchmarked with steps of
    `try_step`, which trains in bfloat16 if its argument is True; all processes take the same steps.
    On a CPU, a given number of threads implies float32, so that runs can be reproduced. Tests
    replace the clock and the number of cores.

    Returns whether to use bfloat16, and text to append to the reason that `pick_device` returned.
    """
    if resumed:
        threads, use_bf16 = resumed
        torch.set_num_threads(threads)
        return use_bf16, f", {_format_threads(threads)} (as when the run started)"

    def step(use_bf16: bool) -> None:
        try_step(use_bf16)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def step_with_threads(count: int) -> None:
        torch.set_num_threads(count)
        step(False)

    reason = ""
    if device.type == "cpu":
        if threads := threads or threads_per_process():
            torch.set_num_threads(threads)
            return False, f", {_format_threads(threads)} (as requested)"
        # On a busy or virtual machine, threads that wait for each other can slow a small network
        # down many times, which cannot be predicted without a benchmark.
        counts = (1, cores or _available_cores())
        chosen, reason = _benchmark(step_with_threads, counts, _format_threads, clock)
        torch.set_num_threads(chosen)
    if device.type == "mps":
        return False, reason
    use_bf16, measured = _benchmark(step, (False, True), _format_precision, clock)
    return broadcast((use_bf16, reason + measured))


def _benchmark(
    step: Callable[[Setting], object],
    settings: tuple[Setting, Setting],
    describe: Callable[[Setting], str],
    clock: Clock,
) -> tuple[Setting, str]:
    """Return the first setting, or the second if steps are clearly faster with it, and why."""
    for setting in settings:
        step(setting)  # The first call includes allocations.
    times: dict[Setting, list[float]] = {setting: [] for setting in settings}
    for _ in range(3):  # Alternate, so that a short disturbance affects both settings.
        for setting in times:
            start_s = clock()
            step(setting)
            times[setting].append(clock() - start_s)
    first, second = (min(times[setting]) for setting in settings)
    chosen = settings[second < MAX_TIME_FRACTION * first]
    measured = [f"{describe(s)} {min(all_s) * 1e3:.0f} ms/step" for s, all_s in times.items()]
    return chosen, f", {describe(chosen)} (benchmarked: {', '.join(measured)})"


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _format_threads(n: int) -> str:
    return "1 thread" if n == 1 else f"{n} threads"


def _format_precision(use_bf16: bool) -> str:
    return "bfloat16" if use_bf16 else "float32"
