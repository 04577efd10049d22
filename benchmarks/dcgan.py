"""How good the drawn punks are: python benchmarks/dcgan.py [--peer NAME=SHEET.png]

Trains the preset `best` by the modern recipe, then the classic one and the first tutorials' mlp for
as many seconds each, on the newest snapshot of ./data, and prints the table of docs/models.md:
these, the peers' drawings, held-out punks and the floor. Finished runs stay in --out and are not
trained again; one that was stopped is resumed.

    python benchmarks/dcgan.py --parts    what each part does: encoder, discriminator, both
    python benchmarks/dcgan.py --speed    images a second beside the tutorials' loop
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
from punkmodels.gan import train as training
from punkmodels.gan.config import DcganConfig, make_config, read_dcgan_config
from punkmodels.gan.evaluate import (
    GeneratorEvaluation,
    generate_for_evaluation,
    evaluate_sprites,
    markdown,
)
from punkmodels.gan.losses import classic_discriminator_loss, classic_generator_loss
from punkmodels.gan.networks import Discriminator, Generator, initialize
from punkmodels.gan.train import train_dcgan
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import list_runs, read_config, read_metrics

ROOT = Path("data")
CPU = torch.device("cpu")
BATCH = 128
WIDTH = 64


def trained(out: Path, name: str, config: DcganConfig, root: Path = ROOT) -> Path:
    """A finished run of these options; trained, gone on with, or found."""
    index = out / "index.json"
    known = json.loads(index.read_text()) if index.exists() else {}
    run = out / known[name] if name in known else None
    if run and read_dcgan_config(run).options != config:
        run = None  # the options have changed since
    if run is None:
        before = set(list_runs(out))

        def say(_: str) -> None:  # what is said first comes when the run's folder is made
            for new in set(list_runs(out)) - before:
                known[name] = new.name
                index.write_text(json.dumps(known, indent=1))

        return train_dcgan(root, out, config, threads=1, log=say)
    return train_dcgan(root, out, config, resume=run)


def seconds_of(run: Path) -> float:
    """What the steps of a run took, without the looks at its samples."""
    lines = read_metrics(run)
    before = [0, *(line["images_seen"] for line in lines)]
    return sum(
        (line["images_seen"] - first) / line["images_per_s"]
        for first, line in zip(before, lines, strict=False)
    )


def images_per_s(run: Path) -> float:
    """Over the whole run: with every step that has penalties, and every one that has not."""
    return float(read_metrics(run)[-1]["images_seen"]) / seconds_of(run)


def scored(name: str, run: Path) -> GeneratorEvaluation:
    version = read_config(run)["data"]["version"]
    raw = generate_for_evaluation(run, ROOT, version, CPU)
    return evaluate_sprites(name, raw, ROOT, version=version, out=run / "evaluation" / "generated")


def table(
    out: Path, peers: list[tuple[str, Path]], only: str | None, minutes: float | None
) -> None:
    names = (only,) if only else ("mlp", "classic", "modern")
    runs = {}
    if minutes is None or "modern" in names:
        modern = trained(out, "modern", make_config("best"))
        minutes = minutes or seconds_of(modern) / 60
    index = out / "images.json"  # measured once, so that a stopped run can go on
    for name in names:
        if name == "modern":
            runs[name] = modern
            continue
        network = "mlp" if name == "mlp" else "dcgan"
        key = f"{name}, {minutes:.0f} minutes"
        known = json.loads(index.read_text()) if index.exists() else {}
        if key not in known:
            config = make_config("best", "classic", network=network, total_images=400 * BATCH)
            trial = train_dcgan(ROOT, out / "trials", config, threads=1)
            known[key] = int(60 * minutes * images_per_s(trial))
            index.write_text(json.dumps(known))
        config = make_config("best", "classic", network=network, total_images=known[key])
        runs[name] = trained(out, name, config)
    results = [scored(name, run) for name, run in runs.items()]
    results += [evaluate_sprites(name, read_sprites(path), ROOT) for name, path in peers]
    print(markdown(*results))
    for name, run in runs.items():
        seen = read_metrics(run)[-1]["images_seen"]
        print(f"{name}: {seen:,} images in {seconds_of(run) / 60:.0f} minutes on one thread")


def parts(out: Path) -> None:
    """The preset `quick` with both teachers of the generator, and with either."""
    options: dict[str, dict[str, Any]] = {
        "both": {},
        "encoder alone": {"adversarial_start": 1.0},
        "discriminator alone": {"w_dim": 0},
    }
    runs = {name: trained(out, name, make_config(**chosen)) for name, chosen in options.items()}
    print(markdown(*(scored(name, run) for name, run in runs.items())))
    for name, run in runs.items():
        print(f"{name}: {seconds_of(run) / 60:.1f} minutes on one thread")


def tutorial_images_per_s(root: Path, steps: int, device: torch.device) -> float:
    """Real images a second of the loop that tutorials have: PNG files, a DataLoader, `classic`."""
    to_tensor = lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1) / 127.5 - 1  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, pixels in enumerate(PunkDataset(root, split="train").as_tensors()[0][:2048]):
            paths.append(Path(folder) / f"{i}.png")
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(paths[-1])

        class Files(torch.utils.data.Dataset[torch.Tensor]):
            def __len__(self) -> int:
                return len(paths)

            def __getitem__(self, i: int) -> torch.Tensor:
                with Image.open(paths[i]) as image:
                    return to_tensor(image.convert("RGBA"))

        G = Generator(100, WIDTH).to(device)
        D = Discriminator(WIDTH, normalize=True).to(device)
        optimizers = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (G, D)]
        for network in (G, D):
            initialize(network)
        seen, start = 0, 0.0
        loader = DataLoader(Files(), BATCH, shuffle=True, drop_last=True)
        while seen < (steps + 1) * BATCH:
            for real in itertools.islice(loader, steps + 1):
                drawn = G(torch.randn(BATCH, 100, device=device))
                optimizers[1].zero_grad()
                of_both = D(real.to(device)), D(drawn.detach())
                classic_discriminator_loss(*of_both).backward()
                optimizers[1].step()
                optimizers[0].zero_grad()
                classic_generator_loss(D(drawn)).backward()
                optimizers[0].step()
                seen += BATCH
                start = start or time.perf_counter()  # the first step pays for allocation
        if device.type == "cuda":
            torch.cuda.synchronize()
    return (seen - BATCH) / (time.perf_counter() - start)


def speed(root: Path, out: Path, rounds: int) -> None:
    """Ours and the tutorials' loop in turn, at the same sizes."""
    torch.set_num_threads(1)
    device, why = pick_device()
    print(why)
    steps = 12 if device.type == "cpu" else 600
    names = ("tutorials' loop", "classic", "modern, encoder alone", "modern, both")
    rates: dict[str, list[float]] = {name: [] for name in names}
    training.LOOKS, training.DRAWN = 3, 100  # timed are the last two thirds, `steps` each
    for _ in range(rounds):
        rates["tutorials' loop"].append(tutorial_images_per_s(root, steps, device))
        for recipe in ("classic", "modern"):
            sizes = {"width": WIDTH, "batch_size": BATCH, "total_images": 3 * steps * BATCH}
            chosen: dict[str, Any] = sizes | {"adversarial_start": 2 / 3}
            config = make_config("quick", recipe, **chosen)
            run = train_dcgan(root, out / "trials", config, threads=1)
            _, early, late = (line["images_per_s"] for line in read_metrics(run))
            if recipe == "modern":
                rates["modern, encoder alone"].append(early)
            rates["classic" if recipe == "classic" else "modern, both"].append(late)
    print("\n| loop | images/s | times |\n|---|---|---|")
    first = statistics.median(rates["tutorials' loop"])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"| {name} | {rate:.0f} | {rate / first:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-dcgan"))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=SHEET.png")
    parser.add_argument("--only", choices=("mlp", "classic", "modern"))
    help_text = "that mlp and classic have; by default as many as modern takes"
    parser.add_argument("--minutes", type=float, help=help_text)
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="of --speed")
    parser.add_argument("--rounds", type=int, default=3, help="of --speed")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    if options.speed:
        speed(options.root, options.out, options.rounds)
        return
    if options.parts:
        parts(options.out)
        return
    peers = [(name, Path(path)) for name, _, path in (p.partition("=") for p in options.peer)]
    table(options.out, peers, options.only, options.minutes)


if __name__ == "__main__":
    main()
