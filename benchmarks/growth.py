"""Growth of time and memory with the number of sprites: 1,000, 10,000 and 100,000.

    python benchmarks/growth.py [--rounds 3]

Synthetic sprites are derived from forty random faces. Their records are turned into tables and
written as a snapshot (build), opened as tensors (open), and read five times in batches (epoch).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measure import describe_machine, make_axes, measure, save_plot

BUILD = """
import numpy as np
from pathlib import Path
from punkdata.build_tables import make_punk_tables
from punkdata.images.palette import PALETTE
from punkdata.records import PunkRecord
from punkdata.snapshots.manifest import Manifest
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.traits import ACCESSORIES, TYPES
count, root = int(sys.argv[1]), Path(sys.argv[2])
rng = np.random.default_rng(0)
faces = rng.integers(0, 222, (40, 24, 24), np.uint8)
faces[:, :, ::2] = faces[:, :, 1::2]

def make_record(i):
    face = faces[i % 40].copy()
    face.reshape(-1)[rng.integers(0, 576, 12)] = rng.integers(1, 222, 12)
    accessories = sorted(rng.choice(87, rng.integers(0, 5), replace=False))
    return PunkRecord(i, TYPES[i % 5], tuple(ACCESSORIES[k] for k in accessories), PALETTE[face],
                      "synthetic:", "0" * 64, 1.0, None, 1.0)

records = [make_record(i) for i in range(count)]
with Timer():
    table, provenance = make_punk_tables(records, None, ())
    tables = {"punks": table, "provenance": provenance}
    manifest = Manifest(
        status="complete",
        expected=count, source="synthetic", recording="none",
        created_at="2026-01-01T00:00:00+00:00", created_by="growth.py", files=(),
        **summarize_tables(tables))
    write_snapshot(root / f"{count}-{time.time_ns()}", manifest, tables)
"""
FIND_SNAPSHOT = """
from pathlib import Path
from punkdata import PunkDataset
count, root = sys.argv[1], Path(sys.argv[2])
folder = next(root.glob(f"{count}-*/snapshots/cryptopunks/s*"))
"""
OPEN = (
    FIND_SNAPSHOT
    + """
with Timer():
    images, labels = PunkDataset(folder, split="all").as_tensors()
"""
)
EPOCH = (
    FIND_SNAPSHOT
    + """
import torch
torch.set_num_threads(1)
punks = PunkDataset(folder, split="all")
for _ in range(5):
    with Timer():
        for images, labels in punks.batches(256):
            pass
"""
)


def plot(path: Path, seconds_by_count: dict[int, list[float]]) -> None:
    axes = make_axes("sprites", "seconds")
    counts = list(seconds_by_count)
    for i, name in enumerate(("build", "open", "epoch")):
        seconds = [times[i] for times in seconds_by_count.values()]
        axes.plot(counts, seconds, marker="o", label=name)
    first = seconds_by_count[counts[0]][0]
    linear = [first * count / counts[0] for count in counts]
    axes.plot(counts, linear, color="#999999", linestyle=":", label="linear")
    axes.set(xscale="log", yscale="log")
    axes.legend(frameon=False)
    save_plot(axes, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes (default: 3)")
    parser.add_argument("--plot", type=Path, help="PNG to write")
    args = parser.parse_args()
    print(f"{describe_machine()}; median of {args.rounds} fresh processes, 5 epochs in each\n")
    print("| sprites | build, s | MiB | open, s | MiB | epoch, s | MiB | pixels, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    seconds_by_count: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as root:
        for count in (1_000, 10_000, 100_000):
            rounds = 1 if count > 10_000 else args.rounds
            jobs = [measure(job, count, root, rounds=rounds) for job in (BUILD, OPEN, EPOCH)]
            cells = " | ".join(f"{job.median_s:#.3g} | {job.mib:.0f}" for job in jobs)
            print(f"| {count:,} | {cells} | {count * 2304 / 2**20:.0f} |", flush=True)
            seconds_by_count[count] = [job.median_s for job in jobs]
    if args.plot:
        plot(args.plot, seconds_by_count)


if __name__ == "__main__":
    main()
