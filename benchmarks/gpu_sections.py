"""The sections of `gpu.py`: functions that store their results as they go.

Each runs in a process of its own, so that an error that ends the use of a GPU in one process does
not reach the next section.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from gpu_job import Job
from gpu_speed import run_speed
from synthetic_punks import build_synthetic_snapshot

from punkdata.snapshots.reader import open_snapshot
from punkmodels.classifier.config import make_config as make_classifier_config
from punkmodels.classifier.pretrained import export_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import load_split
from punkmodels.gan.config import RECIPES, DcganConfig, make_config
from punkmodels.gan.generate import export_generator, read_dcgan_config
from punkmodels.gan.state import TrainState
from punkmodels.gan.train import train_dcgan
from punkmodels.gan.training_images import TrainingImages, from_split
from punkmodels.training.checkpoint import has_checkpoint
from punkmodels.training.run_dir import list_runs, read_config, read_metrics

REPOSITORY = Path(__file__).parents[1]
GPU_TESTS = "tests/punkmodels/training/test_cuda_graph.py"
NUM_TRAINING_PUNKS = 8_000
EXPORT_S = 10.0
"""Time kept for the export of weights when a training is stopped."""
TINY_CLASSIFIER: dict[str, Any] = {"epochs": 1, "width": 4, "hidden": 8, "color_embedding_dim": 4}


def run_setup(job: Job) -> None:
    """Describe the machine, provide training data, and count the memory of the preset `gpu`."""
    machine = {
        "device": "CPU" if job.dry_run else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "CUDA": torch.version.cuda or "none",
        "Python": platform.python_version(),
        "system": platform.platform(),
    }
    job.results["machine"] = machine
    root = job.data_root
    if root != job.root and not (root / "snapshots").exists():
        count = 100 if job.dry_run else 10_000
        job.log(f"'{job.root}' has no snapshot: drawing {count:,} synthetic punks")
        build_synthetic_snapshot(root, count)
    snapshot = open_snapshot(root)
    kind = "" if root == job.root else "synthetic "
    machine["data"] = f"{snapshot.manifest.punks:,} {kind}punks, {snapshot.version}"
    job.log(", ".join(machine.values()))
    train = from_split(load_split(root, "latest", "default", "train"))
    memory = job.results["memory"] = {}
    for recipe in RECIPES:
        memory[recipe] = count_memory(make_config("gpu", recipe), train)
        sizes = ", ".join(f"{name} {n / 2**20:.1f} MB" for name, n in memory[recipe].items())
        job.log(f"memory, {recipe} gpu: {sizes}")


def count_memory(config: DcganConfig, train: TrainingImages) -> dict[str, int]:
    """Return the bytes that a training of 8,000 punks keeps on the device, without activations."""
    state = TrainState.create(config, train.images, torch.device("cpu"))
    networks = [net for net in (state.G, state.D, state.E, state.ema) if net]
    trained = [p for net in networks if net is not state.ema for p in net.parameters()]
    counts = {
        "data set": [train.images[0]] * NUM_TRAINING_PUNKS,
        "networks and average": [t for net in networks for t in net.state_dict().values()],
        "gradients": trained,
        "Adam": [*trained, *trained],
    }
    sizes = {name: sum(t.nbytes for t in tensors) for name, tensors in counts.items()}
    exported = sum(t.nbytes for t in state.ema.state_dict().values()) // 2
    return sizes | {"total": sum(sizes.values()), "exported weights": exported}


def run_tests(job: Job) -> None:
    """Run the tests that are marked `gpu`; in a dry run, they are skipped."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", GPU_TESTS]
    # Warnings of another version of PyTorch are listed, and are no errors.
    log = job.runs / "tests.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w") as file:
            done = subprocess.run(
                [*command, "-v", "--tb=short", "--color=no", "-W", "default"],
                cwd=REPOSITORY,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=max(1.0, job.time_left_s),
                check=False,
            )
    finally:  # Also after a timeout.
        output = log.read_text("utf-8", errors="replace").strip()
        job.results["output"] = output[-10_000:]
        job.log("\n".join(output.splitlines()[-1:]))
    if done.returncode:
        raise RuntimeError(f"pytest has ended with exit code {done.returncode}")


def run_classifier(job: Job) -> None:
    """Train the classifier, and measure the time to an exact match of 99 % on validation."""
    job.results["trained"] = []
    for batch_size in (16,) if job.dry_run else (64, 256):
        line = time_classifier(job, batch_size)
        job.results["trained"].append(line)
        score, seconds = line["val_exact_match"], line["seconds"]
        job.log(f"classifier, batch {batch_size}: exact match {score:.4f} after {seconds:.1f} s")


def time_classifier(job: Job, batch_size: int) -> dict[str, Any]:
    """Train a classifier, export it, and return its scores and times."""
    options = {"batch_size": batch_size, **(TINY_CLASSIFIER if job.dry_run else {})}
    start_s = 0.0
    curve: list[tuple[float, float]] = []

    def progress(_done: int, total: int | None, _note: str = "") -> None:
        nonlocal start_s
        if total and not start_s:
            start_s = time.perf_counter()  # Data is loaded, and precision chosen.

    def on_epoch_end(line: dict[str, Any]) -> None:
        curve.append((time.perf_counter() - start_s, line["val_exact_match"]))

    run = train_classifier(
        job.data_root,
        job.runs / "classifier",
        make_classifier_config("quick", **options),
        device_name=job.device.type,
        threads=1,
        progress=progress,
        on_epoch_end=on_epoch_end,
    )
    weights = job.runs / "weights" / f"classifier-batch-{batch_size}"
    export_classifier(run, weights)
    job.report.keep_weights(weights)
    return {
        "batch_size": batch_size,
        "epochs": len(curve),
        "seconds": curve[-1][0],
        "val_exact_match": curve[-1][1],
        "seconds_to_99": next((seconds for seconds, score in curve if score >= 0.99), None),
        "curve": curve,
        "device": read_config(run)["device"]["reason"],
    }


def run_training(recipe: str, job: Job) -> None:
    """Train the preset `gpu` of a recipe, and export its weights; another call resumes it."""
    small = {"total_images": 16, "batch_size": 8} if job.dry_run else {}
    config = job.gan_config(recipe, **small)
    start_s = time.monotonic()
    run = train_until(job, job.runs / f"{recipe}-gpu", config)
    elapsed_s = time.monotonic() - start_s
    if not has_checkpoint(run):
        raise OutOfTimeError(f"'{run}' was stopped before its first checkpoint")
    last = read_metrics(run)[-1]
    line = {
        "recipe": recipe,
        "images": last["images_seen"],
        "total_images": config.total_images,
        "seconds": elapsed_s,
        "images_per_s": last["images_per_s"],
        "frechet_distance": last["frechet_distance_to_training"],
        "device": read_config(run)["device"]["reason"],
    }
    job.results["trained"] = [line]
    weights = job.runs / "weights" / f"{recipe}-gpu"
    export_generator(run, weights)
    job.report.keep_weights(weights)
    job.log(f"{recipe} gpu: {line['images']:,} images, {line['images_per_s']:,.0f} images/s")


class OutOfTimeError(Exception):
    """The time of the section is over."""


def train_until(job: Job, runs: Path, config: DcganConfig) -> Path:
    """Train a new GAN, or resume one with the same options, until it is finished or time is up."""
    existing = [run for run in list_runs(runs) if (run / "config.json").exists()]
    resumed = [run for run in existing if read_dcgan_config(run).options == config]

    def progress(done: int, total: int | None, _note: str = "") -> None:
        if total and done < total and job.time_left_s < EXPORT_S:
            raise OutOfTimeError

    try:
        return train_dcgan(
            job.data_root,
            runs,
            config,
            device_name=job.device.type,
            threads=1,
            resume=resumed[0] if resumed else None,
            progress=progress,
            log=job.log,
            num_evaluations=1 if job.dry_run else 10,
            num_samples=64 if job.dry_run else 2000,
        )
    except OutOfTimeError as error:
        return Path(vars(error)["run"])  # Stored by `naming_run`.


SECTIONS: dict[str, Callable[[Job], None]] = {
    "setup": run_setup,
    "tests": run_tests,
    **{f"speed-{recipe}": partial(run_speed, recipe) for recipe in RECIPES},
    "classifier": run_classifier,
    **{f"training-{recipe}": partial(run_training, recipe) for recipe in RECIPES},
}
