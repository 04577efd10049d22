"""punkmodels train classifier: the whole collection on the device, one visible loop.

The 8,000 training punks are one uint8 tensor; a batch is an index into it. Everything
random in an epoch follows from the seed and the epoch's number, so a run that is stopped
and resumed ends, on a CPU with the same number of threads, bit for bit where it would have.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from punkdata.errors import DataError, UsageError
from punkdata.traits import TYPES
from punkmodels.classifier.config import (
    ClassifierConfig,
    ClassifierMetadata,
    build_model,
    read_classifier_config,
)
from punkmodels.classifier.networks import Classifier, Dropout, logits_to_labels
from punkmodels.data.image_grid import make_grid
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import SplitTensors, load_split, sampling_weights
from punkmodels.data.synthetic_examples import EXAMPLES_FILE, Examples, load_examples, save_examples
from punkmodels.training.checkpoint import (
    add_prefix,
    flatten_optimizer_state,
    has_checkpoint,
    load_checkpoint,
    restore_optimizer,
    save_checkpoint,
    strip_prefix,
)
from punkmodels.training.device import choose_precision_and_threads, pick_device
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup
from punkmodels.training.loggers import check_logger, open_logger
from punkmodels.training.pretrained import check_resumable, describe_run, restore_model
from punkmodels.training.run_dir import (
    append_metrics,
    create_run,
    lock_run,
    write_json,
)

Synthesize = Callable[[ClassifierConfig, SplitTensors, torch.device], Examples]


def train_classifier(
    root: Path,
    runs: Path,
    config: ClassifierConfig,
    *,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    resume: Path | None = None,
    logger: str | None = None,
    progress: Callable[..., None] = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
    on_epoch_end: Callable[[dict[str, Any]], None] = lambda line: None,
    generate_examples: Synthesize | None = None,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> Path:
    """Train on the training part, watch the validation part, and return the run folder.

    Args:
        root: data root or snapshot folder.
        runs: where the run folder is made.
        threads: of the CPU; by default the faster number is measured, and whether bfloat16 is
            faster. The last bits of the weights depend on both, so only runs with a number
            given, which compute in float32, repeat exactly.
        resume: a run to go on with; its own options, data and device settings are used.
        log: "tensorboard" writes the metrics there, too.
        report: progress in images, with a note.
        say: told once what is going to happen.
        each_epoch: told the line of metrics.jsonl, when it is written; what it raises ends the
            training.
        ranks: that share the training; one of them writes.
        synthesize: Generates the extra training examples if `config.augment_with` names a
            generator: `punkmodels.gan.synthetic.examples_for`. A parameter, because classifiers
            do not depend on generators.

    Raises:
        UsageError, DataError: no such snapshot or device; a resumed run's data has changed; the
            ranks cannot share a batch.
        NetworkError: another rank has ended.
        SetupError: what `log` needs is not installed.
        StorageError: the disk is full.
    """
    check_logger(logger)
    if resume:
        check_resumable(resume)
    saved = read_classifier_config(resume) if resume else None
    if saved:
        config, version = saved.options, saved.data.version
    train = load_split(root, version, config.split_scheme, "train")
    val = load_split(root, version, config.split_scheme, "val")
    if not len(train) or not len(val):
        raise DataError(f"{train.path} has no punks to train on, or none to validate with")
    if config.visible_only and not train.has_hidden_labels:
        raise UsageError(
            f"{train.path} does not tell which labels no pixel shows",
            hint="build it anew with: punkdata build-dataset, or train with --all-labels",
        )
    if saved and saved.data.labels_hash != train.labels_hash:
        raise DataError(f"{train.path} holds other labels than {resume} was trained on")
    if config.batch_size % process_group.world_size:
        raise UsageError(
            f"a batch of {config.batch_size} cannot be shared by {process_group.world_size} ranks"
        )
    device, reason = pick_device(saved.device.name if saved else device_name)
    images, labels = train.images.to(device), targets(train, config).to(device)
    val_images, val_labels = val.images.to(device), targets(val, config).to(device)

    examples = None
    if config.augment_with and resume is not None and (resume / EXAMPLES_FILE).exists():
        examples = load_examples(resume)
    elif config.augment_with:
        if generate_examples is None:
            raise ValueError("augment_with needs `synthesize`, see punkmodels.gan.synthetic")
        examples = generate_examples(config, train, device)
    if examples:
        drawn, drawn_labels = (tensor.to(device) for tensor in examples)
        images = torch.cat([images, drawn])
        labels = torch.cat([labels, drawn_labels[:, : config.outputs]])

    torch.manual_seed(config.seed)
    model = build_model(config, build_pair_table(train.images), labels.mean(0)).to(device)
    sample, sample_labels = images[: config.batch_size], labels[: config.batch_size]

    def try_step(in_half: bool) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=in_half):
            loss = loss_of(model(sample), sample_labels, config)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    began = (saved.device.threads, saved.device.bf16) if saved else None
    use_bf16, how = choose_precision_and_threads(
        try_step, device, threads or process_group.threads_per_process, began, process_group
    )
    reason += how
    model.zero_grad()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.process_group = process_group
    ema = copy.deepcopy(model).eval().requires_grad_(False)
    best = {name: tensor.clone() for name, tensor in ema.state_dict().items()}
    optimizer = torch.optim.AdamW(
        model.parameters(), config.peak_lr, weight_decay=config.weight_decay
    )
    sampling = sampling_weights(labels, config.class_balance)

    batches = math.ceil(len(images) / config.batch_size)
    steps = config.epochs * batches
    ema_decay = 0.5 ** (1 / (config.ema_half_life_epochs * batches))
    facts = None
    if resume:
        run = resume
        if has_checkpoint(run):  # else it was stopped in its first epoch, and begins again
            tensors, facts = load_checkpoint(run, ClassifierMetadata)
            restore_model(run, model, strip_prefix("model", tensors))
            restore_model(run, ema, strip_prefix("ema", tensors))
            restore_optimizer(optimizer, strip_prefix("optimizer", tensors))
            best = strip_prefix("best", tensors)
    elif not process_group.is_main:
        run = runs  # nothing is written there
    else:
        names = ["classifier", config.model, config.preset]
        run = create_run(runs, "-".join(name for name in names if name != "cnn"))
        write_json(
            run / "config.json",
            describe_run(
                "classifier", asdict(config), train.data_config, device, reason, use_bf16=use_bf16
            ),
        )
        generator = torch.Generator(device).manual_seed(config.seed)
        make_grid(augment(images[:64], config.pixel_noise, generator)).save(run / "reals.png")
    if examples and process_group.is_main and not (run / EXAMPLES_FILE).exists():
        save_examples(run, examples)
        make_grid(examples[0][:64]).save(run / "synthetic.png")
    if facts and facts.finished:
        log(f"{run} is finished already")
        return run
    log(f"{run}: {len(images):,} punks of {train.version}, {config.epochs} epochs on {device}")
    log(f"{device}: {reason}")
    note = ""
    best_loss, best_epoch = (facts.best_val_loss, facts.best_epoch) if facts else (math.inf, 0)

    first_epoch = facts.epoch + 1 if facts else 0
    held = lock_run(run, first_epoch, is_main=process_group.is_main)
    with held, open_logger(run, logger if process_group.is_main else None) as log_metrics:
        for epoch in range(first_epoch, config.epochs):
            torch.manual_seed(config.seed * 100_003 + epoch + 1)  # dropout
            generator = torch.Generator(device).manual_seed(config.seed * 100_003 + epoch + 1)
            order = torch.multinomial(sampling, len(images), replacement=True, generator=generator)
            order = order[: len(order) // process_group.world_size * process_group.world_size]
            total_loss = torch.zeros((), device=device)
            model.train()
            for batch, index in enumerate(torch.split(order, config.batch_size)):
                step = epoch * batches + batch
                for group in optimizer.param_groups:
                    group["lr"] = config.peak_lr * one_cycle(step / steps)
                x = process_group.local_shard(augment(images[index], config.pixel_noise, generator))
                with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16):
                    logits = model(x)
                loss = loss_of(logits, process_group.local_shard(labels[index]), config)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                process_group.all_reduce_mean(p.grad for p in model.parameters())
                optimizer.step()
                with torch.no_grad():
                    # Early on the average would be held back by the untrained start.
                    decay = min(ema_decay, (step + 1) / (step + 10))
                    for average, now in zip(ema.parameters(), model.parameters(), strict=True):
                        average.lerp_(now, 1 - decay)
                    total_loss += loss
                seen = epoch * len(images) + batch * config.batch_size
                progress(seen, config.epochs * len(images), note)

            process_group.all_reduce_mean([total_loss])
            val_loss, exact = process_group.broadcast(validate(ema, val_images, val_labels, config))
            if val_loss < best_loss:
                best_loss, best_epoch = val_loss, epoch
                best = {name: tensor.clone() for name, tensor in ema.state_dict().items()}
            is_last = epoch + 1 == config.epochs
            has_stalled = 0 < config.patience <= epoch - best_epoch
            line = {
                "epoch": epoch,
                "images_seen": (epoch + 1) * len(images),
                "train_loss": total_loss.item() / batches,
                "val_loss": val_loss,
                "val_exact_match": exact,
            }
            if process_group.is_main:
                append_metrics(run, line)
                log_metrics(line)
                save_checkpoint(
                    run,
                    add_prefix("model", model.state_dict())
                    | add_prefix("ema", ema.state_dict())
                    | add_prefix("best", best)
                    | add_prefix("optimizer", flatten_optimizer_state(optimizer)),
                    ClassifierMetadata(
                        step=(epoch + 1) * batches,
                        epoch=epoch,
                        finished=is_last or has_stalled,
                        best_epoch=best_epoch,
                        best_val_loss=best_loss,
                    ),
                )
            on_epoch_end(line)
            note = f"epoch {epoch + 1}/{config.epochs}, validation exact match {exact:.3f}"
            progress((epoch + 1) * len(images), config.epochs * len(images), note)
            if has_stalled and not is_last:
                log(f"ended after epoch {epoch + 1}: no better since epoch {best_epoch + 1}")
                break
    return run


def targets(part: SplitTensors, config: ClassifierConfig) -> torch.Tensor:
    """What a network learns to say of a part: float32 (N, 92), or (N, 5) for the types."""
    labels = part.visible if config.visible_only else part.labels
    return labels[:, : len(TYPES)] if config.task == "type" else labels


def loss_of(logits: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig) -> torch.Tensor:
    """Cross-entropy: of each label by itself, or of the types against each other."""
    if config.task == "type":
        return F.cross_entropy(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels)


def validate(
    ema: Classifier, images: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> tuple[float, float]:
    """Set the network's temperature by the validation part; its loss then, and exact match.

    Temperature: Guo and others, "On Calibration of Modern Neural Networks" (2017).
    """
    with torch.inference_mode():
        ema.temperature.fill_(1)
        logits = torch.cat([ema(part) for part in torch.split(images, 1000)])
        make_grid = torch.linspace(0.5, 4, 71, device=logits.device)
        losses = torch.stack([loss_of(logits / t, labels, config) for t in make_grid])
        ema.temperature.copy_(make_grid[losses.argmin()])
        exact = (logits_to_labels(logits) == labels.bool()).all(dim=1).float().mean()
        return losses.min().item(), exact.item()


def one_cycle(progress: float, warm_share: float = 0.25) -> float:
    """The learning rate's factor at `progress` in [0, 1]: up to 1 along a cosine, then to 0.

    Smith and Topin, "Super-Convergence" (2017), with cosine flanks as in torch's OneCycleLR.
    """
    if progress < warm_share:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warm_share)) / 2
    return (1 + math.cos(math.pi * (progress - warm_share) / (1 - warm_share))) / 2


def augment(images: torch.Tensor, pixel_noise: float, generator: torch.Generator) -> torch.Tensor:
    """Palette indices (N, 24, 24) with a few pixels replaced by another punk's at their place.

    Color, place and direction stay, because all three are labels: shifting by a pixel,
    elsewhere the usual augmentation, lowered the score.
    """
    order = torch.randperm(len(images), generator=generator, device=images.device)
    draw = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(draw < pixel_noise, images[order], images)
