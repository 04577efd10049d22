"""punkmodels train classifier: the whole collection on the device, one visible loop.

The 8,000 training punks are one uint8 tensor; a batch is an index into it. Everything
random in an epoch follows from the seed and the epoch's number, so a run that is stopped
and resumed ends, on a CPU with the same number of threads, bit for bit where it would have.
"""

from __future__ import annotations

import copy
import math
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F

import punkdata
from punkdata.dataset import PunkDataset
from punkdata.errors import DataError
from punkdata.palette import PALETTE
from punkmodels.checkpoint import (
    CheckpointFacts,
    has_checkpoint,
    load_checkpoint,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    save_checkpoint,
    unprefixed,
)
from punkmodels.classifier import decide, to_indices
from punkmodels.classifier_run import (
    ClassifierConfig,
    build_model,
    read_classifier_config,
    restore_model,
)
from punkmodels.device import pick_device, probe_threads
from punkmodels.runs import append_metrics, create_run, trim_metrics, write_json


def train_classifier(
    root: Path,
    runs: Path,
    config: ClassifierConfig,
    *,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    resume: Path | None = None,
    report: Callable[..., None] = lambda done, total, note="": None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train on the training split, watch the validation split, and return the run folder.

    Args:
        root: data root or snapshot folder.
        runs: where the run folder is made.
        threads: of the CPU; by default the faster number is measured. The last bits of the
            weights depend on it, so only runs with one number repeat exactly.
        resume: a run to go on with; its own options, data and device settings are used.
        report: progress in images, with a note.
        say: told once what is going to happen.

    Raises:
        UsageError, DataError: no such snapshot or device; a resumed run's data has changed.
        StorageError: the disk is full.
    """
    saved = read_classifier_config(resume) if resume else None
    if saved:
        config, version = saved.options, saved.data.version
    train = PunkDataset(root, version, "train")
    val = PunkDataset(root, version, "val")
    if not len(train) or not len(val):
        raise DataError(f"{train.path} has no punks to train on, or none to validate with")
    if saved and saved.data.labels_hash != train.manifest.labels_hash:
        raise DataError(f"{train.path} holds other labels than {resume} was trained on")
    device, why = pick_device(saved.device.name if saved else device_name)
    images, labels = load_split(train, device)
    val_images, val_labels = load_split(val, device)

    torch.manual_seed(config.seed)
    model = build_model(config, labels.mean(0)).to(device)
    if device.type == "cpu":
        threads_why = "as asked for"
        if saved:
            threads, threads_why = saved.device.threads, "as the run began"
        if threads is None:
            sample = images[: config.batch_size]
            threads, threads_why = probe_threads(lambda: model(sample).sum().backward())
            model.zero_grad()
        torch.set_num_threads(threads)
        why += f", {threads} thread{'s' * (threads > 1)} ({threads_why})"
    ema = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        model.parameters(), config.peak_lr, weight_decay=config.weight_decay
    )
    sampling = sampling_weights(labels, config.balanced_share)

    batches = math.ceil(len(images) / config.batch_size)
    steps = config.epochs * batches
    ema_decay = 0.5 ** (1 / (config.ema_half_life_epochs * batches))
    first_epoch = 0
    if resume:
        run = resume
        if has_checkpoint(run):  # else it was stopped in its first epoch, and begins again
            tensors, facts = load_checkpoint(run)
            restore_model(run, model, unprefixed("model", tensors))
            restore_model(run, ema, unprefixed("ema", tensors))
            restore_optimizer(optimizer, unprefixed("optimizer", tensors))
            first_epoch = facts.epoch + 1
        trim_metrics(run, first_epoch)
    else:
        run = create_run(runs, f"classifier-{config.preset}")
        write_json(run / "config.json", describe(config, train, device, why))
        generator = torch.Generator(device).manual_seed(config.seed)
        save_grid(augment(images[:64], config.noise_share, generator), run / "real.png")
    if first_epoch == config.epochs:
        say(f"{run} is finished already")
        return run
    say(f"{run}: {len(images):,} punks of {train.version}, {config.epochs} epochs on {device}")
    say(f"{device}: {why}")
    note = ""

    for epoch in range(first_epoch, config.epochs):
        torch.manual_seed(config.seed * 100_003 + epoch + 1)  # dropout
        generator = torch.Generator(device).manual_seed(config.seed * 100_003 + epoch + 1)
        order = torch.multinomial(sampling, len(images), replacement=True, generator=generator)
        total_loss = torch.zeros((), device=device)
        model.train()
        for batch, index in enumerate(torch.split(order, config.batch_size)):
            step = epoch * batches + batch
            for group in optimizer.param_groups:
                group["lr"] = config.peak_lr * one_cycle(step / steps)
            x = augment(images[index], config.noise_share, generator)
            loss = F.binary_cross_entropy_with_logits(model(x), labels[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            with torch.no_grad():
                # Early on the average would be held back by the untrained start.
                decay = min(ema_decay, (step + 1) / (step + 10))
                for average, current in zip(ema.parameters(), model.parameters(), strict=True):
                    average.lerp_(current, 1 - decay)
                total_loss += loss
            seen = epoch * len(images) + batch * config.batch_size
            report(seen, config.epochs * len(images), note)

        with torch.inference_mode():
            logits = ema(val_images)
            val_loss = F.binary_cross_entropy_with_logits(logits, val_labels).item()
            exact = (decide(logits) == val_labels.bool()).all(dim=1).float().mean().item()
        line = {
            "epoch": epoch,
            "images_seen": (epoch + 1) * len(images),
            "train_loss": total_loss.item() / batches,
            "val_loss": val_loss,
            "val_exact_match": exact,
        }
        append_metrics(run, line)
        save_checkpoint(
            run,
            prefixed("model", model.state_dict())
            | prefixed("ema", ema.state_dict())
            | prefixed("optimizer", optimizer_tensors(optimizer)),
            CheckpointFacts(
                step=(epoch + 1) * batches, epoch=epoch, finished=epoch + 1 == config.epochs
            ),
        )
        note = f"epoch {epoch + 1}/{config.epochs}, validation exact match {exact:.3f}"
        report((epoch + 1) * len(images), config.epochs * len(images), note)
    return run


def one_cycle(progress: float, warm_share: float = 0.25) -> float:
    """The learning rate's factor at `progress` in [0, 1]: up to 1 along a cosine, then to 0.

    Smith and Topin, "Super-Convergence" (2017), with cosine flanks as in torch's OneCycleLR.
    """
    if progress < warm_share:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warm_share)) / 2
    return (1 + math.cos(math.pi * (progress - warm_share) / (1 - warm_share))) / 2


def sampling_weights(labels: torch.Tensor, balanced_share: float) -> torch.Tensor:
    """float (N,), sums to 1: how likely each punk is drawn.

    A punk's balanced weight is the sum of 1/support over its labels: so every label, rare
    or common, brings in the same total. It is mixed with the uniform weight.
    """
    support = labels.sum(0).clamp(min=1)
    balanced = (labels / support).sum(1)
    uniform = torch.full_like(balanced, 1 / len(labels))
    return (1 - balanced_share) * uniform + balanced_share * balanced / balanced.sum()


def augment(images: torch.Tensor, noise_share: float, generator: torch.Generator) -> torch.Tensor:
    """Palette indices (N, 24, 24) with a few pixels replaced by another punk's at their place.

    Colour, place and direction stay, because all three are labels: shifting by a pixel,
    elsewhere the usual augmentation, lowered the score.
    """
    order = torch.randperm(len(images), generator=generator, device=images.device)
    draw = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(draw < noise_share, images[order], images)


def describe(
    config: ClassifierConfig, train: PunkDataset, device: torch.device, why: str
) -> dict[str, Any]:
    """The content of config.json."""
    return {
        "task": "classifier",
        "options": asdict(config),
        "data": {
            "version": train.version,
            "labels_hash": train.manifest.labels_hash,
            "split_scheme": train.split_scheme,
            "punks": len(train),
        },
        "device": {"name": device.type, "threads": torch.get_num_threads(), "why": why},
        "versions": {
            "punkdata": punkdata.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def save_grid(images: torch.Tensor, path: Path, columns: int = 8, scale: int = 4) -> None:
    """A PNG of (N, 24, 24) palette indices side by side, on the collection's usual blue."""
    n, height, width = images.shape
    tiles = F.pad(images.cpu(), (0, 0, 0, 0, 0, -n % columns))
    rows = tiles.reshape(-1, columns, height, width).transpose(1, 2)
    punks = Image.fromarray(PALETTE[rows.reshape(-1, columns * width).numpy()])
    picture = Image.new("RGBA", punks.size, "#638596")
    picture.alpha_composite(punks)
    size = (picture.width * scale, picture.height * scale)
    picture.resize(size, Image.Resampling.NEAREST).save(path)


def load_split(data: PunkDataset, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """A split on the device: palette indices uint8 (N, 24, 24), labels float32 (N, 92)."""
    images, labels = data.as_tensors()
    return to_indices(images).to(device), labels.to(device)
