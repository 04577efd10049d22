"""State of a GAN training: networks, optimizers, random generator and step."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from punkmodels.data.palette import color_counts
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.losses import Encoder
from punkmodels.gan.networks import (
    AnyDiscriminator,
    AnyGenerator,
    ImageShape,
    build_discriminator,
    build_generator,
    initialize,
)
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.training.checkpoint import load_optimizer
from punkmodels.training.distributed import is_main, random_seed


@dataclass
class TrainState:
    """What a checkpoint of a GAN training contains."""

    config: DcganConfig
    """Training options; not part of a checkpoint."""
    G: AnyGenerator
    D: AnyDiscriminator
    E: Encoder | None
    ema: AnyGenerator
    """Generator with the exponential moving average of the weights."""
    optimizer_G: torch.optim.Optimizer
    """Optimizer of the generator and the encoder."""
    optimizer_D: torch.optim.Optimizer
    random: torch.Generator
    """Source of all random numbers of this process."""
    step: int = 0
    """Number of steps taken so far."""

    @classmethod
    def create(cls, config: DcganConfig, images: torch.Tensor, device: torch.device) -> TrainState:
        """Return the state before the first step, which depends on the seed alone.

        `images` are the training images, see `TrainingImages`, from which a palette head takes its
        colors.
        """
        torch.manual_seed(config.seed)
        adam = config.optimizer
        shape = ImageShape() if images.ndim == 3 else ImageShape(*images.shape[1:])
        counts = color_counts(images) if config.model.head == "palette" else None
        G = build_generator(config, shape, counts).to(device)
        D = build_discriminator(config, shape).to(device)
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
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the content of a checkpoint."""
        names = ("G", "D", "E", "ema", "optimizer_G", "optimizer_D")
        parts = {name: getattr(self, name) for name in names}
        states: dict[str, Any] = {name: part.state_dict() for name, part in parts.items() if part}
        return states | {"random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the content of a checkpoint."""
        for name in ("G", "D", "ema", *(["E"] if self.E else [])):
            getattr(self, name).load_state_dict(state[name])
        load_optimizer(self.optimizer_G, state["optimizer_G"])
        load_optimizer(self.optimizer_D, state["optimizer_D"])
        self.step = state["step"]
        if is_main():
            self.random.set_state(state["random"])
        else:  # The checkpoint has the random state of rank 0 only.
            self.random.manual_seed(random_seed(self.config.seed, self.step))


def _generator_groups(
    G: AnyGenerator, E: Encoder | None, config: DcganConfig
) -> list[dict[str, Any]]:
    """Return the parameter groups of the optimizer of generator and encoder.

    A palette head has a higher learning rate, because each of its weights belongs to one color at
    one position and so rarely has a gradient.
    """
    head = G.layers[-1]
    head_params = list(head.parameters()) if isinstance(head, PaletteHead) else []
    params = [*G.parameters(), *(E.parameters() if E else ())]
    others = [p for p in params if all(p is not other for other in head_params)]
    groups: list[dict[str, Any]] = [{"params": others}]
    if head_params:
        groups.append({"params": head_params, "lr_mult": config.optimizer.head_lr_mult})
    return groups


def _adam(
    groups: list[dict[str, Any]], betas: tuple[float, float], device: torch.device
) -> torch.optim.Optimizer:
    """Return Adam with learning rates as tensors, which a captured CUDA graph can read."""
    return torch.optim.Adam(
        [{"lr": torch.zeros((), device=device), **group} for group in groups],
        betas=betas,
        fused=True,
        capturable=device.type == "cuda",
    )
