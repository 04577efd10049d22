"""Classifier score against training time.

    python benchmarks/score.py [--root data] [--plot score.png]

Trains three classifiers one after the other, as `punkmodels train classifier` does: the preset
`quick`, our version of the public Keras CNN (`--model published`, 14 epochs, on our labels), and
the linear model. Training time is counted from the first image to the end of the last epoch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from measure import describe_machine, make_axes, save_plot

from punkmodels.classifier.config import make_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.training.run_dir import read_metrics

MODELS = {"punkmodels, quick": "cnn", "published, 14 epochs": "published", "linear": "linear"}
Curve = list[tuple[float, float]]
"""Seconds of training and exact match on the validation split, at the end of each epoch."""


def train(root: str, runs: Path, model: str) -> tuple[Path, Curve]:
    """Train a classifier, and return its run folder and its curve."""
    reached_at: dict[int, float] = {}

    def progress(done: int, _total: int, _note: str = "") -> None:
        reached_at.setdefault(done, time.perf_counter())

    run = train_classifier(root, runs, make_config(preset="quick", model=model), progress=progress)
    start = reached_at[0]
    return run, [
        (reached_at[line["images_seen"]] - start, line["val_exact_match"])
        for line in read_metrics(run)
    ]


def plot(path: Path, curves: dict[str, Curve]) -> None:
    axes = make_axes("training time, s", "exact match, validation split")
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), marker=".", label=name)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    save_plot(axes, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="data", help="data root (default: data)")
    parser.add_argument("--plot", type=Path, help="PNG to write")
    args = parser.parse_args()
    print(f"{describe_machine()}; one run each, number of CPU threads benchmarked\n")
    print("| classifier | epochs | seconds | macro AP, test | exact match, test | ", end="")
    print("seconds to exact match 0.9, validation |\n|---|---|---|---|---|---|")
    curves = {}
    with tempfile.TemporaryDirectory() as runs:
        for name, model in MODELS.items():
            run, curve = train(args.root, Path(runs), model)
            test = evaluate_classifier(run, Path(args.root), "test").visible
            ap, exact = test.macro_average_precision, test.exact_match
            to_90 = next((f"{seconds:.0f}" for seconds, score in curve if score >= 0.9), "never")
            cells = f"{len(curve)} | {curve[-1][0]:.0f} | {ap:.4f} | {exact:.4f} | {to_90}"
            print(f"| {name} | {cells} |", flush=True)
            curves[name] = curve
    if args.plot:
        plot(args.plot, curves)


if __name__ == "__main__":
    main()
