"""A job in fresh processes: seconds and memory, imports not counted; the machine; and plots."""

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

PROLOGUE = """
import json, sys, time
def mib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024
class Timer:
    def __enter__(self):
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # the peak of the imports is forgotten
        self.before_mib, self.start = mib("VmRSS"), time.perf_counter()
    def __exit__(self, *_):
        seconds = time.perf_counter() - self.start
        print(json.dumps([seconds, mib("VmHWM") - self.before_mib]))
"""
"""what every job begins with: it imports, then does its work in `with Timer():`, once or several
times. Linux alone tells the peak since a moment.
"""


@dataclass(frozen=True)
class Result:
    """Of a job's rounds."""

    seconds: tuple[float, ...]
    mib: float
    """most memory that it needed beyond its imports, in any round"""

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


def measure(job: str, *args: object, rounds: int = 5) -> Result:
    """Run a job's code, each time in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    found = []
    for _ in range(rounds):
        command = [sys.executable, "-c", PROLOGUE + job, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        found += [json.loads(line) for line in done.stdout.splitlines()]
    seconds, mib = zip(*found, strict=True)
    return Result(seconds, max(mib))


def figure(x: str, y: str) -> Axes:
    """An empty plot of two named quantities, in the style of all our plots."""
    axes = Figure(figsize=(8, 4), layout="constrained").subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(color="#e0e0e0")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def saved(axes: Axes, path: Path) -> None:
    axes.figure.savefig(path, dpi=110)


def machine() -> str:
    """The processor, its cores, and Python, in one line."""
    model = platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
