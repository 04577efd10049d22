"""punkmodels train dcgan: the whole collection on the device, one visible loop.

Everything random comes from one generator whose state is kept in the checkpoint, so a run that
is stopped and resumed ends, on a CPU with the same number of threads, bit for bit where it would
have.
"""

from __future__ import annotations

import copy
import functools
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from punkdata.errors import DataError, SetupError
from punkdata.files import translate_os_errors
from punkdata.traits import LABELS, TYPES
from punkmodels.data.image_grid import make_grid, save_gif, save_training_curves
from punkmodels.data.splits import load_split, sampling_weights
from punkmodels.gan import training_images
from punkmodels.gan.conditioning import conditions
from punkmodels.gan.config import DcganConfig, read_dcgan_config
from punkmodels.gan.metrics.distances import frechet_distance
from punkmodels.gan.networks import GhostBatchNorm, Generator, reestimate_normalization
from punkmodels.gan.objective import build_objective
from punkmodels.training.checkpoint import (
    CheckpointMetadata,
    add_prefix,
    flatten_optimizer_state,
    has_checkpoint,
    load_checkpoint,
    parse_step,
    restore_optimizer,
    save_checkpoint,
    strip_prefix,
)
from punkmodels.training.cuda_graph import CapturedStep
from punkmodels.training.device import choose_precision_and_threads, pick_device
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup
from punkmodels.training.loggers import check_logger, open_logger
from punkmodels.training.pretrained import check_resumable, describe_run, restore_model
from punkmodels.training.run_dir import (
    append_metrics,
    create_run,
    lock_run,
    read_metrics,
    write_json,
)

LOOKS = 20
"""how often in a run samples are drawn, the distance is measured and a checkpoint is written"""
DRAWN = 2000
"""sprites drawn to measure the distance"""


def train_dcgan(
    root: Path,
    runs: Path,
    config: DcganConfig,
    *,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    resume: Path | None = None,
    logger: str | None = None,
    pictures: Path | None = None,
    progress: Callable[..., None] = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> Path:
    """Train on the training part of the default split, and return the run folder.

    Args:
        pictures: to learn from instead of punks, see `training_images.pictures`.

    Other args, and raises: as `train_classifier` and `training_images.pictures`; and NetworkError:
    another rank has ended.
    """
    check_logger(logger)
    if resume:
        check_resumable(resume)
    saved = read_dcgan_config(resume) if resume else None
    if saved:
        config, version = saved.options, saved.data.version
    if saved and saved.data.pictures:
        pictures = Path(saved.data.pictures)
    if pictures:
        train = training_images.pictures(pictures)
        channels, side = train.images.shape[1:3]
        if not saved:
            config = replace(
                config,
                channels=channels,
                side=side,
                translate_px=config.translate_px * side // config.side,
                cutout_px=config.cutout_px * side // config.side,
            )
    else:
        train = training_images.punks(load_split(root, version, "default", "train"))
    if len(train) < 2:
        raise DataError(f"{root} has no punks to train on")
    if saved and saved.data.labels_hash != train.about["labels_hash"]:
        what = f"{pictures} holds other pictures" if pictures else f"{root} holds other labels"
        raise DataError(
            f"{what} than {resume} was trained on",
            hint="put those back" if pictures else "name the root that it was trained on",
        )
    device, reason = pick_device(saved.device.name if saved else device_name)
    images = train.images.to(device)
    known = train.embed(train.images, device)
    game = build_objective(config, train.images, device, process_group)
    G, D, random = game.G, game.D, game.random
    if config.torch_compile:
        game.compile()
    batch_size = config.batch_size // process_group.world_size
    fixed = torch.Generator(device).manual_seed(config.seed + 1)
    fixed_noise = torch.randn(DRAWN, G.noise_dim, generator=fixed, device=device)
    weights = sampling_weights(train.visible, config.class_balance)
    up_to = weights.double().cumsum(0).float().to(device)
    seen_of, told_of = (labels.bool().to(device) for labels in (train.visible, train.labels))
    tones = train.tones.to(device)
    some = torch.randint(len(images), (DRAWN,), generator=fixed, device=device)

    def asking(labels: torch.Tensor, tones: torch.Tensor) -> torch.Tensor:
        return conditions(
            labels,
            tones,
            config.conditional,
            skin_tone=config.skin_tone,
            split_female_accessories=config.split_female_accessories,
        )

    fixed_asked = asking(seen_of[some], tones[some])

    def pick() -> tuple[torch.Tensor, torch.Tensor]:
        """Real images, and what one would ask for to get them.

        A label that no pixel shows is asked for or not, by chance: it is to change nothing.
        """
        chance = random.uniform(batch_size)
        rows = torch.searchsorted(up_to, chance, right=True).clamp(max=len(images) - 1)
        coin = random.uniform(batch_size, len(LABELS))
        labels = torch.where(coin < 0.5, seen_of[rows], told_of[rows])
        if config.label_dropout:
            coin = random.uniform(batch_size, len(LABELS))
            is_type = torch.arange(len(LABELS), device=device) < len(TYPES)
            labels = labels & (is_type | (coin >= config.label_dropout))
        return images[rows], asking(labels, tones[rows])

    def try_step(in_half: bool) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=in_half):
            indices, condition = pick()
            drawn = game.draw(batch_size, condition)
            loss, of_real = game.discriminator_loss(indices, drawn, config.r1_gamma, condition)
            loss = loss + game.generator_loss(drawn, of_real, condition)
            loss = loss + game.auxiliary_loss(indices, condition)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    if config.torch_compile:
        try:
            try_step(False)
        except RuntimeError as error:
            raise SetupError(
                f"--compile does not work here ({str(error).splitlines()[0]})",
                hint="leave it out, or install a C++ compiler",
            ) from None
    began = (saved.device.threads, saved.device.bf16) if saved else None
    use_bf16, how = choose_precision_and_threads(
        try_step, device, threads or process_group.threads_per_process, began, process_group
    )
    reason += how
    G.zero_grad()
    D.zero_grad()
    random.generator.manual_seed(config.seed)
    ema = copy.deepcopy(G).requires_grad_(False)
    for module in ema.modules():
        if isinstance(module, GhostBatchNorm):
            module.groups = 1  # it is estimated anew
    networks = game.networks | {"ema": ema}
    betas, betas_D = ((beta_1, config.beta_2) for beta_1 in (config.beta_1, config.beta_1_D))
    is_gpu = device.type == "cuda"
    optimizer_G, optimizer_D = (
        torch.optim.Adam(
            [{"lr": torch.zeros((), device=device), **group} for group in groups],
            betas=betas_of,
            fused=True,
            capturable=is_gpu,
        )
        for groups, betas_of in ((game.groups(), betas), ([{"params": D.parameters()}], betas_D))
    )
    learners = [p for group in optimizer_G.param_groups for p in group["params"]]
    judges = list(D.parameters())

    steps = math.ceil(config.total_images / config.batch_size)
    adversarial_start = round(steps * config.adversarial_start) if game.has_auxiliary_loss else 0
    looks = {round(steps * i / LOOKS) for i in range(1, LOOKS + 1)} - {0}

    # What changes from step to step lies on the device, where a captured step finds it.
    r1_gamma, keep = torch.zeros((), device=device), torch.zeros((), device=device)
    totals = torch.zeros(3, device=device)

    def take_step(*, is_judged: bool, is_due: bool) -> None:
        loss_D = loss_G = torch.zeros((), device=device)
        indices, condition = pick()
        if is_judged:
            with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16):
                drawn = game.draw(batch_size, condition)
                loss_D, of_real = game.discriminator_loss(
                    indices, drawn, r1_gamma * config.d_reg_interval if is_due else None, condition
                )
            optimizer_D.zero_grad(set_to_none=True)
            torch.autograd.backward(loss_D, inputs=judges)
            process_group.all_reduce_mean(p.grad for p in judges)
            optimizer_D.step()
            with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16):
                loss_G = game.generator_loss(drawn, of_real, condition)
        with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16):
            loss_E = game.auxiliary_loss(indices, condition)
        optimizer_G.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_G + loss_E, inputs=learners)
        process_group.all_reduce_mean(p.grad for p in learners)
        optimizer_G.step()
        with torch.no_grad():
            for average, now in zip(ema.parameters(), G.parameters(), strict=True):
                average.lerp_(now, 1 - keep)
            totals.add_(torch.stack([loss_D, loss_G, loss_E]).detach())

    kinds = {
        kind: CapturedStep(
            functools.partial(take_step, is_judged=kind[0], is_due=kind[1]),
            device,
            random.generator,
        )
        for kind in ((False, False), (True, False), (True, True))
    }

    def look(step: int) -> float:
        """Draw the same noise as ever, keep the picture, and return the distance."""
        if isinstance(ema, Generator):  # a plain one normalizes nothing
            reestimate_normalization(ema, config.seed, config.batch_size, fixed_asked)
        both = zip(torch.split(fixed_noise, 500), torch.split(fixed_asked, 500), strict=True)
        with torch.inference_mode():
            drawn = torch.cat([ema(*batch) for batch in both])
        sprites = train.show(drawn)
        make_grid(sprites[:64]).save(run / "samples" / f"step_{step:06d}.png")
        return frechet_distance(known, train.embed(sprites, device))

    first_step = done = 0
    if resume:
        run = resume
        if has_checkpoint(run):
            tensors, facts = load_checkpoint(run, CheckpointMetadata)
            for name, network in networks.items():
                restore_model(run, network, strip_prefix(name, tensors))
            restore_optimizer(optimizer_G, strip_prefix("optimizer_G", tensors))
            if facts.step > adversarial_start:
                restore_optimizer(optimizer_D, strip_prefix("optimizer_D", tensors))
            try:
                random.generator.set_state(tensors["random"])
            except (KeyError, RuntimeError, TypeError) as error:
                raise DataError(f"the checkpoint of {run} does not fit ({error})") from None
            first_step = facts.step
            done = sum(at <= first_step for at in looks)
    elif not process_group.is_main:
        run = runs  # nothing is written there
    else:
        run = create_run(runs, f"{config.network}-{config.recipe}-{config.preset}")
        about = describe_run(
            "dcgan", asdict(config), train.about, device, reason, use_bf16=use_bf16
        )
        write_json(run / "config.json", about)
    if (
        process_group.is_main and not first_step
    ):  # also of a run that was stopped before its first checkpoint
        with translate_os_errors(run):
            (run / "samples").mkdir(exist_ok=True)
            make_grid(train.images[:64]).save(run / "reals.png")
            look(0)
            (run / "samples" / "step_000000.png").replace(run / "fakes_init.png")
    if first_step == steps:
        log(f"{run} is finished already")
    else:
        log(f"{run}: {train.name}, {config.total_images:,} images on {device}")
        log(f"{device}: {reason}")
    note = ""
    since, started = first_step, time.perf_counter()

    held = lock_run(run, done, is_main=process_group.is_main)
    with held, open_logger(run, logger if process_group.is_main else None) as log_metrics:
        for step in range(first_step, steps):
            left = (1 + math.cos(math.pi * step / steps)) / 2
            r1_gamma.fill_(config.r1_gamma * (config.final_r1_gamma_fraction * (1 - left) + left))
            rate = config.lr * (config.final_lr_fraction * (1 - left) + left)
            for group in optimizer_G.param_groups + optimizer_D.param_groups:
                group["lr"].fill_(rate * group.get("times", 1.0))
            half_life = config.ema_half_life * (step + 1)  # in steps
            keep.fill_(0.5 ** (1 / half_life) if half_life else 0.0)
            is_judged = step >= adversarial_start
            is_due = is_judged and config.r1_gamma > 0 and step % config.d_reg_interval == 0
            kinds[is_judged, is_due]()
            seen = min(config.total_images, (step + 1) * config.batch_size)
            progress(seen, config.total_images, note)
            if step + 1 not in looks:
                continue

            process_group.all_reduce_mean([totals])
            if not process_group.is_main:
                totals.zero_()
                continue
            judged, taught = max(0, step + 1 - max(since, adversarial_start)), step + 1 - since
            of_D, of_G, of_E = totals.tolist()
            rate_per_s = (step + 1 - since) * config.batch_size / (time.perf_counter() - started)
            distance = look(step + 1)
            line = {
                "step": step + 1,
                "images_seen": seen,
                "loss_D": of_D / judged if judged else None,
                "loss_G": of_G / judged if judged else None,
                "loss_E": of_E / taught if game.has_auxiliary_loss else None,
                "frechet_distance_to_training": distance,
                "images_per_s": rate_per_s,
            }
            append_metrics(run, line)
            log_metrics(line)
            of_networks: dict[str, torch.Tensor] = {}
            for name, network in networks.items():
                of_networks |= add_prefix(name, network.state_dict())
            save_checkpoint(
                run,
                of_networks
                | add_prefix("optimizer_G", flatten_optimizer_state(optimizer_G))
                | add_prefix("optimizer_D", flatten_optimizer_state(optimizer_D))
                | {"random": random.generator.get_state()},
                CheckpointMetadata(step=step + 1, finished=step + 1 == steps),
            )
            note = f"distance {distance:.1f}"
            progress(seen, config.total_images, note)
            totals.zero_()
            since, started = step + 1, time.perf_counter()
    if not process_group.is_main:
        return run
    frames = sorted((run / "samples").glob("step_*.png"), key=parse_step)
    with translate_os_errors(run):
        save_gif([run / "fakes_init.png", *frames], run / "training.gif")
        save_training_curves(read_metrics(run), run / "curves.png")
    return run
