"""State and steps of a GAN training: networks, sampling of batches, losses, updates, schedules."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch

from punkdata.images.sprite import SIDE_PX
from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.losses import (
    Encoder,
    augment,
    classic_discriminator_loss,
    classic_generator_loss,
    discriminate,
    discriminate_with_gradients,
    encoder_loss,
    relativistic_loss,
)
from punkmodels.gan.networks import (
    AnyDiscriminator,
    AnyGenerator,
    Discriminator,
    Generator,
    ImageShape,
    MLPDiscriminator,
    build_generator,
    initialize,
)
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.training_images import TrainingImages, to_signed
from punkmodels.training.checkpoint import load_optimizer
from punkmodels.training.device import TrainEnv
from punkmodels.training.distributed import all_reduce_mean, is_main, local_batch_size, random_seed

P = ParamSpec("P")
T = TypeVar("T")


class Batch(NamedTuple):
    """Real images of one process in [-1, 1], the same as in `TrainingImages`, and one-hot types.

    For punks, the channels of `images` are RGBA and the color embedding.
    """

    images: torch.Tensor
    indices: torch.Tensor
    condition: torch.Tensor | None


@dataclass
class TrainState:
    """What a checkpoint contains, and values that change from step to step.

    `ema` is the generator with averaged weights, and `optimizer_G` that of generator and encoder.
    Checkpoints do not contain `config` and the three tensors that a captured CUDA graph reads and
    writes at fixed addresses: `r1_gamma` and `ema_decay` for the next step, and `losses`, the sums
    of the losses of discriminator, generator and encoder since the last evaluation.
    """

    config: DcganConfig
    G: AnyGenerator
    D: AnyDiscriminator
    E: Encoder | None
    ema: AnyGenerator
    optimizer_G: torch.optim.Optimizer
    optimizer_D: torch.optim.Optimizer
    random: torch.Generator
    r1_gamma: torch.Tensor
    ema_decay: torch.Tensor
    losses: torch.Tensor
    step: int = 0

    @classmethod
    def create(cls, config: DcganConfig, images: torch.Tensor, device: torch.device) -> TrainState:
        """Return the state before the first step, for training images as in `TrainingImages`."""
        torch.manual_seed(config.seed)
        adam = config.optimizer
        shape = ImageShape() if images.ndim == 3 else ImageShape(*images.shape[1:])
        counts = color_counts(images) if config.model.head == "palette" else None
        G = build_generator(config, shape, counts).to(device)
        kind = MLPDiscriminator if config.recipe == "mlp" else Discriminator
        D = kind(config, shape).to(device)
        E = Encoder(config).to(device) if config.model.w_dim else None
        if config.is_classic:
            initialize(G)
            initialize(D)
        return cls(
            config,
            G,
            D,
            E,
            copy.deepcopy(G).requires_grad_(False),
            _adam(_generator_groups(G, E, config), (adam.beta_1, adam.beta_2), device),
            _adam([{"params": D.parameters()}], (adam.beta_1_D, adam.beta_2), device),
            torch.Generator(device).manual_seed(random_seed(config.seed)),
            torch.zeros((), device=device),
            torch.zeros((), device=device),
            torch.zeros(3, device=device),
        )

    def state_dict(self) -> dict[str, Any]:
        names = ("G", "D", "E", "ema", "optimizer_G", "optimizer_D")
        parts = {name: getattr(self, name) for name in names}
        states: dict[str, Any] = {name: part.state_dict() for name, part in parts.items() if part}
        return states | {"random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in ("G", "D", "ema", *(["E"] if self.E else [])):
            getattr(self, name).load_state_dict(state[name])
        load_optimizer(self.optimizer_G, state["optimizer_G"])
        load_optimizer(self.optimizer_D, state["optimizer_D"])
        self.step = state["step"]
        if is_main():
            self.random.set_state(state["random"])
        else:  # The checkpoint has the random state of rank 0 only.
            self.random.manual_seed(random_seed(self.config.seed, self.step))

    def set_schedules(self) -> None:
        """Set penalty weight, decay and learning rates for the next step."""
        step, config = self.step, self.config
        gamma = config.loss.r1_gamma * cosine(step, config, config.schedule.final_r1_gamma_fraction)
        self.r1_gamma.fill_(gamma * config.loss.d_reg_interval)
        self.ema_decay.fill_(ema_decay(step, config))
        lr = config.optimizer.lr * cosine(step, config, config.schedule.final_lr_fraction)
        for group in self.optimizer_G.param_groups + self.optimizer_D.param_groups:
            group["lr"].fill_(lr * group.get("lr_mult", 1.0))


def _generator_groups(
    G: AnyGenerator, E: Encoder | None, config: DcganConfig
) -> list[dict[str, Any]]:
    # Each weight of a palette head belongs to one color at one position and so rarely has a
    # gradient; therefore the head has a higher learning rate.
    head, params = G.layers[-1], [*G.parameters(), *(E.parameters() if E else ())]
    if not isinstance(head, PaletteHead):
        return [{"params": params}]
    head_params = list(head.parameters())
    others = [p for p in params if all(p is not other for other in head_params)]
    return [{"params": others}, {"params": head_params, "lr_mult": config.optimizer.head_lr_mult}]


def _adam(
    groups: list[dict[str, Any]], betas: tuple[float, float], device: torch.device
) -> torch.optim.Optimizer:
    # A captured CUDA graph can read learning rates that are tensors.
    groups = [{"lr": torch.zeros((), device=device), **group} for group in groups]
    return torch.optim.Adam(groups, betas=betas, fused=True, capturable=device.type == "cuda")


class BatchSampler:
    """Sampler of training images, with replacement, on the device."""

    def __init__(self, train: TrainingImages, config: DcganConfig, device: torch.device) -> None:
        self.batch_size: int = local_batch_size(config.batch_size)
        self.indices: torch.Tensor = train.images.to(device)
        self.types: torch.Tensor | None = (
            train.types.to(device) if config.conditional == "type" else None
        )
        self.table: torch.Tensor = color_table(device, config.model.color_embedding_dim)

    def sample(self, random: torch.Generator) -> Batch:
        size, device = (self.batch_size,), self.indices.device
        rows = torch.randint(len(self.indices), size, generator=random, device=device)
        indices = self.indices[rows]
        images = to_rgba(indices, self.table) if indices.ndim == 3 else to_signed(indices)
        return Batch(images, indices, None if self.types is None else self.types[rows])


class Phase(NamedTuple):
    """Losses in addition to the encoder loss; the penalties are those of the gradients."""

    adversarial: bool
    penalty: bool


PHASES = (Phase(False, False), Phase(True, False), Phase(True, True))


def adversarial_start(config: DcganConfig) -> int:
    return round(config.num_steps * config.schedule.adversarial_start) if config.model.w_dim else 0


def phase_at(step: int, config: DcganConfig) -> Phase:
    """Return the losses of a step, counted from 0."""
    is_adversarial = step >= adversarial_start(config)
    is_due = config.loss.r1_gamma > 0 and step % config.loss.d_reg_interval == 0
    return Phase(is_adversarial, is_adversarial and is_due)


def cosine(step: int, config: DcganConfig, final: float) -> float:
    """Return a factor that falls from 1 to `final` along a cosine."""
    remaining = (1 + math.cos(math.pi * step / config.num_steps)) / 2
    return final * (1 - remaining) + remaining


def ema_decay(step: int, config: DcganConfig) -> float:
    half_life_steps = config.schedule.ema_half_life * (step + 1)
    return float(0.5 ** (1 / half_life_steps)) if half_life_steps else 0.0


def training_step(state: TrainState, batch: Batch, phase: Phase, env: TrainEnv) -> None:
    """Update the networks and the moving average by one step, and add the losses to the state.

    It does not synchronize with the CPU, so that a CUDA graph can capture it; therefore the caller
    counts `state.step`.
    """
    loss_D = loss_G = loss_E = torch.zeros((), device=env.device)
    if phase.adversarial:
        # Discriminator: compare the real images with as many generated ones.
        noise_shape = (len(batch.images), state.G.noise_dim)
        noise = torch.randn(noise_shape, generator=state.random, device=env.device)
        with env.autocast():
            generated = state.G(noise, batch.condition)
            gamma = state.r1_gamma if phase.penalty else None
            loss_D, real_logits = discriminator_loss(state, batch, generated, gamma)
        _update(state.optimizer_D, loss_D)
        with env.autocast():
            loss_G = generator_loss(state, batch, generated, real_logits)
    # Generator and encoder.
    if state.E and isinstance(state.G, Generator):
        options = state.config.loss
        with env.autocast():
            loss_E = options.encoder_weight * encoder_loss(
                state.E, state.G, *batch[:2], state.random, options.kl_weight, batch.condition
            )
    _update(state.optimizer_G, loss_G + loss_E)
    with torch.no_grad():
        for average, current in zip(state.ema.parameters(), state.G.parameters(), strict=True):
            average.lerp_(current, 1 - state.ema_decay)
        state.losses.add_(torch.stack([loss_D, loss_G, loss_E]).detach())


def discriminator_loss(
    state: TrainState, batch: Batch, generated: torch.Tensor, r1_gamma: torch.Tensor | float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of the discriminator, and its logits (N,) for the real images.

    `r1_gamma` is the weight of the gradient penalties, or None for a step without penalties.
    """
    config, condition = state.config, batch.condition
    both = [_augment(images, state) for images in (batch.images, generated.detach())]
    plain = _compiled(discriminate, config)
    if config.is_classic:  # Separate batches, because of batch normalization.
        real_logits, fake_logits = (plain(state.D, images, condition) for images in both)
        return classic_discriminator_loss(real_logits, fake_logits), real_logits.detach()
    inputs = (state.D, torch.cat(both), None if condition is None else condition.repeat(2, 1))
    if r1_gamma is None:
        logits, penalty = plain(*inputs), torch.zeros(())
    else:
        logits, squared_gradients = _compiled(discriminate_with_gradients, config)(*inputs)
        # (R1 + R2) / 2 is the mean over the real and the generated half of the batch.
        penalty = r1_gamma * squared_gradients.mean()
    real_logits, fake_logits = logits.chunk(2)
    return relativistic_loss(real_logits, fake_logits) + penalty, real_logits.detach()


def generator_loss(
    state: TrainState, batch: Batch, generated: torch.Tensor, real_logits: torch.Tensor
) -> torch.Tensor:
    plain = _compiled(discriminate, state.config)
    logits = plain(state.D, _augment(generated, state), batch.condition)
    if state.config.is_classic:
        return classic_generator_loss(logits)
    return relativistic_loss(logits, real_logits)


@functools.cache
def compile_function(function: Callable[P, T], backend: str = "inductor") -> Callable[P, T]:
    return torch.compile(function, backend=backend)


def _compiled(function: Callable[P, T], config: DcganConfig) -> Callable[P, T]:
    return compile_function(function) if config.compile else function


def _augment(images: torch.Tensor, state: TrainState) -> torch.Tensor:
    options, scale = state.config.augmentation, images.shape[-1] / SIDE_PX
    sizes = (int(options.translate_px * scale), int(options.cutout_px * scale))
    # Colors rounded to bfloat16 would distinguish generated images from real ones.
    with torch.autocast(images.device.type, enabled=False):
        return augment(images.float(), state.random, *sizes)


def _update(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Take an optimizer step with gradients averaged over all processes."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss, inputs=params)
    all_reduce_mean(p.grad for p in params)
    optimizer.step()
