"""What `make bench` runs, one after the other, into benchmarks/RESULTS.md with its plots.

    python benchmarks/results.py [--root data] [--only reading growth …]

Each job is a script of this folder that can be run alone. A job that fails is told in its place,
and the others go on.
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

from measure import machine

HERE = Path(__file__).parent
LIBRARIES = ("numpy", "pyarrow", "pandas", "pillow", "torch", "datasets", "webdataset")


@dataclass(frozen=True)
class Job:
    title: str
    options: tuple[str, ...] = ()
    takes_root: bool = True
    draws: bool = False
    """a plot, that --plot names"""


JOBS = {
    "reading": Job("Opening, batches and arrays", ("--rounds", "2"), draws=True),
    "growth": Job("How cost grows", ("--rounds", "1"), takes_root=False, draws=True),
    "snapshot": Job("Build and verify", ("--rounds", "3")),
    "fetch": Job("Fetch", takes_root=False),
    "score": Job("The classifier's score against seconds", draws=True),
    "dcgan": Job("A DCGAN step", ("--speed", "--rounds", "1")),
    "gallery": Job("The gallery"),
}
"""script -> how it is run here"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="data")
    parser.add_argument("--only", nargs="*", choices=JOBS, default=list(JOBS))
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    args = parser.parse_args()
    began_s = time.monotonic()
    parts = [
        "# Results",
        f"`make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine()}; "
        f"{', '.join(filter(None, map(named, LIBRARIES)))}. Other machines differ in times, less "
        "in ratios. What takes hours, as all that trains in earnest, is in `make bench-long`.",
    ]
    for name in args.only:
        parts.append(section(name, JOBS[name], args.root, args.out.parent))
        args.out.write_text("\n\n".join(parts) + "\n", "utf-8")
    parts.append(f"All of it took {(time.monotonic() - began_s) / 60:.0f} minutes.")
    args.out.write_text("\n\n".join(parts) + "\n", "utf-8")


def section(name: str, job: Job, root: str, folder: Path) -> str:
    """The job's part of the page, run now."""
    options = [*(("--root", root) if job.takes_root else ()), *job.options]
    shown = " ".join(("python", f"benchmarks/{name}.py", *options))
    plot = folder / f"{name}.png"
    print(f"{shown} …", file=sys.stderr, flush=True)
    began_s = time.monotonic()
    command = [sys.executable, HERE / f"{name}.py", *options]
    if job.draws:
        command += ["--plot", plot]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    took_min = (time.monotonic() - began_s) / 60
    # Tables are Markdown; the rest is columns of text.
    text = done.stdout.strip()
    parts = [f"## {job.title}", f"`{shown}`, {took_min:.1f} minutes"]
    parts.append(text if "|---" in text else f"```\n{text}\n```")
    if job.draws and not done.returncode:
        parts.append(f"![{job.title}]({plot.name})")
    if done.returncode:
        parts.append(f"**It failed with exit code {done.returncode}.**")
    return "\n\n".join(parts)


def named(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
