"""Run the benchmarks of `make bench` and write benchmarks/RESULTS.md with its plots.

    python benchmarks/results.py [--root data] [--only reading growth …]

Each benchmark is a script in this folder that can also be run alone. If one fails, its section says
so, and the others continue.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from measure import describe_machine

HERE = Path(__file__).parent
LIBRARIES = ("numpy", "pyarrow", "pandas", "pillow", "torch", "datasets", "webdataset")


@dataclass(frozen=True)
class Benchmark:
    title: str
    options: tuple[str, ...] = ()
    needs_root: bool = True
    has_plot: bool = False


BENCHMARKS = {
    "reading": Benchmark("Opening and reading batches", ("--rounds", "2"), has_plot=True),
    "growth": Benchmark(
        "Growth with the number of sprites", ("--rounds", "1"), needs_root=False, has_plot=True
    ),
    "snapshot": Benchmark("Building and verifying a snapshot", ("--rounds", "3")),
    "fetch": Benchmark("Fetching from OpenSea", needs_root=False),
    "score": Benchmark("Classifier score against training time", has_plot=True),
    "predict": Benchmark("Predicting 1,000 sprites", ("--rounds", "3")),
    "dcgan": Benchmark("One GAN step", ("--speed", "--rounds", "1")),
    "gallery": Benchmark("The gallery page"),
    "imports": Benchmark("Imports and help", needs_root=False),
}
"""The benchmarks of `make bench`, by the name of their script."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--root", default="data", help="data root with a snapshot")
    parser.add_argument(
        "--only", nargs="*", choices=BENCHMARKS, default=list(BENCHMARKS), help="benchmarks to run"
    )
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md", help="page to write")
    args = parser.parse_args()
    start_s = time.monotonic()
    sections = [
        "# Speed and memory",
        f"`make bench` on {datetime.now(UTC):%Y-%m-%d}: {describe_machine()}; "
        f"{', '.join(filter(None, map(describe_version, LIBRARIES)))}. Times differ on other "
        "machines, ratios less. Benchmarks that train for hours are in `make bench-long`.",
    ]
    for name in args.only:
        sections.append(run_benchmark(name, BENCHMARKS[name], args.root, args.out.parent))
        args.out.write_text("\n\n".join(sections) + "\n", "utf-8")
    sections.append(f"Total time: {(time.monotonic() - start_s) / 60:.0f} minutes.")
    args.out.write_text("\n\n".join(sections) + "\n", "utf-8")


def run_benchmark(name: str, benchmark: Benchmark, root: str, folder: Path) -> str:
    """Run one benchmark and return its section of the page."""
    options = [*(("--root", root) if benchmark.needs_root else ()), *benchmark.options]
    command_text = " ".join(("python", f"benchmarks/{name}.py", *options))
    plot = folder / f"{name}.png"
    print(f"{command_text} …", file=sys.stderr, flush=True)
    start_s = time.monotonic()
    command = [sys.executable, HERE / f"{name}.py", *options]
    if benchmark.has_plot:
        command += ["--plot", plot]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    minutes = (time.monotonic() - start_s) / 60
    output = done.stdout.strip()
    parts = [f"## {benchmark.title}", f"`{command_text}`, {minutes:.1f} minutes"]
    # Tables are Markdown already; other output is aligned text.
    parts.append(output if "|---" in output else f"```\n{output}\n```")
    if benchmark.has_plot and not done.returncode:
        parts.append(f"![{benchmark.title}]({plot.name})")
    if done.returncode:
        parts.append(f"**Failed with exit code {done.returncode}.**")
    return "\n\n".join(parts)


def describe_version(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
