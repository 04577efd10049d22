"""Classifier score against training time.

    python benchmarks/score.py [--root data] [--seeds 5] [--plot score.png]

Trains classifiers one after the other, as `punkmodels train classifier` does: the preset `quick`
and ridge regression with several seeds, and our version of the public Keras CNN (`--model
published`, 14 epochs, on our labels) with one. Training time is counted from the call, which
includes loading the data, recovering the layers and choosing the number of threads, to the
validation after each epoch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import describe_machine, format_mean, make_axes, save_plot

from punkmodels.classifier.config import make_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.train import train_classifier

MODELS = {"ridge": "ridge", "punkmodels, quick": "mlp", "published, 14 epochs": "published"}
GOALS = (0.9, 0.98, 0.995)
"""Values of exact match on the validation split."""
HEADER = (
    "| classifier | seeds | epochs | exact match, test | seconds | "
    + " | ".join(f"to {goal}" for goal in GOALS)
    + " |\n|---|---|---|---|---|"
    + "---|" * len(GOALS)
)


@dataclass(frozen=True)
class Training:
    """Seconds and validation score after each epoch, and the score on the test split."""

    curve: list[tuple[float, float]]
    test: float

    def seconds_to(self, goal: float) -> float | None:
        return next((seconds for seconds, score in self.curve if score >= goal), None)


def train(root: Path, runs: Path, model: str, seed: int) -> Training:
    curve: list[tuple[float, float]] = []
    start_s = time.perf_counter()

    def on_epoch_end(line: dict[str, Any]) -> None:
        curve.append((time.perf_counter() - start_s, line["val_exact_match"]))

    config = make_config(preset="quick", model=model, seed=seed)
    run = train_classifier(root, runs, config, on_epoch_end=on_epoch_end)
    return Training(curve, evaluate_classifier(run, root).scores["visible"]["exact_match"])


def format_seconds(values: list[float | None]) -> str:
    """Return the median of several times, and how many trainings never reached the goal."""
    reached = [value for value in values if value is not None]
    if not reached:
        return "never"
    text = f"{statistics.median(reached):.0f}"
    never = len(values) - len(reached)
    return f"{text} (never: {never} of {len(values)})" if never else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default="data", help="data root (default: data)")
    parser.add_argument("--seeds", type=int, default=5, help="training seeds (default: 5)")
    parser.add_argument("--plot", type=Path, help="PNG to write")
    args = parser.parse_args()
    print(f"{describe_machine()}; median seconds, number of CPU threads benchmarked\n\n{HEADER}")
    axes = make_axes("training time, s", "exact match, validation split")
    with tempfile.TemporaryDirectory() as runs:
        for name, model in MODELS.items():
            seeds = 1 if model == "published" else args.seeds
            trained = [train(args.root, Path(runs), model, seed) for seed in range(seeds)]
            first = trained[0].curve
            cells = [
                *(name, str(seeds), str(len(first))),
                format_mean([training.test for training in trained]),
                format_seconds([training.curve[-1][0] for training in trained]),
                *(format_seconds([t.seconds_to(goal) for t in trained]) for goal in GOALS),
            ]
            print("| " + " | ".join(cells) + " |", flush=True)
            axes.plot(*zip(*first, strict=True), marker=".", label=name)
    if args.plot:
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False)
        save_plot(axes, args.plot)


if __name__ == "__main__":
    main()
