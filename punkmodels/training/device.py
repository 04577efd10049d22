"""Where to compute: taken once, with a reason that a person can read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import torch

from punkdata.errors import UsageError
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup

CHOICES = ("auto", "cpu", "cuda", "mps")


def pick_device(wanted: str = "auto") -> tuple[torch.device, str]:
    """The device to compute on, and why.

    Raises:
        UsageError: `wanted` is unknown or not on this machine.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        name = next(name for name, there in available.items() if there)
        return torch.device(name), f"auto: {_describe(name)}"
    if not available.get(wanted, False):
        there = ", ".join(name for name, yes in available.items() if yes)
        raise UsageError(f"device {wanted} is not on this machine (there: {there})")
    return torch.device(wanted), f"asked for: {_describe(wanted)}"


def choose_precision_and_threads(
    try_step: Callable[[bool], object],
    device: torch.device,
    threads: int | None,
    began: tuple[int, bool] | None = None,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> tuple[bool, str]:
    """Set the CPU's threads, and say whether to compute in bfloat16, and why: as a resumed run
    began, as asked for, or whichever is faster. The reasons go on from those of `pick_device`.

    Args:
        try_step: a step of training; its argument says whether in bfloat16.
        threads: None to measure. A number asks for float32 on the CPU, so that runs repeat.
        began: threads of a run that is resumed, and whether in bfloat16.
        ranks: that share the training; the first measures for all.
    """
    if not process_group.is_main:
        began = process_group.broadcast((1, False))
    how = ""
    if device.type == "cpu":
        if began:
            used, reason = began[0], "as the run began"
        elif threads:
            used, reason = threads, "as asked for"
        else:
            used, reason = benchmark_threads(lambda: try_step(False))
        torch.set_num_threads(used)
        how += f", {used} thread{'s' * (used > 1)} ({reason})"
    half = began[1] if began else False
    if not began and (threads is None or device.type != "cpu"):
        half, reason = benchmark_bf16(try_step, device)
        how += f", {'bfloat16' if half else 'float32'} ({reason})"
    if process_group.is_main:
        process_group.broadcast((torch.get_num_threads(), half))
    return half, how


def benchmark_bf16(
    work: Callable[[bool], object], device: torch.device, rounds: int = 3
) -> tuple[bool, str]:
    """Whether bfloat16 is faster than float32 by more than a tenth, measured on `work`, and why.

    Args:
        work: a step of training; its argument says whether in bfloat16.
    """
    if device.type == "mps":
        return False, "not tried on Apple's GPU"
    best_s = dict.fromkeys((False, True), float("inf"))
    for half in best_s:
        work(half)
    for _ in range(rounds):
        for half in best_s:
            _finish(device)
            start = time.perf_counter()
            work(half)
            _finish(device)
            best_s[half] = min(best_s[half], time.perf_counter() - start)
    single, half_ms = (round(best_s[half] * 1e3) for half in (False, True))
    reason = f"measured a step: float32 {single} ms, bfloat16 {half_ms} ms"
    return best_s[True] < 0.9 * best_s[False], reason


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _describe(name: str) -> str:
    if name == "cuda":
        return f"the GPU {torch.cuda.get_device_name()}"
    return "Apple's GPU" if name == "mps" else "the CPU"


def benchmark_threads(work: Callable[[], object], rounds: int = 3) -> tuple[int, str]:
    """The faster of one CPU thread and one a core, measured on `work`, and why.

    On a busy or virtual machine, threads that wait for each other can make small networks
    many times slower, and nothing but a measurement tells.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    best_s = dict.fromkeys(sorted({1, cores}), float("inf"))
    for threads in best_s:
        torch.set_num_threads(threads)
        work()  # the first call pays for allocation
    for _ in range(rounds):  # in turn, so that a short disturbance meets both
        for threads in best_s:
            torch.set_num_threads(threads)
            start = time.perf_counter()
            work()
            best_s[threads] = min(best_s[threads], time.perf_counter() - start)
    threads = min(best_s, key=lambda n: best_s[n])
    times = ", ".join(f"{n} thread{'s' * (n > 1)} {s * 1e3:.0f} ms" for n, s in best_s.items())
    return threads, f"measured a step: {times}"
