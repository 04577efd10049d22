"""Everything worth measuring on a GPU: python benchmarks/gpu.py [--minutes 9]

Runs the tests that need a GPU, measures images per second of all GAN recipes (eager, captured as a
CUDA graph, and compiled; in bfloat16 and float32; with several batch sizes) and the time in which
the classifier reaches 99 %, and trains the preset `gpu` of the recipes in the time that is left.
The script needs this checkout, PyTorch and the dependencies of punkmodels, but no network: without
a snapshot in --root, it draws synthetic punks with the bundled weights.

--out gets gpu.json, gpu.md and an archive of each trained model: at most 16 MB a file, and 64 MB in
all. Both reports are written after each measurement. A section that fails or hangs does not stop
the others. The runs are in --runs, where another call resumes unfinished trainings.

    python benchmarks/gpu.py --dry-run     all sections on the CPU, at tiny sizes, without limits
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import re
import sys
import time
import tomllib
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
MODULES = {"pillow": "PIL"}
"""Distributions with another name than their module."""
SHARES = {
    "setup": 0.15,
    "tests": 0.25,
    "speed-vae-gan": 0.11,
    "speed-adversarial": 0.11,
    "speed-dcgan": 0.12,
    "speed-mlp": 0.06,
    "classifier": 0.15,
    "training-vae-gan": 0.6,
    "training-adversarial": 0.6,
    "training-dcgan": 1.0,
}
"""Share of the time that is left when a section starts, after which it starts nothing more."""
DRY_RUN_MINUTES = 60.0
"""Time of a dry run, which takes a minute, on a machine of any speed."""
GRACE_S = 20.0
"""Time after which a section that does not end is killed."""


def find_missing() -> list[str]:
    """Return the dependencies of punkmodels that are not installed."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["models"], "pytest"]
    names = [re.split(r"[<>=]", requirement)[0] for requirement in required]
    return [name for name in names if not importlib.util.find_spec(MODULES.get(name, name))]


def run_section(name: str, args: argparse.Namespace, deadline_s: float) -> None:
    """Run a section in this process, and store its status, its results and its error."""
    from gpu_job import Job
    from gpu_report import Report
    from gpu_sections import SECTIONS

    report = Report(args.out)
    section = report.section(name)
    section.clear()
    section |= {"status": "running", "results": {}}
    report.save()
    start_s = time.monotonic()
    job = Job(report, section["results"], args.root, args.runs, deadline_s, args.dry_run)
    try:
        SECTIONS[name](job)
        section["status"] = "ok"
    except Exception:  # noqa: BLE001  # the other sections go on
        section |= {"status": "failed", "traceback": traceback.format_exc()}
        print(section["traceback"], flush=True)
    section["seconds"] = time.monotonic() - start_s
    report.save()


def run_in_process(
    target: Callable[..., None], *args: Any, timeout_s: float | None = None
) -> int | None:
    """Call a function in another process, and return its exit code, or None if it was killed."""
    # A forked process has PyTorch loaded, and a CUDA context of its own.
    context: Any = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    process = context.Process(target=target, args=args)
    process.start()
    process.join(timeout_s)
    if not process.is_alive():
        return int(process.exitcode)
    process.kill()
    process.join()
    return None


def check_gpu() -> None:
    """Exit with 1 unless there is a GPU. Never call it in the process that starts the others."""
    import torch

    sys.exit(not torch.cuda.is_available())


def run_all(args: argparse.Namespace, grace_s: float = GRACE_S) -> int:
    """Run the sections one after the other, and return how many failed."""
    from gpu_report import Report

    end_s = time.monotonic() + 60 * (DRY_RUN_MINUTES if args.dry_run else args.minutes)
    report = Report(args.out)
    report.data |= {
        "command": f"python benchmarks/gpu.py {' '.join(sys.argv[1:])}".strip(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "dry_run": args.dry_run,
    }
    report.save()
    failures = 0
    for name in args.only:
        time_left_s = max(0.0, end_s - time.monotonic())
        deadline_s = time.monotonic() + SHARES[name] * time_left_s
        print(f"== {name}, {SHARES[name] * time_left_s:.0f} s", flush=True)
        timeout_s = SHARES[name] * time_left_s + grace_s
        code = run_in_process(run_section, name, args, deadline_s, timeout_s=timeout_s)
        report = Report(args.out)  # As the section has left it.
        section = report.section(name)
        if code != 0:
            why = "killed: it did not end in time" if code is None else f"exit code {code}"
            section |= {"status": "failed", "reason": why}
            report.save()
        print(f"== {name}: {section['status']}", flush=True)
        failures += section["status"] == "failed"
    print(f"{report.json}\n{report.folder / 'gpu.md'}")
    for line in report.data["left_out"]:
        print(f"left out: {line}")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=9.0, help="time for all sections")
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root")
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="folder of the results")
    parser.add_argument("--runs", type=Path, default=Path("runs/gpu"), help="folder of the runs")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SHARES,
        default=list(SHARES),
        help="sections to run; the report keeps the results of the others",
    )
    parser.add_argument("--dry-run", action="store_true", help="run on the CPU, at tiny sizes")
    args = parser.parse_args()
    if missing := find_missing():
        print(f"error: not installed: {', '.join(missing)}; try: pip install {' '.join(missing)}")
        return 3
    sys.path.insert(0, str(REPOSITORY))
    if args.dry_run:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    elif run_in_process(check_gpu):
        print("error: PyTorch finds no CUDA GPU; --dry-run runs all sections on the CPU")
        return 3
    if args.only == list(SHARES):
        (args.out / "gpu.json").unlink(missing_ok=True)
    import gpu_sections  # noqa: F401  # loaded once, and not by each section

    return 1 if run_all(args) else 0


if __name__ == "__main__":
    sys.exit(main())
