"""Whether drawn punks help where real examples are few: python benchmarks/augmentation.py

For 5, 10 and 20 real examples of each of ten accessories: a snapshot that has no more of them in
its training part; a conditional generator trained on that alone; and the classifier's preset
`quick`, with and without what this draws, over seeds, for as many steps. Scored are the ten
accessories, on the test part and on the punks that were taken out of training: none of them was
seen by either. Finished runs stay in --out.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch
from dcgan import trained as trained_generator
from measure import machine

from punkdata import open_snapshot
from punkdata.snapshots.content_hash import compute_labels_hash, compute_version
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import column_to_numpy, count_labels_and_splits, extract_labels
from punkdata.snapshots.writer import write_snapshot
from punkdata.traits import ACCESSORIES, LABELS
from punkmodels.classifier.config import load_classifier, make_config
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.metrics import average_precision
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.config import make_config as make_generator_config
from punkmodels.gan.synthetic import examples_from_config

CPU = torch.device("cpu")
EXAMPLES = (5, 10, 20)
CHOSEN = 10
FRACTIONS = (0.0, 0.5, 1.0)
EPOCHS = 8


def chosen_labels(snapshot: Snapshot) -> list[int]:
    """Ten accessories of middling support, so that enough are left to score on."""
    support = extract_labels(snapshot.punks("train", ["labels"])).sum(axis=0, dtype=int)
    accessories = range(len(LABELS) - len(ACCESSORIES), len(LABELS))
    middling = sorted((i for i in accessories if support[i] >= 80), key=lambda i: support[i])
    return middling[:CHOSEN]


def reduced(snapshot: Snapshot, root: Path, labels: list[int], examples: int) -> Snapshot:
    """The same with so many examples of each label in its training part, drawn by chance."""
    punks = snapshot.punks()
    have = extract_labels(punks)[:, labels] > 0
    is_train = np.array(punks.column("split").to_pylist()) == "train"
    rng = np.random.default_rng(examples)
    kept = ~(have.any(axis=1) & is_train)
    for column in range(len(labels)):
        rows = np.flatnonzero(have[:, column] & (have.sum(axis=1) == 1) & is_train)
        kept[rng.permutation(rows)[:examples]] = True
    some = punks.filter(kept)
    provenance = snapshot.provenance().filter(
        np.isin(
            column_to_numpy(snapshot.provenance().column("punk_id")),
            column_to_numpy(some.column("punk_id")),
        )
    )
    manifest = snapshot.manifest.model_copy(
        update={
            "version": compute_version(snapshot.manifest.collection, some, None, {}),
            "labels_hash": compute_labels_hash(some),
            "expected": len(some),
            "sales": None,
            **count_labels_and_splits(some),
        }
    )
    return write_snapshot(root, manifest, some, None, provenance)[0]


def score(run: Path, part: SplitTensors, labels: list[int]) -> float:
    """Mean average precision of some labels, of those that can be seen."""
    logits = predict_logits(load_classifier(run, CPU), part.images, CPU).numpy()
    truth = part.visible.bool().numpy()
    found = [average_precision(truth[:, i], logits[:, i]) for i in labels]
    return statistics.mean(ap for ap in found if ap is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-augmentation"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--total-images", type=int, default=60_000, help="of the generator's training"
    )
    args = parser.parse_args()
    whole = open_snapshot(args.root)
    labels = chosen_labels(whole)
    everyone = load_split(whole.path, "latest", "default", "all")
    print(f"{machine()}; {args.seeds} seeds; {', '.join(LABELS[i] for i in labels)}\n")
    print("| real examples of each | drawn for each real punk | mean AP of the ten | of runs |")
    print("|---|---|---|---|")
    for examples in EXAMPLES:
        out = args.out / str(examples)
        snapshot = reduced(whole, out / "data", labels, examples)
        seen = load_split(snapshot.path, "latest", "default", "train").punk_ids
        watched = load_split(snapshot.path, "latest", "default", "val").punk_ids
        unseen = ~np.isin(everyone.punk_ids, np.concatenate([seen, watched]))
        chosen = torch.from_numpy(np.flatnonzero(unseen))
        part = SplitTensors(
            everyone.punk_ids[unseen],
            *(t[chosen] for t in (everyone.images, everyone.labels, everyone.visible)),
            has_hidden_labels=True,
            version=whole.version,
            labels_hash="",
            path=whole.path,
        )
        config = make_generator_config(
            conditional="labels", skin_tone=True, total_images=args.total_images
        )
        generator = trained_generator(out, "generator", config, root=snapshot.path)
        for fraction in FRACTIONS:
            scores = []
            for seed in range(args.seeds):
                # As many steps, whatever is drawn.
                epochs = round(EPOCHS * (1 + max(FRACTIONS)) / (1 + fraction))
                drawn = {"augment_with": str(generator), "augment_fraction": fraction}
                options = make_config(epochs=epochs, seed=seed, **(drawn if fraction else {}))
                folder = out / f"{fraction}-{seed}"
                found = sorted(folder.glob("0*/checkpoints/*.safetensors"))
                resume = found[-1].parent.parent if found else None
                run = train_classifier(
                    snapshot.path,
                    folder,
                    options,
                    threads=1,
                    resume=resume,
                    generate_examples=examples_from_config,
                )
                scores.append(score(run, part, labels))
            spread = f" ± {statistics.stdev(scores):.4f}" if len(scores) > 1 else ""
            every = ", ".join(f"{value:.4f}" for value in scores)
            print(
                f"| {examples} | {fraction} | {statistics.mean(scores):.4f}{spread} | {every} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
