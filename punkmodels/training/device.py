"""Choice of the device, the number of CPU threads, and the floating-point precision.

Each choice comes with a reason in words, which is logged and stored in the run's config.json.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import torch

from punkdata.errors import UsageError
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup

BF16_TIME_FRACTION = 0.9
"""bfloat16 is used only if a step takes less than this fraction of its time in float32."""

Clock = Callable[[], float]
"""Function that returns the current time in seconds."""


def pick_device(requested: str = "auto") -> tuple[torch.device, str]:
    """Return the device to compute on, and the reason.

    Args:
        requested: "cpu", "cuda", "mps", or "auto" for the first available of cuda, mps and cpu.

    Raises:
        UsageError: The device is unknown or not available.
    """
    is_available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    available = [name for name, yes in is_available.items() if yes]
    if requested == "auto":
        return torch.device(available[0]), f"{_describe_device(available[0])} (auto)"
    if requested not in available:
        raise UsageError(
            f"device {requested} is not available on this machine",
            hint=f"available devices: {', '.join(available)}",
        )
    return torch.device(requested), f"{_describe_device(requested)} (as requested)"


def choose_precision_and_threads(
    try_step: Callable[[bool], object],
    device: torch.device,
    threads: int | None,
    resumed: tuple[int, bool] | None = None,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> tuple[bool, str]:
    """Set the number of CPU threads, and choose between float32 and bfloat16.

    A resumed run uses the settings that it started with. Otherwise settings that are not given
    are benchmarked.

    Args:
        try_step: Takes a training step, in bfloat16 if its argument is True.
        device: The training device.
        threads: Number of CPU threads; None to benchmark. On a CPU, a given number implies
            float32, so that runs can be reproduced.
        resumed: Threads and use_bf16 of the run that is resumed, or None for a new run.
        process_group: The processes that train together. Rank 0 benchmarks for all.

    Returns:
        Whether to use bfloat16, and text to append to the reason that `pick_device` returned.
    """
    if not process_group.is_main:
        resumed = process_group.broadcast((1, False))
    choices = ""
    if device.type == "cpu":
        if resumed:
            num_threads, reason = resumed[0], "as when the run started"
        elif threads:
            num_threads, reason = threads, "as requested"
        else:
            num_threads, reason = benchmark_threads(lambda: try_step(False))
        torch.set_num_threads(num_threads)
        choices += f", {_format_threads(num_threads)} ({reason})"
    use_bf16 = resumed[1] if resumed else False
    if not resumed and (threads is None or device.type != "cpu"):
        use_bf16, reason = benchmark_bf16(try_step, device)
        choices += f", {'bfloat16' if use_bf16 else 'float32'} ({reason})"
    if process_group.is_main:
        process_group.broadcast((torch.get_num_threads(), use_bf16))
    return use_bf16, choices


def benchmark_bf16(
    step: Callable[[bool], object],
    device: torch.device,
    rounds: int = 3,
    clock: Clock = time.perf_counter,
) -> tuple[bool, str]:
    """Return whether bfloat16 is clearly faster than float32, and the measured times.

    Args:
        step: Takes a training step, in bfloat16 if its argument is True.
        device: The training device.
        rounds: Number of measurements of each precision, of which the fastest counts.
        clock: A clock in seconds.
    """
    if device.type == "mps":
        return False, "bfloat16 is not benchmarked on Apple GPUs"
    fastest_s = dict.fromkeys((False, True), float("inf"))
    for use_bf16 in fastest_s:
        step(use_bf16)  # The first call includes allocations.
    for _ in range(rounds):  # Alternate, so that a short disturbance affects both.
        for use_bf16 in fastest_s:
            _synchronize(device)
            start_s = clock()
            step(use_bf16)
            _synchronize(device)
            fastest_s[use_bf16] = min(fastest_s[use_bf16], clock() - start_s)
    float32_ms, bf16_ms = (round(fastest_s[use_bf16] * 1e3) for use_bf16 in (False, True))
    reason = f"benchmarked: float32 {float32_ms} ms/step, bfloat16 {bf16_ms} ms/step"
    return fastest_s[True] < BF16_TIME_FRACTION * fastest_s[False], reason


def benchmark_threads(
    step: Callable[[], object],
    rounds: int = 3,
    cores: int | None = None,
    clock: Clock = time.perf_counter,
) -> tuple[int, str]:
    """Return the faster of one CPU thread and one per core, and the measured times.

    On a busy or virtual machine, threads that wait for each other can slow a small network down
    many times, which cannot be predicted without a benchmark.

    Args:
        step: Takes a training step.
        rounds: Number of measurements of each number of threads, of which the fastest counts.
        cores: Number of cores; by default those available to this process.
        clock: A clock in seconds.
    """
    fastest_s = dict.fromkeys(sorted({1, cores or _available_cores()}), float("inf"))
    for threads in fastest_s:
        torch.set_num_threads(threads)
        step()  # The first call includes allocations.
    for _ in range(rounds):  # Alternate, so that a short disturbance affects both.
        for threads in fastest_s:
            torch.set_num_threads(threads)
            start_s = clock()
            step()
            fastest_s[threads] = min(fastest_s[threads], clock() - start_s)
    times = ", ".join(f"{_format_threads(n)} {s * 1e3:.0f} ms/step" for n, s in fastest_s.items())
    return min(fastest_s, key=lambda n: fastest_s[n]), f"benchmarked: {times}"


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _describe_device(name: str) -> str:
    if name == "cuda":
        return f"GPU {torch.cuda.get_device_name()}"
    return "Apple GPU" if name == "mps" else "CPU"


def _format_threads(n: int) -> str:
    return "1 thread" if n == 1 else f"{n} threads"
