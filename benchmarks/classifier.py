"""How good the classifiers are: python benchmarks/classifier.py [--seeds 5] [--folds 5]

Trains the preset `best` over seeds and over folds, the linear and the published model beside it,
on the newest snapshot of ./data, and prints tables for docs/models.md.
Finished runs stay in --out and are not trained again; one that was stopped is resumed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from punkdata.images.palette import PALETTE, palette_indices
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.config import load_classifier, make_config, read_classifier_config
from punkmodels.classifier.evaluate import SCORE_NAMES, evaluate_classifier, predict_logits
from punkmodels.classifier.metrics import average_precision
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.predict import MAX_UNKNOWN_PIXELS
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.training.run_dir import read_config

ROOT = Path("data")
CPU = torch.device("cpu")
RARE = 60
"""labels that fewer punks carry are scored over all folds together"""


def trained(out: Path, **options: object) -> tuple[Path, float]:
    """A finished run of these options, and the seconds that its training took (NaN if unknown)."""
    index = out / "index.json"
    known = json.loads(index.read_text()) if index.exists() else {}
    key = " ".join(map(str, options.values()))
    entry = known.setdefault(key, {"run": None, "seconds": 0.0})
    config = make_config(**options)
    if entry["run"] and read_classifier_config(out / entry["run"]).options != config:
        entry = known[key] = {"run": None, "seconds": 0.0}  # the options have changed since
    if entry["seconds"]:
        return out / entry["run"], entry["seconds"]
    is_new = entry["run"] is None
    start = time.perf_counter()
    before = {p.name for p in out.glob("[0-9]*")}
    resume = out / entry["run"] if entry["run"] else None

    def say(_: str) -> None:  # what is said first comes when the run's folder is made
        names = {p.name for p in out.glob("[0-9]*")} - before
        if names and not entry["run"]:
            entry["run"] = names.pop()
            index.write_text(json.dumps(known, indent=1))

    run = train_classifier(ROOT, out, config, resume=resume, log=say)
    # Of a run that was stopped the whole time is not known.
    seconds = time.perf_counter() - start if is_new else math.nan
    known[key] = {"run": run.name, "seconds": seconds}
    index.write_text(json.dumps(known, indent=1))
    print(f"# {key}: {known[key]['seconds']:.0f} s", flush=True)
    return out / run.name, known[key]["seconds"]


def part_of(run: Path, scheme: str) -> SplitTensors:
    """The test part of the snapshot that a run was trained on."""
    return load_split(ROOT, read_config(run)["data"]["version"], scheme, "test")


def mean(values: list[float], digits: int = 4) -> str:
    text = f"{statistics.mean(values):.{digits}f}"
    return text + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def span(seconds: list[float]) -> str:
    return f"{min(seconds):.0f} to {max(seconds):.0f}" if seconds else "-"


def table(out: Path, scheme: str, models: dict[str, tuple[str, str, int]]) -> None:
    """One row a score, one column a model (name -> model, preset, seeds)."""
    columns = {}
    for name, (model, preset, seeds) in models.items():
        found = [
            trained(out, preset=preset, model=model, split_scheme=scheme, seed=seed)
            for seed in range(seeds)
        ]
        columns[name] = [(evaluate_classifier(run, ROOT, "test"), s) for run, s in found]
    print(f"\nsplit {scheme}, test part; visible labels unless said")
    print("| score | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for key, name in SCORE_NAMES.items():
        row = [mean([getattr(e.visible, key) for e, _ in c]) for c in columns.values()]
        print(f"| {name} | " + " | ".join(row) + " |")
    row = [mean([e.raw.exact_match for e, _ in c]) for c in columns.values()]
    sight = next(iter(columns.values()))[0][0].ceiling_visible_only.exact_match
    print(f"| exact match on raw labels (perfect sight: {sight:.4f}) | " + " | ".join(row) + " |")
    row = [mean([np.trace(e.type_confusion) / e.punks for e, _ in c]) for c in columns.values()]
    print("| types right | " + " | ".join(row) + " |")
    row = [mean([float(len(e.at_or_below_majority)) for e, _ in c], 1) for c in columns.values()]
    print("| labels no better than the majority | " + " | ".join(row) + " |")
    row = [mean([e.calibration_error for e, _ in c], 5) for c in columns.values()]
    print("| calibration error | " + " | ".join(row) + " |")
    row = [span([s for _, s in c if not math.isnan(s)]) for c in columns.values()]
    print("| training, s | " + " | ".join(row) + " |", flush=True)


def folds(out: Path, count: int) -> None:
    """Every punk told by a network that never saw it: types, rare labels, and what is refused."""
    logits, visible, unknown = [], [], []
    for fold in range(1, count + 1):
        scheme = f"fold-{fold}"
        run, _ = trained(out, preset="best", model="cnn", split_scheme=scheme, seed=0)
        model, part = load_classifier(run, CPU), part_of(run, scheme)
        logits.append(predict_logits(model, part.images, CPU))
        visible.append(part.visible > 0)
        unknown.append(model.unknown_pixels(part.images))
    values, truth = torch.cat(logits), torch.cat(visible)
    told = logits_to_labels(values)
    right = (told == truth).all(dim=1)
    print(f"\n{count} of 5 folds, preset best: {len(truth):,} punks, each unseen in training")
    print(f"all visible labels right: {int(right.sum()):,} ({right.float().mean():.4f})")
    for i, name in enumerate(TYPES):
        print(f"{name}: {int((told & truth)[:, i].sum()):,} of {int(truth[:, i].sum()):,} right")
    print(f"\n| labels of fewer than {RARE} punks | punks | AP | recall | precision |")
    print("|---|---|---|---|---|")
    for i in np.flatnonzero((truth.sum(0) < RARE).numpy()).tolist():
        hits, support = int((told & truth)[:, i].sum()), int(truth[:, i].sum())
        ap = average_precision(truth[:, i].numpy(), values[:, i].numpy())
        precision = hits / max(1, int(told[:, i].sum()))
        print(f"| {LABELS[i]} | {support} | {ap:.4f} | {hits / support:.3f} | {precision:.3f} |")
    refused = (torch.cat(unknown) > MAX_UNKNOWN_PIXELS).sum()
    print(f"\npunks refused as no punks: {int(refused)} of {len(truth):,}")


def strangers(out: Path) -> None:
    """How many sprites that are no punks are taken for punks."""
    run, _ = trained(out, preset="best", model="cnn", split_scheme="default", seed=0)
    model = load_classifier(run, CPU)
    part = part_of(run, "default")
    sprites = PALETTE[part.images.numpy()]
    rng = np.random.default_rng(0)
    noise = PALETTE[rng.integers(0, len(PALETTE), sprites.shape[:3])]
    blank = np.repeat(PALETTE[1:, None, None], 24, axis=1).repeat(24, axis=2)
    kinds = {
        "facing the other way": sprites[:, :, ::-1],
        "upside down": sprites[:, ::-1],
        "a pixel lower": np.roll(sprites, 1, axis=1),
        "a pixel to the right": np.roll(sprites, 1, axis=2),
        "pixels of any color": noise,
        "one color": blank,
    }
    print("\n| sprites that are no punks | of | taken for one |\n|---|---|---|")
    for name, kind in kinds.items():
        indices = torch.from_numpy(palette_indices(np.ascontiguousarray(kind)))
        taken = int((model.unknown_pixels(indices) <= MAX_UNKNOWN_PIXELS).sum())
        print(f"| {name} | {len(kind):,} | {taken} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5, choices=range(6))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    models = {
        "`cnn`, best": ("cnn", "best", options.seeds),
        "`linear`": ("linear", "quick", 1),
        "`published`": ("published", "quick", 1),
    }
    table(options.out, "default", models)
    table(options.out, "by_id", models | {"`cnn`, best": ("cnn", "best", 1)})
    strangers(options.out)
    if options.folds:
        folds(options.out, options.folds)
    run, _ = trained(options.out, preset="best", model="cnn", split_scheme="default", seed=0)
    print(f"\ndevice: {read_config(run)['device']['why']}")


if __name__ == "__main__":
    main()
