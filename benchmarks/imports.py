"""Measure the CPU time of importing the packages and of showing help.

    python benchmarks/imports.py [--rounds 9]

Prints a table with the CPU time of fresh processes (user and system time, including Python itself),
and the packages whose modules take longest to import, measured by `python -X importtime`.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from collections import Counter

from measure import describe_machine

COMMANDS = {
    "`python -c pass`": ("-c", "pass"),
    "`import punkdata`": ("-c", "import punkdata"),
    "`import punkmodels`": ("-c", "import punkmodels"),
    "`punkdata --help`": ("-m", "punkdata", "--help"),
    "`punkmodels --help`": ("-m", "punkmodels", "--help"),
    "`punkmodels train dcgan --help`": ("-m", "punkmodels", "train", "dcgan", "--help"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="processes for each row (default: 9)")
    rounds = parser.parse_args().rounds
    print(f"{describe_machine()}; CPU seconds of {rounds} processes\n")
    print("| command | median | range | slowest packages |")
    print("|---|---|---|---|")
    for name, arguments in COMMANDS.items():
        packages = ", ".join(
            f"{package} {seconds:.3f}" for package, seconds in slowest_packages(arguments)
        )
        times = [cpu_seconds(arguments) for _ in range(rounds)]
        median, low, high = statistics.median(times), min(times), max(times)
        print(f"| {name} | {median:.3f} | {low:.3f} to {high:.3f} | {packages} |")


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """Return the user and system time of one Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def slowest_packages(arguments: tuple[str, ...], count: int = 3) -> list[tuple[str, float]]:
    """Return the top-level packages with the longest import times of their own, in seconds."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        own, _, module = line.removeprefix("import time:").split("|")
        package = module.strip().partition(".")[0]
        if own.strip().isdecimal() and package not in sys.stdlib_module_names:
            seconds[package] += int(own) / 1e6
    return seconds.most_common(count)


if __name__ == "__main__":
    main()
