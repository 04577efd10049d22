"""Quality and speed of GAN trainings: python benchmarks/dcgan.py [--peer NAME=SHEET.png]

Trains the preset `best` with the VAE-GAN, and then the DCGAN and the MLP for the
same time each, on the latest snapshot of ./data. Prints the table of docs/explanation/results.md,
with the test and train references and with images of other generators. Runs are stored in --out:
finished ones are not trained again, and an interrupted one is resumed.

    python benchmarks/dcgan.py --parts    ablation: encoder, discriminator, or both
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
from PIL import Image
from torch.utils.data import DataLoader

from punkdata import PunkDataset
from punkmodels.data.image_files import read_sprites
from punkmodels.gan.config import DcganConfig, make_config
from punkmodels.gan.evaluate import evaluate_generator, evaluate_sprites, score_table
from punkmodels.gan.generate import read_dcgan_config
from punkmodels.gan.losses import cross_entropy_discriminator_loss, cross_entropy_generator_loss
from punkmodels.gan.networks import Discriminator, Generator, initialize
from punkmodels.gan.reference import RealPunks
from punkmodels.gan.train import train_dcgan
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import Evaluation, list_runs, read_metrics

ROOT = Path("data")
CPU = torch.device("cpu")
BATCH_SIZE = 128
WIDTH = 64


def train_or_find(out: Path, name: str, config: DcganConfig, root: Path = ROOT) -> Path:
    """Return a finished run with these options; train it, or resume it, if necessary."""
    index = out / "index.json"
    run_names = json.loads(index.read_text()) if index.exists() else {}
    run = out / run_names[name] if name in run_names else None
    if run and read_dcgan_config(run).options != config:
        run = None  # The options have changed since that run.
    if run is not None:
        return train_dcgan(root, out, config, resume=run)
    existing = set(list_runs(out))

    def log(_: str) -> None:
        # The run folder exists when the first line is logged.
        for new_run in set(list_runs(out)) - existing:
            run_names[name] = new_run.name
            index.write_text(json.dumps(run_names, indent=1))

    return train_dcgan(root, out, config, threads=1, log=log)


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


def evaluate_run(run: Path) -> Evaluation:
    evaluation = evaluate_generator(run, ROOT)
    evaluation.save(run / "evaluation" / "generated")
    return evaluation


def print_scores(evaluations: dict[str, Evaluation]) -> None:
    """Print a table with a column for each generator, and with the references of the first."""
    first = next(iter(evaluations.values()))
    columns = {name: evaluation.scores["generated"] for name, evaluation in evaluations.items()}
    columns["test reference"] = first.scores["test_reference"]
    columns["train reference"] = first.scores["train_reference"]
    print(score_table(columns, first.tables[0].notes).to_markdown())


def compare_recipes(
    out: Path, peers: list[tuple[str, Path]], only: str | None, minutes: float | None
) -> None:
    """Print the scores of the recipes after equal training times."""
    names = (only,) if only else ("mlp", "dcgan", "vae-gan")
    runs = {}
    if minutes is None or "vae-gan" in names:
        vae_gan = train_or_find(out, "vae-gan", make_config("best"))
        minutes = minutes or training_seconds(vae_gan) / 60
    index = out / "images.json"  # Measure the speed only once, so that runs can be resumed.
    for name in names:
        if name == "vae-gan":
            runs[name] = vae_gan
            continue
        key = f"{name}, {minutes:.0f} minutes"
        total_images = json.loads(index.read_text()) if index.exists() else {}
        if key not in total_images:
            config = make_config("best", name, total_images=400 * BATCH_SIZE)
            trial = train_dcgan(ROOT, out / "trials", config, threads=1)
            total_images[key] = int(60 * minutes * images_per_s(trial))
            index.write_text(json.dumps(total_images))
        config = make_config("best", name, total_images=total_images[key])
        runs[name] = train_or_find(out, name, config)
    evaluations = {name: evaluate_run(run) for name, run in runs.items()}
    if peers:
        real = RealPunks(ROOT)
        evaluations |= {name: evaluate_sprites(name, read_sprites(p), real) for name, p in peers}
    print_scores(evaluations)
    for name, run in runs.items():
        images_seen = read_metrics(run)[-1]["images_seen"]
        minutes = training_seconds(run) / 60
        print(f"{name}: {images_seen:,} images in {minutes:.0f} minutes on one thread")


def compare_losses(out: Path) -> None:
    """Print the scores of the preset `quick` with encoder, discriminator, or both."""
    options: dict[str, dict[str, Any]] = {
        "both": {},
        "encoder only": {"schedule": {"adversarial_start": 1.0}},
        "discriminator only": {"recipe": "adversarial"},
    }
    runs = {name: train_or_find(out, name, make_config(**o)) for name, o in options.items()}
    print_scores({name: evaluate_run(run) for name, run in runs.items()})
    for name, run in runs.items():
        print(f"{name}: {training_seconds(run) / 60:.1f} minutes on one thread")


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
    torch.set_num_threads(1)
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark-dcgan"), help="folder of the runs"
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=SHEET.png",
        help="also score a PNG of sprites by another generator",
    )
    parser.add_argument(
        "--only", choices=("mlp", "dcgan", "vae-gan"), help="compare one recipe only"
    )
    parser.add_argument(
        "--minutes", type=float, help="training time of mlp and dcgan (default: that of vae-gan)"
    )
    parser.add_argument(
        "--parts",
        action="store_true",
        help="compare training with the encoder, the discriminator, or both",
    )
    parser.add_argument("--speed", action="store_true", help="measure images per second")
    parser.add_argument("--root", type=Path, default=ROOT, help="data root of --speed")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of --speed")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    if args.speed:
        compare_speed(args.root, args.out, args.rounds)
        return
    if args.parts:
        compare_losses(args.out)
        return
    peers = [(name, Path(path)) for name, _, path in (p.partition("=") for p in args.peer)]
    compare_recipes(args.out, peers, args.only, args.minutes)


if __name__ == "__main__":
    main()
