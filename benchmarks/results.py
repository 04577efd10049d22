"""What `make bench` runs, one after the other, into benchmarks/RESULTS.md.

    python benchmarks/results.py [--root data] [--only reading growth …]

Each job is a script of this folder that can be run alone. A job that fails is told in its place,
and the others go on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from measure import machine

HERE = Path(__file__).parent
ROOT = "ROOT"
JOBS: dict[str, tuple[str, tuple[str, ...]]] = {
    "reading": (
        "Opening, batches and arrays, beside other ways",
        ("--root", ROOT, "--rounds", "3"),
    ),
    "growth": ("How cost grows", ("--rounds", "1")),
    "snapshot": ("Build and open", ()),
    "fetch": ("Fetch", ()),
    "gallery": ("The gallery", ("--root", ROOT)),
}
"""script -> title and arguments"""
LIBRARIES = ("numpy", "pyarrow", "pandas", "pillow", "torch", "datasets", "webdataset")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="data")
    parser.add_argument("--only", nargs="*", choices=JOBS, default=list(JOBS))
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    args = parser.parse_args()
    parts = [
        "# Results",
        f"`make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine()}; "
        f"{', '.join(filter(None, map(named, LIBRARIES)))}. Other machines differ in times, less "
        "in ratios. What takes hours, as all that trains, is in `make bench-long`.",
    ]
    for name in args.only:
        title, options = JOBS[name]
        options = tuple(args.root if option == ROOT else option for option in options)
        print(f"{name} …", file=sys.stderr, flush=True)
        began_s = time.monotonic()
        done = subprocess.run(
            [sys.executable, HERE / f"{name}.py", *options],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        took_min = (time.monotonic() - began_s) / 60
        # Tables are Markdown; the rest is columns of text.
        text = done.stdout.strip()
        body = text if "|---" in text else f"```\n{text}\n```"
        failed = f"\n\n**It failed with exit code {done.returncode}.**" if done.returncode else ""
        command = " ".join(("python", f"benchmarks/{name}.py", *options))
        parts.append(f"## {title}\n\n`{command}`, {took_min:.1f} minutes\n\n{body}{failed}")
        args.out.write_text("\n\n".join(parts) + "\n", "utf-8")


def named(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
