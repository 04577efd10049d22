"""punkmodels train dcgan: the whole collection on the device, one visible loop.

Everything random comes from one generator whose state is kept in the checkpoint, so a run that
is stopped and resumed ends, on a CPU with the same number of threads, bit for bit where it would
have.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from punkdata.disk import storage_errors
from punkdata.errors import DataError
from punkmodels.checkpoint import (
    CheckpointFacts,
    has_checkpoint,
    load_checkpoint,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    save_checkpoint,
    step_of,
    unprefixed,
)
from punkmodels.classifier_run import restore_model
from punkmodels.dcgan import (
    Discriminator,
    Generator,
    PaletteHead,
    augment,
    colour_counts,
    colour_table,
    initialise,
    reestimate_normalisation,
    snap,
    to_rgba,
)
from punkmodels.dcgan_run import DcganConfig, build_generator, read_dcgan_config
from punkmodels.device import pick_device, probe_half_precision, probe_threads
from punkmodels.distances import frechet_distance
from punkmodels.features import embed
from punkmodels.losses import (
    classic_discriminator_loss,
    classic_generator_loss,
    relativistic_loss,
    squared_gradients,
)
from punkmodels.parts import describe_run, load_part
from punkmodels.runs import (
    append_metrics,
    check_sink,
    create_run,
    open_sink,
    read_metrics,
    trim_metrics,
    write_json,
)
from punkmodels.sheets import grid, save_curves, save_film

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
    log: str | None = None,
    report: Callable[..., None] = lambda done, total, note="": None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train on the training part of the default split, and return the run folder.

    Args and raises: as `train_classifier`.
    """
    check_sink(log)
    saved = read_dcgan_config(resume) if resume else None
    if saved:
        config, version = saved.options, saved.data.version
    train = load_part(root, version, "default", "train")
    if len(train) < 2:
        raise DataError(f"{train.path} has no punks to train on")
    if saved and saved.data.labels_hash != train.labels_hash:
        raise DataError(f"{train.path} holds other labels than {resume} was trained on")
    device, why = pick_device(saved.device.name if saved else device_name)
    table = colour_table(device, config.code)
    images = train.images.to(device)
    known = embed(train.images, device)

    torch.manual_seed(config.seed)
    G = build_generator(config, colour_counts(train.images)).to(device)
    D = Discriminator(config.width, normalise=config.recipe == "classic", code=config.code).to(
        device
    )
    if config.recipe == "classic":
        initialise(G)
        initialise(D)
    random = torch.Generator(device).manual_seed(config.seed)
    fixed = torch.Generator(device).manual_seed(config.seed + 1)
    fixed_z = torch.randn(DRAWN, config.z_size, generator=fixed, device=device)
    half = saved.device.half_precision if saved else False

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Real images, drawn evenly, and as much noise."""
        index = torch.randint(len(images), (n,), generator=random, device=device)
        z = torch.randn(n, config.z_size, generator=random, device=device)
        return to_rgba(images[index], table), z

    def disturb(x: torch.Tensor) -> torch.Tensor:
        # Rounded colours would tell drawn images from real ones.
        with torch.autocast(device.type, enabled=False):
            return augment(x.float(), random, shift=config.shift, hole=config.hole)

    def discriminator_loss(
        real: torch.Tensor, drawn: torch.Tensor, gamma: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss, and what was said of the real images."""
        both = disturb(torch.cat([real, drawn.detach()]))
        if config.recipe == "classic":  # each by itself, for the sake of batch normalisation
            of_real, of_drawn = (D(x) for x in both.chunk(2))
            return classic_discriminator_loss(of_real, of_drawn), of_real.detach()
        logits = D(both.requires_grad_(gamma > 0))
        of_real, of_drawn = logits.chunk(2)
        loss = relativistic_loss(of_real, of_drawn)
        if gamma:  # the mean over both halves, twice, is the sum of R1 and R2
            loss = loss + gamma * squared_gradients(logits, both).mean()
        return loss, of_real.detach()

    def generator_loss(drawn: torch.Tensor, real_logits: torch.Tensor) -> torch.Tensor:
        logits = D(disturb(drawn))
        if config.recipe == "classic":
            return classic_generator_loss(logits)
        return relativistic_loss(logits, real_logits)

    def try_step(in_half: bool = False) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=in_half):
            real, z = draw(config.batch_size)
            drawn = G(z)
            loss, real_logits = discriminator_loss(real, drawn, config.gamma)
            loss = loss + generator_loss(drawn, real_logits)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    if device.type == "cpu":
        used, threads_why = threads or 1, "as asked for"
        if saved:
            used, threads_why = saved.device.threads, "as the run began"
        elif threads is None:
            used, threads_why = probe_threads(try_step)
        torch.set_num_threads(used)
        why += f", {used} thread{'s' * (used > 1)} ({threads_why})"
    if not saved and (threads is None or device.type != "cpu"):
        half, half_why = probe_half_precision(try_step, device)
        why += f", {'bfloat16' if half else 'float32'} ({half_why})"
    G.zero_grad()
    D.zero_grad()
    random.manual_seed(config.seed)
    ema = copy.deepcopy(G).requires_grad_(False)
    betas = (config.beta_1, config.beta_2)
    optimizer_G = torch.optim.Adam(_groups(G, config), config.lr, betas, fused=True)
    optimizer_D = torch.optim.Adam(D.parameters(), config.lr, betas, fused=True)

    steps = math.ceil(config.images / config.batch_size)
    looks = {round(steps * i / LOOKS) for i in range(1, LOOKS + 1)} - {0}

    def look(step: int) -> float:
        """Draw the same noise as ever, keep the picture, and return the distance."""
        reestimate_normalisation(ema, config.seed, config.batch_size)
        with torch.inference_mode():
            drawn = torch.cat([ema(z) for z in torch.split(fixed_z, 500)])
        sprites = snap(drawn)[0].cpu()
        grid(sprites[:64]).save(run / "samples" / f"step_{step:06d}.png")
        return frechet_distance(known, embed(sprites, device))

    first_step = 0
    if resume:
        run = resume
        done = 0
        if has_checkpoint(run):
            tensors, facts = load_checkpoint(run, CheckpointFacts)
            for name, network in (("G", G), ("D", D), ("ema", ema)):
                restore_model(run, network, unprefixed(name, tensors))
            restore_optimizer(optimizer_G, unprefixed("optimizer_G", tensors))
            restore_optimizer(optimizer_D, unprefixed("optimizer_D", tensors))
            try:
                random.set_state(tensors["random"])
            except (KeyError, RuntimeError, TypeError) as error:
                raise DataError(f"the checkpoint of {run} does not fit ({error})") from None
            first_step = facts.step
            done = sum(at <= first_step for at in looks)
        trim_metrics(run, done)
    else:
        run = create_run(runs, f"dcgan-{config.recipe}-{config.preset}")
        about = describe_run("dcgan", asdict(config), train, device, why, half=half)
        write_json(run / "config.json", about)
    if not first_step:  # also of a run that was stopped before its first checkpoint
        with storage_errors(run):
            (run / "samples").mkdir(exist_ok=True)
            grid(train.images[:64]).save(run / "real.png")
            look(0)
            (run / "samples" / "step_000000.png").replace(run / "untrained.png")
    if first_step == steps:
        say(f"{run} is finished already")
    else:
        say(
            f"{run}: {len(images):,} punks of {train.version}, {config.images:,} images on {device}"
        )
        say(f"{device}: {why}")
    note = ""
    totals = torch.zeros(2, device=device)
    since, started = first_step, time.perf_counter()

    with open_sink(run, log) as sink:
        for step in range(first_step, steps):
            left = (1 + math.cos(math.pi * step / steps)) / 2
            gamma = config.gamma * (config.final_gamma_share * (1 - left) + left)
            rate = config.lr * (config.final_lr_share * (1 - left) + left)
            for group in optimizer_G.param_groups + optimizer_D.param_groups:
                group["lr"] = rate * group.get("times", 1.0)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                real, z = draw(config.batch_size)
                drawn = G(z)
                is_due = step % config.penalty_every == 0
                loss_D, real_logits = discriminator_loss(
                    real, drawn, gamma * config.penalty_every if is_due else 0.0
                )
            optimizer_D.zero_grad(set_to_none=True)
            torch.autograd.backward(loss_D, inputs=list(D.parameters()))
            optimizer_D.step()
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss_G = generator_loss(drawn, real_logits)
            optimizer_G.zero_grad(set_to_none=True)
            torch.autograd.backward(loss_G, inputs=list(G.parameters()))
            optimizer_G.step()
            with torch.no_grad():
                half_life = config.ema_share * (step + 1)  # in steps
                keep = 0.5 ** (1 / half_life) if half_life else 0.0
                for average, now in zip(ema.parameters(), G.parameters(), strict=True):
                    average.lerp_(now, 1 - keep)
                totals += torch.stack([loss_D, loss_G])
            seen = min(config.images, (step + 1) * config.batch_size)
            report(seen, config.images, note)
            if step + 1 not in looks:
                continue

            loss_D_mean, loss_G_mean = (totals / (step + 1 - since)).tolist()
            rate_per_s = (step + 1 - since) * config.batch_size / (time.perf_counter() - started)
            distance = look(step + 1)
            line = {
                "step": step + 1,
                "images_seen": seen,
                "loss_D": loss_D_mean,
                "loss_G": loss_G_mean,
                "frechet_distance_to_training": distance,
                "images_per_s": rate_per_s,
            }
            append_metrics(run, line)
            sink(line)
            save_checkpoint(
                run,
                prefixed("G", G.state_dict())
                | prefixed("D", D.state_dict())
                | prefixed("ema", ema.state_dict())
                | prefixed("optimizer_G", optimizer_tensors(optimizer_G))
                | prefixed("optimizer_D", optimizer_tensors(optimizer_D))
                | {"random": random.get_state()},
                CheckpointFacts(step=step + 1, finished=step + 1 == steps),
            )
            note = f"distance {distance:.1f}"
            report(seen, config.images, note)
            totals.zero_()
            since, started = step + 1, time.perf_counter()
    frames = sorted((run / "samples").glob("step_*.png"), key=step_of)
    with storage_errors(run):
        save_film([run / "untrained.png", *frames], run / "training.gif")
        save_curves(read_metrics(run), run / "curves.png")
    return run


def _groups(G: Generator, config: DcganConfig) -> list[dict[str, Any]]:
    """The generator's parameters, those of a palette head with a higher rate of learning: each of
    them concerns one colour at one place, and so hears of it rarely.
    """
    *layers, last = G.layers
    below = [p for layer in layers for p in layer.parameters()]
    if not isinstance(last, PaletteHead):
        return [{"params": below + list(last.parameters())}]
    return [{"params": below}, {"params": list(last.parameters()), "times": config.head_lr_times}]
