"""Classifier scores: python benchmarks/classifier.py [--seeds 5] [--folds 5] [--open-set]

Trains the preset `best` with several seeds, the preset `quick` on several folds, and the models
`linear` and `published`, on the latest snapshot in ./data, and prints the tables of
docs/explanation/results.md. Finished runs are kept in --out and not trained again; a stopped run is
resumed. With --open-set, nothing is trained: only the table of images that the bundled classifier
accepts, and of predictions that it verifies, is printed, in a few minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from measure import format_mean
from renditions import RENDITIONS

import punkmodels
from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.classifier import (
    MAX_UNKNOWN_PIXELS,
    Classifier,
    Prediction,
    predict_logits,
)
from punkmodels.classifier.config import make_config
from punkmodels.classifier.evaluate import SCORE_NAMES, evaluate_classifier
from punkmodels.classifier.metrics import ranking_scores
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import load_classifier, read_classifier_config
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.training.run_dir import read_config

ROOT = Path("data")
CPU = torch.device("cpu")
LOSSY = ("AVIF q90 336", "AVIF q60 336", "WebP q80 336", "WebP q80 smooth 512")
LOSSY += ("JPEG q85 336", "JPEG q60 336", "JPEG q85 smooth 250")
"""Formats of benchmarks/renditions.py: name, quality, resizing, side in pixels."""
LOSSY_EVERY = 5
"""Decoding low qualities takes long, so only every fifth test punk is saved in these formats."""
DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
DIRECTIONS |= {"up and left": (-1, -1), "up and right": (-1, 1)}
DIRECTIONS |= {"down and left": (1, -1), "down and right": (1, 1)}
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


def print_scores(out: Path, scheme: str, models: dict[str, tuple[str, str, int]]) -> None:
    """Print one row per score and one column per model (name: model, preset, seeds)."""
    columns = {}
    for name, (model, preset, seeds) in models.items():
        found = [
            get_trained_run(out, preset=preset, model=model, split_scheme=scheme, seed=seed)
            for seed in range(seeds)
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
    row = [format_mean([e["type_accuracy"] for e, _ in c]) for c in columns.values()]
    print("| type accuracy | " + " | ".join(row) + " |")
    row = [
        format_mean([float(len(e["at_or_below_majority"])) for e, _ in c], 1)
        for c in columns.values()
    ]
    print("| labels at or below the majority baseline | " + " | ".join(row) + " |")
    row = [format_mean([e["calibration_error"] for e, _ in c], 5) for c in columns.values()]
    print("| calibration error | " + " | ".join(row) + " |")
    row = [format_range([s for _, s in c if not math.isnan(s)]) for c in columns.values()]
    print("| training time, s | " + " | ".join(row) + " |", flush=True)


def print_cross_validation(out: Path, count: int, preset: str) -> None:
    """Print scores over all folds; each punk is predicted by a network not trained on it."""
    logits, visible, unknown = [], [], []
    for fold in range(1, count + 1):
        scheme = f"fold-{fold}"
        run, _ = get_trained_run(out, preset=preset, model="cnn", split_scheme=scheme, seed=0)
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


def print_open_set() -> None:
    """Print how many images `predict` accepts and verifies, for punks and for other sprites."""
    model = punkmodels.load_classifier(device="cpu")
    print("\n| images | number | accepted | all scores 1.00 | verified |\n|---|---|---|---|---|")
    for split in ("train", "val", "test"):
        print_accepted(f"real punks, {split}", predict_sprites(model, sprites_of(split)))
    test = sprites_of("test")
    for name in LOSSY:
        files = map(RENDITIONS[name], test[::LOSSY_EVERY])
        print_accepted(f"test punks, {name}", predict_files(model, files))
    for name, sprites in make_other_sprites(test, sprites_of("all")).items():
        print_accepted(name, predict_sprites(model, sprites))


def sprites_of(split: str) -> np.ndarray:
    """Return the sprites of the punks of a split, uint8 (N, 24, 24, 4)."""
    return PALETTE[load_split(ROOT, "latest", "default", split).images.numpy()]


def make_other_sprites(test: np.ndarray, punks: np.ndarray) -> dict[str, np.ndarray]:
    """Return sprites that are not punks, or that only some are, uint8 (N, 24, 24, 4), by name."""
    rng = np.random.default_rng(0)
    count = len(test)
    halves = test[rng.integers(count, size=2 * count)].reshape(2, *test.shape)
    edited, rows = test.copy(), np.arange(count)
    places, steps = rng.integers(24, size=(2, count)), rng.integers(1, len(PALETTE), count)
    old = palette_indices(edited[rows, *places])
    edited[rows, *places] = PALETTE[(old + steps) % len(PALETTE)]
    return {
        "mirrored": test[:, :, ::-1].copy(),
        "upside down": test[:, ::-1].copy(),
        **{f"moved {name} by one pixel": shift(punks, *step) for name, step in DIRECTIONS.items()},
        "chimeras: upper half of one, lower half of another": np.concatenate(
            [halves[0, :, :12], halves[1, :, 12:]], axis=1
        ),
        "one pixel in another color": edited,
        "generated by the bundled VAE-GAN": punkmodels.load_generator(
            "bundled-vae-gan", device="cpu"
        ).generate(count),
        "random colors": PALETTE[rng.integers(0, len(PALETTE), test.shape[:3])],
        "a single color": np.repeat(PALETTE[1:, None, None], 24, axis=1).repeat(24, axis=2),
    }


def shift(sprites: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return sprites moved by at most one pixel; what moves in is transparent."""
    padded = np.pad(sprites, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return padded[:, 1 - down : 25 - down, 1 - right : 25 - right].copy()


def predict_sprites(model: Classifier, sprites: np.ndarray) -> list[Prediction | None]:
    """Return predictions of sprites, None for those that `predict` refuses."""
    unknown = model.unknown_pixels(torch.from_numpy(palette_indices(sprites)))
    is_accepted = (unknown <= MAX_UNKNOWN_PIXELS).numpy()
    predictions = iter(model.predict(sprites[is_accepted]))
    return [next(predictions) if accepted else None for accepted in is_accepted]


def predict_files(model: Classifier, files: Iterable[bytes]) -> list[Prediction | None]:
    """Return predictions of image files, None for those that `predict` refuses."""
    predictions: list[Prediction | None] = []
    for file in files:
        try:
            predictions.append(model.predict(file))
        except ImageError:
            predictions.append(None)
    return predictions


def print_accepted(name: str, predictions: list[Prediction | None]) -> None:
    accepted = [p for p in predictions if p]
    certain = sum(min(p.scores[label] for label in p.labels) >= 0.995 for p in accepted)
    verified = sum(p.verified for p in accepted)
    cells = (len(predictions), len(accepted), certain, verified)
    print(f"| {name} | " + " | ".join(f"{cell:,}" for cell in cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="training seeds (default: 5)")
    parser.add_argument("--folds", type=int, default=5, choices=range(6), help="0 skips them")
    parser.add_argument(
        "--fold-preset", default="quick", choices=("quick", "best"), help="preset of the folds"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"), help="run folder")
    parser.add_argument(
        "--open-set", action="store_true", help="only measure which images `predict` accepts"
    )
    options = parser.parse_args()
    if options.open_set:
        print_open_set()
        return
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    models = {
        "`cnn`, best": ("cnn", "best", options.seeds),
        "`linear`": ("linear", "quick", 1),
        "`published`": ("published", "quick", 1),
    }
    print_scores(options.out, "default", models)
    print_scores(options.out, "by_id", models | {"`cnn`, best": ("cnn", "best", 1)})
    print_open_set()
    if options.folds:
        print_cross_validation(options.out, options.folds, options.fold_preset)
    run, _ = get_trained_run(
        options.out, preset="best", model="cnn", split_scheme="default", seed=0
    )
    print(f"\ndevice: {read_config(run)['device']['reason']}")


if __name__ == "__main__":
    main()
