"""Choice of device, number of CPU threads and floating-point precision, and CUDA graphs.

Each choice comes with a reason in words, which is logged and stored in the run's config.json.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch

from punkdata.errors import UsageError
from punkdata.progress import Progress
from punkmodels.choices import THREADS
from punkmodels.training.distributed import broadcast, threads_per_process

MAX_TIME_FRACTION = 0.9
"""Several threads, or bfloat16, are used only if a step then takes less of its time than this."""

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class TrainEnv:
    """Device and precision of a training run."""

    device: torch.device
    use_bf16: bool = False

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.use_bf16)


def pick_device(requested: str | torch.device = "auto") -> tuple[torch.device, str]:
    """Return the device to compute on, and the reason, for example "CPU (auto)".

    "auto" is the first available of cuda, mps and cpu; "cuda:1" is the second GPU. Raises
    UsageError if the device is unknown or not available.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    name = available[0] if requested == "auto" else str(requested)
    kind, _, index = name.partition(":")
    num_devices = torch.cuda.device_count() if kind == "cuda" else 1
    is_index = not index or (index.isdecimal() and int(index) < num_devices)
    if kind not in available or not is_index:
        raise UsageError(
            f"device {name} is not available on this machine",
            hint=f"available devices: {', '.join(available)}",
        )
    description = f"GPU {torch.cuda.get_device_name(name)}" if kind == "cuda" else name.upper()
    reason = "auto" if requested == "auto" else "as requested"
    return torch.device(name), f"{description} ({reason})"


class Choices(NamedTuple):
    """The precision, and texts to append to that of `pick_device`."""

    use_bf16: bool
    reason: str
    """All choices with their measurements, for config.json."""
    summary: str
    """For example ", 1 thread, bfloat16 (benchmarked)", for the user."""

    def summarize(self, device_reason: str) -> str:
        """Return, for example, "CPU, 1 thread, bfloat16 (benchmarked)"."""
        return device_reason.removesuffix(" (auto)") + self.summary


def choose_precision_and_threads(
    try_step: Callable[[bool], object],
    device: torch.device,
    threads: int | None,
    resumed: tuple[int, bool] | None = None,
    *,
    clock: Callable[[], float] = time.perf_counter,
    cores: int | None = None,
    progress: Progress = lambda done, total, note: None,
) -> Choices:
    """Set the number of CPU threads, and return whether to use bfloat16, and why.

    A resumed run keeps its threads and precision. What is not given is benchmarked with steps of
    `try_step`, which trains in bfloat16 if its argument is True; all processes take the same steps.
    `progress` announces that, because it can take a minute.
    On a CPU, a given number of threads implies float32, so that runs can be reproduced. Tests
    replace the clock and the number of cores.
    """
    if resumed:
        threads, use_bf16 = resumed
        torch.set_num_threads(threads)
        reason = f", {_format_threads(threads)} (as when the run started)"
        return Choices(use_bf16, reason, reason)

    def step(use_bf16: bool) -> None:
        try_step(use_bf16)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def step_with_threads(count: int) -> None:
        torch.set_num_threads(count)
        step(False)

    chosen, reason = "", ""
    if device.type == "cpu":
        if threads := threads or threads_per_process():
            torch.set_num_threads(threads)
            reason = f", {_format_threads(threads)} (as requested)"
            return Choices(False, reason, reason)
        progress(0, None, "choosing threads and precision")
        # On a busy or virtual machine, threads that wait for each other can slow a small network
        # down many times, which cannot be predicted without a benchmark.
        counts = {_format_threads(n): n for n in (1, cores or _available_cores())}
        count, reason = _benchmark(step_with_threads, counts, clock)
        torch.set_num_threads(count)
        chosen += f", {_format_threads(count)}"
    if device.type == "mps":
        return Choices(False, "", "")
    progress(0, None, "choosing threads and precision")
    use_bf16, measured = _benchmark(step, {"float32": False, "bfloat16": True}, clock)
    chosen += f", {'bfloat16' if use_bf16 else 'float32'} (benchmarked)"
    return Choices(*broadcast((use_bf16, reason + measured, chosen)))


def _benchmark(
    step: Callable[[Setting], object], settings: dict[str, Setting], clock: Callable[[], float]
) -> tuple[Setting, str]:
    """Return the first setting, or the last if steps are clearly faster with it, and why."""
    for setting in settings.values():
        step(setting)  # The first call includes allocations.
    times_s = dict.fromkeys(settings, math.inf)
    for _ in range(3):  # Alternate, so that a short disturbance affects both settings.
        for name, setting in settings.items():
            start_s = clock()
            step(setting)
            times_s[name] = min(times_s[name], clock() - start_s)
    names = list(settings)
    first, last = names[0], names[-1]
    chosen = last if times_s[last] < MAX_TIME_FRACTION * times_s[first] else first
    measured = ", ".join(f"{name} {time_s * 1e3:.0f} ms/step" for name, time_s in times_s.items())
    return settings[chosen], f", {chosen} (benchmarked: {measured})"


def _available_cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return min(cores, THREADS.high)


def _format_threads(n: int) -> str:
    return "1 thread" if n == 1 else f"{n} threads"


class CapturedStep:
    """A training step that is captured once as a CUDA graph and then replayed.

    This avoids the launch overhead that dominates small networks. On other devices, each call
    simply calls the step. The first `warmup_steps` calls run eagerly; they are real steps, so
    captured and eager training take the same steps. The step must read and write tensors that stay
    at the same place on the device, and must not synchronize with the CPU (no `.item()`). Its
    random numbers come from `generator`.
    """

    def __init__(
        self,
        step: Callable[[], None],
        device: torch.device,
        generator: torch.Generator,
        warmup_steps: int = 3,
    ) -> None:
        self.step: Callable[[], None] = step
        self.device: torch.device = device
        self.generator: torch.Generator = generator
        self.warmups_left: int = warmup_steps
        self.stream: torch.cuda.Stream | None = None
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        if self.device.type != "cuda":
            self.step()
            return
        with torch.cuda.device(self.device):  # Streams belong to the current device.
            if self.warmups_left > 0:
                self._warm_up()
                self.warmups_left -= 1
                return
            if self.graph is None:
                self._capture()
            assert self.graph is not None
            self.graph.replay()

    def _warm_up(self) -> None:
        # PyTorch requires warm-up on a side stream.
        self.stream = self.stream or torch.cuda.Stream()  # type: ignore[no-untyped-call]  # in torch
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.step()
        torch.cuda.current_stream().wait_stream(self.stream)

    def _capture(self) -> None:
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(self.generator)
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.step()
