"""How cost grows: 1,000, 10,000 and 100,000 drawn sprites through the snapshot layer.

    python benchmarks/growth.py [--rounds 3]

Sprites are made from forty random faces, with some pixels of their own. Parsed punks become tables
and a snapshot (build), that is opened as tensors (open), and drawn five times in batches (epoch).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measure import figure, machine, measure, saved

DRAW = """
import numpy as np
from pathlib import Path
from punkdata.images.palette import PALETTE
from punkdata.sources.opensea.parsing import ParsedPunk
from punkdata.traits import ACCESSORIES, TYPES
from punkdata.snapshots.record_tables import make_punk_tables
from punkdata.snapshots.manifest import Manifest
from punkdata.snapshots.tables import count_labels_and_splits
from punkdata.snapshots.writer import write_snapshot
from punkdata.snapshots.content_hash import compute_labels_hash, compute_version
count, root = int(sys.argv[1]), Path(sys.argv[2])
rng = np.random.default_rng(0)
faces = rng.integers(0, 222, (40, 24, 24), np.uint8)
faces[:, :, ::2] = faces[:, :, 1::2]

def draw(i):
    face = faces[i % 40].copy()
    face.reshape(-1)[rng.integers(0, 576, 12)] = rng.integers(1, 222, 12)
    worn = sorted(rng.choice(87, rng.integers(0, 5), replace=False))
    return ParsedPunk(i, TYPES[i % 5], tuple(ACCESSORIES[k] for k in worn), PALETTE[face],
                      "drawn:", "0" * 64, 1.0, None, 1.0)

punks = [draw(i) for i in range(count)]
with Timer():
    table, provenance = make_punk_tables(punks, None, {})
    manifest = Manifest(
        version=compute_version("drawn", table, None, {}), labels_hash=compute_labels_hash(table),
        collection="drawn", status="complete", expected=count, sales=None, source="drawn",
        recording="none", created_at="2026-01-01T00:00:00+00:00", created_by="growth.py",
        files=(), **count_labels_and_splits(table))
    write_snapshot(root / f"{count}-{time.time_ns()}", manifest, table, None, provenance)
"""
FIND = """
from pathlib import Path
from punkdata import PunkDataset
count, root = sys.argv[1], Path(sys.argv[2])
folder = next(root.glob(f"{count}-*/snapshots/drawn/s*"))
"""
OPEN = (
    FIND
    + """
with Timer():
    images, labels = PunkDataset(folder, split="all").as_tensors()
"""
)
EPOCH = (
    FIND
    + """
import torch
torch.set_num_threads(1)
held = PunkDataset(folder, split="all")
for _ in range(5):
    with Timer():
        for images, labels in held.batches(256):
            pass
"""
)


def plot(path: Path, found: dict[int, list[float]]) -> None:
    axes = figure("sprites", "seconds")
    for i, name in enumerate(("build", "open", "epoch")):
        axes.plot(list(found), [seconds[i] for seconds in found.values()], marker="o", label=name)
    (first, *_), *_ = found.values()
    straight = [first * count / min(found) for count in found]
    axes.plot(list(found), straight, color="#999999", linestyle=":", label="in proportion")
    axes.set(xscale="log", yscale="log")
    axes.legend(frameon=False)
    saved(axes, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    print(f"{machine()}; median of {args.rounds} fresh processes, or 5 epochs in each\n")
    print("| sprites | build, s | MiB | open, s | MiB | epoch, s | MiB | MiB of pixels |")
    print("|---|---|---|---|---|---|---|---|")
    found: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as root:
        for count in (1_000, 10_000, 100_000):
            rounds = 1 if count > 10_000 else args.rounds
            jobs = [measure(job, count, root, rounds=rounds) for job in (DRAW, OPEN, EPOCH)]
            cells = " | ".join(f"{job.median_s:#.3g} | {job.mib:.0f}" for job in jobs)
            print(f"| {count:,} | {cells} | {count * 2304 / 2**20:.0f} |", flush=True)
            found[count] = [job.median_s for job in jobs]
    if args.plot:
        plot(args.plot, found)


if __name__ == "__main__":
    main()
