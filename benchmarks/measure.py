"""A job in fresh processes: seconds and memory, imports not counted; and the machine it ran on."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROLOGUE = """
import json, resource, sys, time
def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
class Timer:
    def __enter__(self):
        self.before_mib, self.start = peak_mib(), time.perf_counter()
    def __exit__(self, *_):
        seconds = time.perf_counter() - self.start
        print(json.dumps([seconds, peak_mib() - self.before_mib]))
"""
"""what every job begins with: it imports, then does its work in `with Timer():`"""


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
        found.append(json.loads(done.stdout.splitlines()[-1]))
    seconds, mib = zip(*found, strict=True)
    return Result(seconds, max(mib))


def machine() -> str:
    """The processor, its cores, and Python, in one line."""
    model = platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
