"""Quality and speed of GAN trainings: python benchmarks/dcgan.py [--preset quick] [--seeds 3]

Trains each recipe with several seeds on the latest snapshot in --root, and prints the table of
docs/explanation/results.md: means over the trainings ± their standard deviation. Runs are stored in
--out, in a folder for each recipe, preset and seed: finished ones are not trained again, and an
interrupted one is resumed.

    python benchmarks/dcgan.py --speed    images per second, compared with PyTorch's DCGAN tutorial
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import format_mean
from PIL import Image
from torch.utils.data import DataLoader

from punkdata import PunkDataset
from punkmodels.choices import HELD_OUT_SPLITS
from punkmodels.data.image_files import read_sprites
from punkmodels.gan.config import PRESETS, RECIPES, DcganConfig, make_config
from punkmodels.gan.evaluate import evaluate_generator, evaluate_sprites, score_table
from punkmodels.gan.generate import read_dcgan_config
from punkmodels.gan.losses import cross_entropy_discriminator_loss, cross_entropy_generator_loss
from punkmodels.gan.networks import Discriminator, Generator, initialize
from punkmodels.gan.reference import RealPunks
from punkmodels.gan.train import train_dcgan
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import Evaluation, list_runs, read_metrics

CPU = torch.device("cpu")
BATCH_SIZE = 128
WIDTH = 64


def train_or_find(
    root: Path,
    runs: Path,
    config: DcganConfig,
    *,
    threads: int | None = 1,
    num_evaluations: int = 5,
    num_samples: int = 2000,
) -> Path:
    """Return a finished run with these options; train it, or resume it, if necessary."""
    found = [run for run in list_runs(runs) if (run / "config.json").exists()]
    same = [run for run in found if read_dcgan_config(run).options == config]
    return train_dcgan(
        root,
        runs,
        config,
        threads=threads,
        resume=same[0] if same else None,
        num_evaluations=num_evaluations,
        num_samples=num_samples,
    )


def train_all(root: Path, out: Path, configs: dict[str, DcganConfig], seeds: int) -> dict[str, Any]:
    """Train each configuration with several seeds, and return lists of runs by name."""
    runs: dict[str, list[Path]] = {name: [] for name in configs}
    for seed, (name, config) in itertools.product(range(seeds), configs.items()):
        folder = out / f"{config.recipe}-{config.preset}" / f"seed-{seed}"
        run = train_or_find(root, folder, config.model_copy(update={"seed": seed}))
        minutes = training_seconds(run) / 60
        print(f"# {name}, seed {seed}: {run}, {minutes:.1f} minutes", flush=True)
        runs[name].append(run)
    return runs


def training_seconds(run: Path) -> float:
    """Return the training time of a run in seconds, without its evaluations."""
    lines = read_metrics(run)
    starts = [0, *(line["images_seen"] for line in lines)]
    return sum(
        (line["images_seen"] - start) / line["images_per_s"]
        for start, line in zip(starts, lines, strict=False)
    )


def images_per_s(run: Path) -> float:
    """Return the mean speed of a run, over steps with and without gradient penalties."""
    return float(read_metrics(run)[-1]["images_seen"]) / training_seconds(run)


def evaluate_run(run: Path, args: argparse.Namespace) -> Evaluation:
    evaluation = evaluate_generator(run, args.root, split=args.split)
    evaluation.save(run / "evaluation" / "generated")
    return evaluation


def print_scores(evaluations: dict[str, list[Evaluation]]) -> None:
    """Print a table with a column for each generator, and with the references of the first."""
    first = next(iter(evaluations.values()))[0].scores
    columns = {
        name: average([e.scores["generated"] for e in each]) for name, each in evaluations.items()
    }
    columns["test reference"] = first["test_reference"]
    columns["train reference"] = first["train_reference"]
    print(score_table(columns, ()).to_markdown())


def average(scores: list[dict[str, Any]]) -> dict[str, str]:
    """Return the mean ± standard deviation of each score, as text."""
    means = {}
    for key in scores[0]:
        values = [float(each[key]) for each in scores]
        means[key] = format_mean(values, 2 if abs(statistics.mean(values)) >= 10 else 4)
    return means


def print_comparison(args: argparse.Namespace, configs: dict[str, DcganConfig]) -> None:
    """Train, and print the scores of all runs and of other generators, and the training times."""
    runs = train_all(args.root, args.out, configs, args.seeds)
    evaluations = {name: [evaluate_run(run, args) for run in each] for name, each in runs.items()}
    for peer in args.peer:
        name, _, path = peer.partition("=")
        real = RealPunks(args.root, split=args.split)
        evaluations[name] = [evaluate_sprites(name, read_sprites(Path(path)), real)]
    print_scores(evaluations)
    for name, each in runs.items():
        images = read_metrics(each[0])[-1]["images_seen"]
        minutes = format_mean([training_seconds(run) / 60 for run in each], 1)
        print(f"{name}: {len(each)} trainings, {images:,} images each, {minutes} minutes")


def images_in(minutes: float, recipe: str, args: argparse.Namespace) -> int:
    """Return how many images a recipe is trained on in a time; measured once, to resume runs."""
    index = args.out / "images.json"
    measured = json.loads(index.read_text()) if index.exists() else {}
    key = f"{recipe} {args.preset}, {minutes:g} minutes"
    if key not in measured:
        config = make_config(args.preset, recipe)
        config = config.model_copy(update={"total_images": 100 * config.batch_size})
        trial = train_dcgan(
            args.root, args.out / "trials", config, threads=1, num_evaluations=4, num_samples=100
        )
        measured[key] = int(60 * minutes * images_per_s(trial))
        index.write_text(json.dumps(measured, indent=1))
    return measured[key]


def compare_recipes(args: argparse.Namespace) -> None:
    """Print the scores of the recipes after equally many images, or after equal times."""
    configs = {}
    for recipe in args.only:
        minutes = args.minutes
        total = {} if minutes is None else {"total_images": images_in(minutes, recipe, args)}
        configs[recipe] = make_config(args.preset, recipe, **total)
    print_comparison(args, configs)


class PngFiles(torch.utils.data.Dataset[torch.Tensor]):
    """Training images as PNG files, the input of the tutorial."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.paths = []
        for i, pixels in enumerate(PunkDataset(root, split="train").as_tensors()[0][:2048]):
            self.paths.append(folder / f"{i}.png")
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(self.paths[-1])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        with Image.open(self.paths[i]) as image:
            pixels = np.array(image.convert("RGBA"))
        return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1


def tutorial_images_per_s(root: Path, steps: int, device: torch.device) -> float:
    """Return the speed of PyTorch's DCGAN tutorial, with PNG files and a DataLoader."""
    config = make_config(recipe="dcgan", model={"width": WIDTH})
    G, D = Generator(config).to(device), Discriminator(config).to(device)
    optimizer_G, optimizer_D = (
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999)) for network in (G, D)
    )
    for network in (G, D):
        initialize(network)
    images_seen, start_s = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        dataset = PngFiles(root, Path(folder))
        loader = DataLoader(dataset, BATCH_SIZE, shuffle=True, drop_last=True)
        while images_seen < (steps + 1) * BATCH_SIZE:
            for real in itertools.islice(loader, steps + 1):
                generated = G(torch.randn(BATCH_SIZE, 100, device=device))
                optimizer_D.zero_grad()
                logits = D(real.to(device)), D(generated.detach())
                cross_entropy_discriminator_loss(*logits).backward()
                optimizer_D.step()
                optimizer_G.zero_grad()
                cross_entropy_generator_loss(D(generated)).backward()
                optimizer_G.step()
                images_seen += BATCH_SIZE
                start_s = start_s or time.perf_counter()  # The first step includes allocations.
        if device.type == "cuda":
            torch.cuda.synchronize()
    return (images_seen - BATCH_SIZE) / (time.perf_counter() - start_s)


def compare_speed(root: Path, out: Path, rounds: int) -> None:
    """Print the speed of the recipes and of the tutorial, measured alternately at equal sizes."""
    device, reason = pick_device()
    print(reason)
    steps = 12 if device.type == "cpu" else 600
    names = ("tutorial", "dcgan", "vae-gan, encoder only", "vae-gan, both")
    speeds: dict[str, list[float]] = {name: [] for name in names}
    # Of three intervals, the last two are timed, each with `steps` steps.
    evaluations = {"num_evaluations": 3, "num_samples": 100}
    options: dict[str, Any] = {
        "batch_size": BATCH_SIZE,
        "total_images": 3 * steps * BATCH_SIZE,
        "model": {"width": WIDTH},
        "schedule": {"adversarial_start": 2 / 3},
    }
    for _ in range(rounds):
        speeds["tutorial"].append(tutorial_images_per_s(root, steps, device))
        for recipe in ("dcgan", "vae-gan"):
            config = make_config("quick", recipe, **options)
            run = train_dcgan(root, out / "trials", config, threads=1, **evaluations)
            _, second, third = (line["images_per_s"] for line in read_metrics(run))
            if recipe == "vae-gan":
                speeds["vae-gan, encoder only"].append(second)
            speeds["dcgan" if recipe == "dcgan" else "vae-gan, both"].append(third)
    print("\n| loop | images/s | speedup |\n|---|---|---|")
    baseline = statistics.median(speeds["tutorial"])
    for name, values in speeds.items():
        speed = statistics.median(values)
        print(f"| {name} | {speed:.0f} | {speed / baseline:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark-dcgan"), help="folder of the runs"
    )
    parser.add_argument(
        "--only", nargs="+", choices=RECIPES, default=list(RECIPES), help="recipes to compare"
    )
    parser.add_argument("--preset", choices=PRESETS, default="quick", help="preset of all runs")
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings of each recipe")
    parser.add_argument(
        "--minutes", type=float, help="training time of each recipe, not the preset's images"
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=SHEET.png",
        help="also score a PNG of sprites by another generator",
    )
    parser.add_argument(
        "--split", choices=HELD_OUT_SPLITS, default="held-out", help="real punks to compare with"
    )
    parser.add_argument("--speed", action="store_true", help="measure images per second")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of --speed")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, one thread")
    if args.speed:
        compare_speed(args.root, args.out, args.rounds)
    else:
        compare_recipes(args)


if __name__ == "__main__":
    main()
