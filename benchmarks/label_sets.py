"""Trainings of models of label sets: python benchmarks/label_sets.py [--seeds 5]

Trains preset best with several seeds on the latest snapshot in --root, draws punks of each model
with the bundled renderer, and prints the table of docs/explanation/results.md: means over
the trainings ± their standard deviation. Runs are stored in --out: finished ones are not trained
again, and an interrupted one is resumed.

The options of the preset, and the certainty below which the generator samples a label set again,
were chosen on the validation split alone:

    python benchmarks/label_sets.py --options     likelihoods of trainings with one other option
    python benchmarks/label_sets.py --certainty   how many validation punks are drawn wrong
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from measure import describe_machine, format_mean

from punkmodels.data.palette import color_table, detect_skin_tones, to_rgba
from punkmodels.data.splits import load_split
from punkmodels.gan.evaluate import evaluate_sprites
from punkmodels.gan.reference import RealPunks
from punkmodels.label_sets.config import LabelSetsConfig, make_config
from punkmodels.label_sets.evaluate import SPLITS, score_label_sets
from punkmodels.label_sets.network import load_label_sets, read_label_sets_config
from punkmodels.label_sets.sampling import MIN_CERTAINTY, PunkSampler, SampledPunks, fix_values
from punkmodels.label_sets.train import encode_split, mean_nll, train_label_sets
from punkmodels.renderer.drawing import draw_with_certainty
from punkmodels.renderer.network import conditions_from_labels, load_bundled_renderer
from punkmodels.training.run_dir import list_runs, read_metrics

CPU = torch.device("cpu")
OPTIONS: dict[str, dict[str, Any]] = {
    "preset best": {},
    "weight decay 0": {"weight_decay": 0.0},
    "weight decay 1": {"weight_decay": 1.0},
    "weight decay 6": {"weight_decay": 6.0},
    "width 64": {"width": 64},
    "width 512": {"width": 512},
    "80,000 images": {"total_images": 80_000},
    "320,000 images": {"total_images": 320_000},
    "no known values": {"known_share": 0.0},
    "always known values": {"known_share": 1.0},
}
CERTAINTIES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def train_or_find(root: Path, runs: Path, config: LabelSetsConfig) -> Path:
    """Return a finished run with these options; train it, or resume it, if necessary."""
    found = [run for run in list_runs(runs) if (run / "config.json").exists()]
    same = [run for run in found if read_label_sets_config(run).options == config]
    return train_label_sets(root, runs, config, resume=same[0] if same else None)


def sample(run: Path, count: int, min_certainty: float) -> SampledPunks:
    sampler = PunkSampler(load_label_sets(run, CPU), load_bundled_renderer(), min_certainty)
    return sampler.sample(count, 0, fix_values(None, [], None))


def score_run(
    run: Path, count: int, values: dict[str, torch.Tensor], real: RealPunks
) -> dict[str, float]:
    """Return all scores of a run, with and without a second attempt for uncertain sprites."""
    model = load_label_sets(run, CPU)
    nats = {name: mean_nll(model, each) for name, each in values.items()}
    first, punks = sample(run, count, 0.0), sample(run, count, MIN_CERTAINTY)
    scores = score_label_sets(nats, values, punks)
    images = to_rgba(punks.sprites, color_table())
    generated = evaluate_sprites(run.stem, images, real).scores["generated"]
    # Only few sprites differ, so the legality of the others is known.
    changed = (first.sprites != punks.sprites).flatten(1).any(dim=1)
    before, after = (
        (real.measure(each.sprites[changed]).legal_distance_px == 0).double().sum().item()
        for each in (first, punks)
    )
    return {
        **{f"nats, {name}": scores[name]["nats"] for name in SPLITS},
        "nats, val - train": nats["val"] - nats["train"],
        **{f"bits per punk, {name}": scores[name]["bits"] for name in SPLITS},
        "legal, first attempts": generated["legal_rate"] + (before - after) / count,
        "legal": generated["legal_rate"],
        "sampled again": changed.double().mean().item(),
        "Fréchet distance": generated["frechet_distance"],
        "recall": generated["recall"],
        "precision": generated["precision"],
        **{f"copies, {name}": scores[name]["copy_rate"] for name in SPLITS},
    }


def print_scores(root: Path, out: Path, seeds: int, count: int) -> None:
    real = RealPunks(root)
    values = {name: encode_split(load_split(root, "latest", "default", name)) for name in SPLITS}
    results = []
    for seed in range(seeds):
        run = train_or_find(root, out, make_config("best", seed=seed))
        results.append(score_run(run, count, values, real))
        print(f"# seed {seed}: {results[-1]}", flush=True)
    print(f"\n| score | {seeds} trainings |\n|---|---|")
    for name in results[0]:
        print(f"| {name} | {format_mean([result[name] for result in results])} |")


def print_options(root: Path, out: Path, seeds: int) -> None:
    """Print the likelihoods of training and validation label sets, with one other option each."""
    print("| options | nats, train | nats, val | val - train |\n|---|---|---|---|")
    for name, options in OPTIONS.items():
        runs = [
            train_or_find(root, out, make_config("best", seed=seed, **options))
            for seed in range(seeds)
        ]
        last = [read_metrics(run)[-1] for run in runs]
        train, val = ([line[key] for line in last] for key in ("train_nll", "val_nll"))
        gaps = [held_out - seen for held_out, seen in zip(val, train, strict=True)]
        cells = " | ".join(format_mean(each, 3) for each in (train, val, gaps))
        print(f"| {name} | {cells} |", flush=True)


def print_certainties(root: Path) -> None:
    """Print how many validation punks the renderer draws wrong, by the certainty it must have."""
    punks = load_split(root, "latest", "default", "val")
    condition = conditions_from_labels(punks.labels, detect_skin_tones(punks.images))
    sprites, certainty = draw_with_certainty(load_bundled_renderer(), condition)
    is_right = (sprites == punks.images).flatten(1).all(dim=1)
    print("| certainty | accepted | of these wrong | refused although right |\n|---|---|---|---|")
    for limit in CERTAINTIES:
        is_accepted = certainty >= limit
        wrong, refused = (is_accepted & ~is_right).sum(), (~is_accepted & is_right).sum()
        print(f"| {limit:g} | {is_accepted.sum():,} | {wrong} | {refused} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark-label-sets"), help="folder of the runs"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of trainings")
    parser.add_argument("--samples", type=int, default=10_000, help="punks drawn of each model")
    parser.add_argument("--options", action="store_true", help="compare training options")
    parser.add_argument("--certainty", action="store_true", help="compare limits of certainty")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine())
    if args.certainty:
        print_certainties(args.root)
    elif args.options:
        print_options(args.root, args.out, args.seeds)
    else:
        print_scores(args.root, args.out, args.seeds, args.samples)


if __name__ == "__main__":
    main()
