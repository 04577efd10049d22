"""State of a GAN training: networks, optimizers, random generator, and schedules."""

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
    Discriminator,
    ImageShape,
    MLPDiscriminator,
    build_generator,
    initialize,
)
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.schedule import cosine, ema_decay
from punkmodels.training.checkpoint import load_optimizer
from punkmodels.training.distributed import is_main, random_seed


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
        if not config.is_relativistic:
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
