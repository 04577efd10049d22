"""Helpers of the benchmarks: run code in fresh processes, describe the machine, and plot."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

TIMER = """
import json, sys, time
def mib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024
class Timer:
    def __enter__(self):
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # resets the peak, so that imports do not count
        self.before_mib, self.start = mib("VmRSS"), time.perf_counter()
    def __exit__(self, *_):
        seconds = time.perf_counter() - self.start
        print(json.dumps([seconds, mib("VmHWM") - self.before_mib]))
"""
"""Code at the start of every measured job, which does its work inside `with Timer():`, once or
several times; it needs Linux, which reports the peak memory since a given moment
"""


@dataclass(frozen=True)
class Result:
    """Measurements of all rounds of a job."""

    seconds: tuple[float, ...]
    mib: float
    """Peak memory beyond that of the imports, over all rounds, in MiB."""

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


def measure(job: str, *args: object, rounds: int = 5) -> Result:
    """Run the code of a job, each round in a fresh process.

    Args:
        job: Python code that uses `Timer`.
        args: Arguments, which the code finds in sys.argv[1:].
        rounds: Number of processes.

    Raises:
        RuntimeError: The job failed.
    """
    measurements = []
    for _ in range(rounds):
        command = [sys.executable, "-c", TIMER + job, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        measurements += [json.loads(line) for line in done.stdout.splitlines()]
    seconds, mib = zip(*measurements, strict=True)
    return Result(seconds, max(mib))


def format_mean(values: list[float], digits: int = 4) -> str:
    """Return the mean ± the standard deviation of several values."""
    text = f"{statistics.mean(values):.{digits}f}"
    return text + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def make_axes(xlabel: str, ylabel: str) -> Axes:
    """Return an empty plot in the style of all benchmark plots."""
    axes = Figure(figsize=(8, 4), layout="constrained").subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(color="#e0e0e0")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def save_plot(axes: Axes, path: Path) -> None:
    axes.figure.savefig(path, dpi=110)


def describe_machine() -> str:
    """Return the processor, the number of cores and the Python version in one line."""
    model = platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
