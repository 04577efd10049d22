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
HEADER = (
    "| classifier | epochs | seconds | macro AP, test | exact match, test | seconds to exact match "
    "0.9, validation |\n|---|---|---|---|---|---|"
)


def train(root: str, runs: Path, model: str) -> tuple[Path, list[tuple[float, float]]]:
    """Train a classifier; return its run, and seconds and validation score after each epoch."""
    reached_at: dict[int, float] = {}

    def progress(done: int, _total: int, _note: str = "") -> None:
        reached_at.setdefault(done, time.perf_counter())

    run = train_classifier(root, runs, make_config(preset="quick", model=model), progress=progress)
    return run, [
        (reached_at[line["images_seen"]] - reached_at[0], line["val_exact_match"])
        for line in read_metrics(run)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="data", help="data root (default: data)")
    parser.add_argument("--plot", type=Path, help="PNG to write")
    args = parser.parse_args()
    print(f"{describe_machine()}; one run each, number of CPU threads benchmarked\n\n{HEADER}")
    axes = make_axes("training time, s", "exact match, validation split")
    with tempfile.TemporaryDirectory() as runs:
        for name, model in MODELS.items():
            run, curve = train(args.root, Path(runs), model)
            test = evaluate_classifier(run, Path(args.root)).scores["visible"]
            ap, exact = test["macro_average_precision"], test["exact_match"]
            to_90 = next((f"{seconds:.0f}" for seconds, score in curve if score >= 0.9), "never")
            cells = f"{len(curve)} | {curve[-1][0]:.0f} | {ap:.4f} | {exact:.4f} | {to_90}"
            print(f"| {name} | {cells} |", flush=True)
            axes.plot(*zip(*curve, strict=True), marker=".", label=name)
    if args.plot:
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False)
        save_plot(axes, args.plot)


if __name__ == "__main__":
    main()
