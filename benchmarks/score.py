"""The classifiers' score against seconds: the small one, the published one, and the linear model.

    python benchmarks/score.py [--root data] [--plot score.png]

Each is trained as `punkmodels train classifier` does it, one after the other: the preset `quick`,
the published architecture for the 14 epochs of its article (our own rendition, on our 24x24 and
labels), and one linear layer. Seconds count from the first image to the end of the last epoch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from measure import figure, machine, saved

from punkmodels.classifier.config import make_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.training.run_dir import read_metrics

MODELS = {"punkmodels, quick": "cnn", "published, 14 epochs": "published", "linear": "linear"}
Curve = list[tuple[float, float]]
"""(seconds, exact match on the validation part) at the end of each epoch"""


def train(root: str, runs: Path, model: str) -> tuple[Path, Curve]:
    ended: dict[int, float] = {}

    def progress(done: int, _total: int, _note: str = "") -> None:
        ended.setdefault(done, time.perf_counter())

    run = train_classifier(root, runs, make_config(preset="quick", model=model), progress=progress)
    lines, began = read_metrics(run), ended[0]
    return run, [(ended[m["images_seen"]] - began, m["val_exact_match"]) for m in lines]


def plot(path: Path, curves: dict[str, Curve]) -> None:
    axes = figure("seconds of training", "validation punks with all labels right")
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), marker=".", label=name)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    saved(axes, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="data")
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    print(f"{machine()}; one run each, on the CPU's faster number of threads\n")
    print("| classifier | epochs | seconds | macro AP, test | all labels right, test | ", end="")
    print("seconds to 90 % right, validation |\n|---|---|---|---|---|---|")
    curves = {}
    with tempfile.TemporaryDirectory() as runs:
        for name, model in MODELS.items():
            run, curve = train(args.root, Path(runs), model)
            test = evaluate_classifier(run, Path(args.root), "test").visible
            ap, exact = test.macro_average_precision, test.exact_match
            there = next((f"{seconds:.0f}" for seconds, right in curve if right >= 0.9), "never")
            cells = f"{len(curve)} | {curve[-1][0]:.0f} | {ap:.4f} | {exact:.4f} | {there}"
            print(f"| {name} | {cells} |", flush=True)
            curves[name] = curve
    if args.plot:
        plot(args.plot, curves)


if __name__ == "__main__":
    main()
