"""Scores of the baseline generators: python benchmarks/baselines.py [--out runs/baselines]

Prints one table with all baselines whose samples lie in --out; the other scripts write them:

    python benchmarks/sampled_labels.py    labels sampled by type, without any training
    python benchmarks/label_gan.py         a GAN over labels, and the autoregressive label model
    python benchmarks/pixel_models.py      an autoregressive model and a diffusion model of pixels

Each training is a folder, OUT/<model>/seed-<n>, with samples.npz, which `punkmodels evaluate` reads
as well, and info.json. With --rescore, samples are scored again even if they have scores.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from punkdata.images.palette import PALETTE
from punkmodels.gan.evaluate import evaluate_sprites
from punkmodels.gan.reference import RealPunks

COLUMNS = {
    "frechet_distance": "Fréchet distance",
    "frechet_distance_pixels": "Fréchet distance, pixels",
    "recall": "recall",
    "legal_rate": "legal rate",
    "legal_labels": "legal before rejection",
    "train_copy_rate": "train copy rate",
    "held_out_copy_rate": "held-out copy rate",
    "duplicate_rate": "duplicate rate",
    "bits_per_punk": "bits per punk",
    "held_out_nats": "nats under a held-out model",
    "minutes": "CPU minutes of training",
}
"""Columns of the table; those for which no baseline has a value are left out."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all scripts of baselines have."""
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/baselines"), help="folder of trainings and samples"
    )
    parser.add_argument(
        "--num-samples",
        type=int,
        default=10_000,
        help="sprites to generate and to score of each training",
    )


def seed_folder(out: Path, model: str, seed: int) -> Path:
    folder = out / model / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_finished(folder: Path) -> bool:
    return (folder / "info.json").exists()


def save_result(folder: Path, sprites: torch.Tensor, **info: float | None) -> None:
    """Write samples, palette indices (N, 24, 24), and scores that need the model, such as bits."""
    np.savez_compressed(folder / "samples.npz", images=PALETTE[sprites.cpu().numpy()])
    (folder / "scores.json").unlink(missing_ok=True)
    (folder / "info.json").write_text(json.dumps(info, indent=1))


def to_bits(nats: torch.Tensor) -> float:
    """Return the mean of negative log-likelihoods in nats, (N,), in bits."""
    return float(nats.double().mean()) / math.log(2)


class Scorer:
    """Scores samples as `punkmodels.evaluate_images` does; loads the real punks once, if needed."""

    def __init__(self, root: Path, num_samples: int) -> None:
        self.root, self.num_samples = root, num_samples
        self.real: RealPunks | None = None

    def score(self, folder: Path, rescore: bool = False) -> dict[str, Any]:
        """Return the scores of one training: those of its samples, and those in info.json."""
        path = folder / "scores.json"
        if rescore or not path.exists():
            self.real = self.real or RealPunks(self.root)
            with np.load(folder / "samples.npz") as arrays:
                images = torch.from_numpy(arrays["images"][: self.num_samples])
            sprites = images.permute(0, 3, 1, 2) / 127.5 - 1
            scores = evaluate_sprites(folder.parent.name, sprites, self.real).scores["generated"]
            path.write_text(json.dumps(scores | {"num_samples": len(images)}, indent=1))
        generated: dict[str, Any] = json.loads(path.read_text())
        return generated | json.loads((folder / "info.json").read_text())


def format_mean(values: Sequence[float]) -> str:
    """Return "mean ± standard deviation", or the value if all are the same."""
    if not values:
        return "-"
    mean = statistics.mean(values)
    digits = 4 if abs(mean) < 1 else 2
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(set(values)) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def print_table(
    out: Path, scorer: Scorer, rescore: bool = False, models: Sequence[str] = ()
) -> None:
    """Print a Markdown table with one row per model: the mean over its seeds ± deviation."""
    rows = {}
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        seeds = [seed for seed in sorted(folder.glob("seed-*")) if is_finished(seed)]
        if seeds and (not models or folder.name in models):
            rows[folder.name] = [scorer.score(seed, rescore) for seed in seeds]
    present = {
        key
        for scores in rows.values()
        for seed in scores
        for key in COLUMNS
        if seed.get(key) is not None
    }
    keys = [key for key in COLUMNS if key in present]
    print("| model | seeds | " + " | ".join(COLUMNS[key] for key in keys) + " |")
    print("|---" * (len(keys) + 2) + "|")
    for name, scores in rows.items():
        cells = [
            format_mean([seed[key] for seed in scores if seed.get(key) is not None]) for key in keys
        ]
        print(f"| {name} | {len(scores)} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--rescore", action="store_true", help="score all samples again")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print_table(args.out, Scorer(args.root, args.num_samples), args.rescore)


if __name__ == "__main__":
    main()
