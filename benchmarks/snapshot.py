"""How long a snapshot takes to build and to check: python benchmarks/snapshot.py [--root data]

From the newest recording below the root, copied to a place of its own, in fresh processes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from measure import machine, measure

from punkdata.sources.find_recording import list_finished

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
from punkdata.snapshots.verify import verify_snapshot
snapshot = open_snapshot(sys.argv[1])
with Timer():
    assert not [check for check in verify_snapshot(snapshot) if check.problem]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    recording = list_finished(args.root)[-1]
    print(f"{machine()}; {recording.name}; median of {args.rounds} fresh processes\n")
    print("| job | seconds | MiB beyond the imports |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        shutil.copytree(recording.path, Path(root) / "raw" / recording.name)
        for name, job in (("build-dataset", BUILD), ("verify", VERIFY)):
            result = measure(job, root, rounds=args.rounds)
            print(f"| {name} | {result.median_s:.1f} | {result.mib:.0f} |", flush=True)


if __name__ == "__main__":
    main()
