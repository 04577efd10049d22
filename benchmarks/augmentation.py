"""Effect of generated training examples on rare accessories: python benchmarks/augmentation.py

For 5, 10 and 20 real examples of each of ten accessories, builds a snapshot with only that many in
its training split, trains a renderer on it, and trains the classifier's preset `quick`
with and without generated examples, with several seeds and for the same number of steps. The scores
are those of the ten accessories, on punks that neither the renderer nor the classifier was trained
on: the test split, and the punks that were removed. Finished runs are stored in --out and reused.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch
from measure import describe_machine

from punkdata import open_snapshot
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import column_to_numpy, extract_labels, summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.traits import ACCESSORIES, LABELS
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.config import make_config
from punkmodels.classifier.metrics import ranking_scores
from punkmodels.classifier.pretrained import load_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.config import make_config as make_renderer_config
from punkmodels.renderer.synthetic import examples_from_config
from punkmodels.renderer.train import train_renderer

CPU = torch.device("cpu")
NUM_EXAMPLES = (5, 10, 20)
NUM_ACCESSORIES = 10
MIN_SUPPORT = 80
"""Smallest number of training punks of a chosen accessory."""
FRACTIONS = (0.0, 0.5, 1.0)
"""Generated examples for each real one."""
EPOCHS = 8
"""Epochs at the largest of `FRACTIONS`; smaller ones train for more epochs, with as many steps."""


def choose_accessories(snapshot: Snapshot) -> list[int]:
    """Return ten accessories that are rare, but frequent enough to leave punks for the scores."""
    support = extract_labels(snapshot.punks("train", ["labels"])).sum(axis=0, dtype=int)
    accessories = range(len(LABELS) - len(ACCESSORIES), len(LABELS))
    return sorted((i for i in accessories if support[i] >= MIN_SUPPORT), key=lambda i: support[i])[
        :NUM_ACCESSORIES
    ]


def reduce_examples(
    snapshot: Snapshot, root: Path, labels: list[int], num_examples: int
) -> Snapshot:
    """Write a snapshot whose train split has only `num_examples` random examples of each label."""
    punks = snapshot.punks()
    has_label = extract_labels(punks)[:, labels] > 0
    is_train = np.array(punks.column("split").to_pylist()) == "train"
    rng = np.random.default_rng(num_examples)
    is_kept = ~(has_label.any(axis=1) & is_train)
    for column in range(len(labels)):
        rows = np.flatnonzero(has_label[:, column] & (has_label.sum(axis=1) == 1) & is_train)
        is_kept[rng.permutation(rows)[:num_examples]] = True
    kept = punks.filter(is_kept)
    provenance = snapshot.provenance().filter(
        np.isin(
            column_to_numpy(snapshot.provenance().column("punk_id")),
            column_to_numpy(kept.column("punk_id")),
        )
    )
    tables = {"punks": kept, "provenance": provenance}
    manifest = snapshot.manifest.model_copy(
        update={"expected": len(kept), **summarize_tables(tables)}
    )
    return write_snapshot(root, manifest, tables)[0]


def unused_punks(original: Snapshot, reduced: Snapshot) -> SplitTensors:
    """Return the punks that are in neither the train nor the val split of the reduced snapshot."""
    all_punks = load_split(original.path, "latest", "default", "all")
    used_ids = [
        load_split(reduced.path, "latest", "default", split).punk_ids for split in ("train", "val")
    ]
    is_unused = ~np.isin(all_punks.punk_ids, np.concatenate(used_ids))
    rows = torch.from_numpy(np.flatnonzero(is_unused))
    return SplitTensors(
        all_punks.punk_ids[is_unused],
        *(t[rows] for t in (all_punks.images, all_punks.labels, all_punks.visible)),
        has_hidden_labels=True,
        version=original.version,
        labels_hash="",
        path=original.path,
    )


def score(run: Path, split: SplitTensors, labels: list[int]) -> float:
    """Return the mean average precision of some visible labels."""
    logits = predict_logits(load_classifier(run, CPU), split.images).numpy()
    precisions, _ = ranking_scores(split.visible.bool().numpy()[:, labels], logits[:, labels])
    return float(precisions.mean())


def train_with_fraction(
    snapshot: Snapshot, out: Path, renderer: Path, fraction: float, seed: int
) -> Path:
    """Train a classifier with generated examples, or resume its run, or return a finished one."""
    # The number of steps does not depend on the number of generated examples.
    epochs = round(EPOCHS * (1 + max(FRACTIONS)) / (1 + fraction))
    augmentation = {"augment_with": str(renderer), "augment_fraction": fraction}
    config = make_config(
        model="cnn", epochs=epochs, seed=seed, **(augmentation if fraction else {})
    )
    runs = out / f"{fraction}-{seed}"
    checkpoints = sorted(runs.glob("0*/checkpoints/*.pt"))
    return train_classifier(
        snapshot.path,
        runs,
        config,
        threads=1,
        resume=checkpoints[-1].parent.parent if checkpoints else None,
        generate_examples=examples_from_config,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-augmentation"))
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument(
        "--total-images",
        type=int,
        default=60_000,
        help="real punks that each renderer is trained on",
    )
    args = parser.parse_args()
    original = open_snapshot(args.root)
    labels = choose_accessories(original)
    print(f"{describe_machine()}; {args.seeds} seeds; {', '.join(LABELS[i] for i in labels)}\n")
    print("| real examples of each | generated per real punk | mean AP of the ten | by seed |")
    print("|---|---|---|---|")
    for num_examples in NUM_EXAMPLES:
        out = args.out / str(num_examples)
        snapshot = reduce_examples(original, out / "data", labels, num_examples)
        split = unused_punks(original, snapshot)
        config = make_renderer_config(total_images=args.total_images, composed_share=0.0)
        renderers = sorted((out / "renderer").glob("0*"))
        renderer = train_renderer(
            snapshot.path, out / "renderer", config, resume=renderers[0] if renderers else None
        )
        for fraction in FRACTIONS:
            scores = [
                score(train_with_fraction(snapshot, out, renderer, fraction, seed), split, labels)
                for seed in range(args.seeds)
            ]
            std = f" ± {statistics.stdev(scores):.4f}" if len(scores) > 1 else ""
            by_seed = ", ".join(f"{value:.4f}" for value in scores)
            mean = f"{statistics.mean(scores):.4f}{std}"
            print(f"| {num_examples} | {fraction} | {mean} | {by_seed} |", flush=True)


if __name__ == "__main__":
    main()
