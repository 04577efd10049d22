"""Time and memory to build and verify a snapshot: python benchmarks/snapshot.py [--root data]

Uses a copy of the newest recording in the data root; each round runs in a fresh process.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from measure import describe_machine, measure

from punkdata.sources.recording import list_finished

BUILD = """
import shutil
from pathlib import Path
from punkdata.build import build_dataset
root = Path(sys.argv[1])
shutil.rmtree(root / "snapshots", ignore_errors=True)
with Timer():
    build_dataset(root)
"""

VERIFY = """
from punkdata.snapshots.reader import open_snapshot
from punkdata.verify import verify_snapshot
snapshot = open_snapshot(sys.argv[1])
with Timer():
    assert not [check for check in verify_snapshot(snapshot) if check.problem]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root (default: data)")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes (default: 3)")
    args = parser.parse_args()
    recording = list_finished(args.root)[-1]
    print(f"{describe_machine()}; {recording.name}; median of {args.rounds} fresh processes\n")
    print("| command | seconds | MiB beyond the imports |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        shutil.copytree(recording.path, Path(root) / "raw" / recording.name)
        for name, job in (("build-dataset", BUILD), ("verify", VERIFY)):
            result = measure(job, root, rounds=args.rounds)
            print(f"| {name} | {result.median_s:.1f} | {result.mib:.0f} |", flush=True)


if __name__ == "__main__":
    main()
