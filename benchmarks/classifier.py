"""Classifier scores: python benchmarks/classifier.py [--seeds 5] [--folds 5] [--open-set]

Trains the preset `best` with several seeds, the preset `quick` on several folds, and the models
`ridge`, with and without composed punks, and `published`, on the latest snapshot in ./data, and
prints the tables of docs/explanation/results.md. Finished runs are kept in --out and not trained
again; a stopped run is resumed. With --open-set, nothing is trained: only the table of images that
the bundled classifier accepts, and of predictions that it verifies, is printed, in a few minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import format_mean
from open_set import print_open_set

from punkdata.analysis.outfit_suites import SUITE_NAMES
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.config import make_config
from punkmodels.classifier.evaluate import SCORE_NAMES, evaluate_classifier
from punkmodels.classifier.metrics import ranking_scores
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.prediction import MAX_UNKNOWN_PIXELS
from punkmodels.classifier.pretrained import load_classifier, read_classifier_config
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.training.run_dir import read_config

ROOT = Path("data")
CPU = torch.device("cpu")
RARE = 60
"""Number of punks below which a label is scored over all folds together."""


def get_trained_run(out: Path, **options: object) -> tuple[Path, float]:
    """Return a finished run with these options and its training time in s (NaN if unknown)."""
    index = out / "index.json"
    known = json.loads(index.read_text()) if index.exists() else {}
    key = " ".join(map(str, options.values()))
    entry = known.setdefault(key, {"run": None, "seconds": 0.0})
    config = make_config(**options)
    if entry["run"] and read_classifier_config(out / entry["run"]).options != config:
        # The options have changed since that run.
        entry = known[key] = {"run": None, "seconds": 0.0}
    if entry["seconds"]:
        return out / entry["run"], entry["seconds"]
    is_new = entry["run"] is None
    start = time.perf_counter()
    before = {p.name for p in out.glob("[0-9]*")}
    resume = out / entry["run"] if entry["run"] else None

    def on_log(_: str) -> None:
        # The run folder exists when the first line is logged.
        names = {p.name for p in out.glob("[0-9]*")} - before
        if names and not entry["run"]:
            entry["run"] = names.pop()
            index.write_text(json.dumps(known, indent=1))

    run = train_classifier(ROOT, out, config, resume=resume, log=on_log)
    # The total time of a resumed run is unknown.
    seconds = time.perf_counter() - start if is_new else math.nan
    known[key] = {"run": run.name, "seconds": seconds}
    index.write_text(json.dumps(known, indent=1))
    print(f"# {key}: {known[key]['seconds']:.0f} s", flush=True)
    return out / run.name, known[key]["seconds"]


def load_test_split(run: Path, scheme: str) -> SplitTensors:
    """Return the test split of the snapshot that a run was trained on."""
    return load_split(ROOT, read_config(run)["data"]["version"], scheme, "test")


def format_range(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    ends = dict.fromkeys(f"{value:.0f}" for value in (min(seconds), max(seconds)))
    return " to ".join(ends)


def print_scores(out: Path, scheme: str, models: dict[str, tuple[dict[str, Any], int]]) -> None:
    """Print one row per score and one column per model (name: options, seeds)."""
    columns = {}
    for name, (options, seeds) in models.items():
        found = [
            get_trained_run(out, **options, split_scheme=scheme, seed=seed) for seed in range(seeds)
        ]
        columns[name] = [(evaluate_classifier(run, ROOT).scores, s) for run, s in found]
    print(f"\nsplit {scheme}, test split; visible labels unless stated")
    print("| score | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for key, name in SCORE_NAMES.items():
        row = [format_mean([e["visible"][key] for e, _ in c]) for c in columns.values()]
        print(f"| {name} | " + " | ".join(row) + " |")
    row = [format_mean([e["raw"]["exact_match"] for e, _ in c]) for c in columns.values()]
    ceiling = next(iter(columns.values()))[0][0]["ceiling_visible_only"]["exact_match"]
    print(
        f"| exact match on raw labels (visible-label ceiling: {ceiling:.4f}) | "
        + " | ".join(row)
        + " |"
    )
    for key in next(iter(columns.values()))[0][0]["suites"]:
        row = [
            format_mean([e["suites"][key]["exact_match"] for e, _ in c]) for c in columns.values()
        ]
        print(f"| exact match, {SUITE_NAMES[key]} | " + " | ".join(row) + " |")
    row = [format_mean([e["type_accuracy"] for e, _ in c]) for c in columns.values()]
    print("| type accuracy | " + " | ".join(row) + " |")
    row = [
        format_mean([float(len(e["at_or_below_majority"])) for e, _ in c], 1)
        for c in columns.values()
    ]
    print("| labels at or below the majority baseline | " + " | ".join(row) + " |")
    row = [format_range([s for _, s in c if not math.isnan(s)]) for c in columns.values()]
    print("| training time, s | " + " | ".join(row) + " |", flush=True)


def print_cross_validation(out: Path, count: int, preset: str) -> None:
    """Print scores over all folds; each punk is predicted by a network not trained on it."""
    logits, visible, unknown = [], [], []
    for fold in range(1, count + 1):
        scheme = f"fold-{fold}"
        run, _ = get_trained_run(out, preset=preset, model="mlp", split_scheme=scheme, seed=0)
        model, split = load_classifier(run, CPU), load_test_split(run, scheme)
        logits.append(predict_logits(model, split.images))
        visible.append(split.visible > 0)
        unknown.append(model.unknown_pixels(split.images))
    values, truth = torch.cat(logits), torch.cat(visible)
    predicted = logits_to_labels(values)
    correct = (predicted == truth).all(dim=1)
    print(
        f"\n{count} of 5 folds, preset {preset}: {len(truth):,} punks, each predicted by a network "
        "that was not trained on it"
    )
    print(f"all visible labels correct: {int(correct.sum()):,} ({correct.float().mean():.4f})")
    for i, name in enumerate(TYPES):
        hits, support = int((predicted & truth)[:, i].sum()), int(truth[:, i].sum())
        print(f"{name}: {hits:,} of {support:,} correct")
    print(f"\n| labels with fewer than {RARE} punks | punks | AP | recall | precision |")
    print("|---|---|---|---|---|")
    precisions, _ = ranking_scores(truth.numpy(), values.numpy())
    for i in np.flatnonzero((truth.sum(0) < RARE).numpy()).tolist():
        hits, support = int((predicted & truth)[:, i].sum()), int(truth[:, i].sum())
        precision = hits / max(1, int(predicted[:, i].sum()))
        cells = f"{support} | {precisions[i]:.4f} | {hits / support:.3f} | {precision:.3f}"
        print(f"| {LABELS[i]} | {cells} |")
    refused = (torch.cat(unknown) > MAX_UNKNOWN_PIXELS).sum()
    print(f"\npunks refused by `predict`: {int(refused)} of {len(truth):,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="training seeds (default: 5)")
    parser.add_argument("--folds", type=int, default=5, choices=range(6), help="0 skips them")
    parser.add_argument(
        "--fold-preset", default="quick", choices=("quick", "best"), help="preset of the folds"
    )
    parser.add_argument(
        "--without-published", action="store_true", help="leave out the slow model `published`"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"), help="run folder")
    parser.add_argument(
        "--open-set", action="store_true", help="only measure which images `predict` accepts"
    )
    options = parser.parse_args()
    if options.open_set:
        print_open_set(ROOT)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    models = {
        "`ridge`, real punks alone": ({"model": "ridge", "composed_share": 0.0}, 1),
        "`ridge`": ({"model": "ridge"}, options.seeds),
        "`mlp`, best": ({"preset": "best"}, options.seeds),
        "`published`": ({"model": "published"}, 1),
    }
    if options.without_published:
        del models["`published`"]
    print_scores(options.out, "default", models)
    one_seed = {name: (chosen, 1) for name, (chosen, _) in models.items()}
    print_scores(options.out, "by_id", one_seed)
    print_open_set(ROOT)
    if options.folds:
        print_cross_validation(options.out, options.folds, options.fold_preset)
    run, _ = get_trained_run(options.out, preset="best", split_scheme="default", seed=0)
    print(f"\ndevice: {read_config(run)['device']['reason']}")


if __name__ == "__main__":
    main()
