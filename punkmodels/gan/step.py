"""Steps of a GAN training: sampling of batches, losses, and updates of the networks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

import torch

from punkdata.images.sprite import SIDE_PX
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.losses import (
    augment,
    cross_entropy_discriminator_loss,
    cross_entropy_generator_loss,
    discriminate,
    discriminate_with_gradients,
    encoder_loss,
    relativistic_loss,
)
from punkmodels.gan.networks import Generator
from punkmodels.gan.schedule import Phase
from punkmodels.gan.state import TrainState
from punkmodels.gan.training_images import TrainingImages, to_signed
from punkmodels.training.device import TrainEnv
from punkmodels.training.distributed import all_reduce_mean, local_batch_size

P = ParamSpec("P")
T = TypeVar("T")


class Batch(NamedTuple):
    """Real images of one process in [-1, 1], the same as in `TrainingImages`, and one-hot types.

    For punks, the channels of `images` are RGBA and the color embedding.
    """

    images: torch.Tensor
    indices: torch.Tensor
    condition: torch.Tensor | None


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
    if not config.is_relativistic:  # Separate batches, because of batch normalization.
        real_logits, fake_logits = (plain(state.D, images, condition) for images in both)
        return cross_entropy_discriminator_loss(real_logits, fake_logits), real_logits.detach()
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
    if not state.config.is_relativistic:
        return cross_entropy_generator_loss(logits)
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
