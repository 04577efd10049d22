"""How good the quick classifier is: python benchmarks/classifier.py [SEEDS]

Trains the preset with seeds 0, 1, 2 … on the newest snapshot of ./data and prints each
score on the test split, then mean ± standard deviation.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from punkdata.build import build_dataset
from punkdata.fetch import fetch_cpunks10k
from punkmodels.classifier_run import PRESETS
from punkmodels.evaluate import evaluate_classifier
from punkmodels.runs import read_config
from punkmodels.train_classifier import train_classifier

NAMES = ("exact_match", "macro_average_precision", "micro_f1", "macro_f1", "type_accuracy")


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print("seed  " + "  ".join(f"{name:>23}" for name in NAMES) + "   seconds")
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path("data")
        fetch_cpunks10k(root)
        build_dataset(root)
        for seed in range(seeds):
            start = time.perf_counter()
            config = replace(PRESETS["quick"], seed=seed)
            run = train_classifier(root, Path(folder), config)
            seconds = time.perf_counter() - start
            result = evaluate_classifier(run, root, "test")
            scores.append([getattr(result, name) for name in NAMES])
            cells = "  ".join(f"{value:23.4f}" for value in scores[-1])
            print(f"{seed:4}  {cells}  {seconds:8.0f}", flush=True)
        print(f"device: {read_config(run)['device']['why']}")
    if seeds > 1:
        for name, values in zip(NAMES, zip(*scores, strict=True), strict=True):
            mean, deviation = statistics.mean(values), statistics.stdev(values)
            print(f"{name:24}{mean:.4f} ± {deviation:.4f} over {seeds} seeds")


if __name__ == "__main__":
    main()
