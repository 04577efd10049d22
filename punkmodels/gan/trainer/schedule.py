"""Schedules of a GAN training: phases, learning rate, penalty weight, and averaging."""

from __future__ import annotations

import math
from dataclasses import dataclass

from punkmodels.gan.config import DcganConfig


@dataclass(frozen=True)
class Phase:
    """Losses that a training step computes."""

    adversarial: bool
    """Whether the discriminator and the generator are trained with their adversarial losses."""
    penalty: bool
    """Whether the discriminator's loss includes the gradient penalties."""


PHASES = (Phase(False, False), Phase(True, False), Phase(True, True))


@dataclass(frozen=True)
class Schedule:
    """Losses, learning rate, penalty weight and averaging at each step, counted from 0."""

    config: DcganConfig
    """Training options."""
    num_steps: int
    """Number of steps of the training."""
    adversarial_start: int
    """First step with the adversarial loss."""

    @classmethod
    def from_config(cls, config: DcganConfig) -> Schedule:
        """Return the schedule of a training."""
        num_steps = math.ceil(config.total_images / config.batch_size)
        fraction = config.adversarial_start if config.has_auxiliary_loss else 0
        return cls(config, num_steps, round(num_steps * fraction))

    def phase(self, step: int) -> Phase:
        """Return the losses of a step."""
        is_adversarial = step >= self.adversarial_start
        is_due = self.config.r1_gamma > 0 and step % self.config.d_reg_interval == 0
        return Phase(is_adversarial, is_adversarial and is_due)

    def lr(self, step: int) -> float:
        """Return the learning rate at a step, before the multiplier of the palette head."""
        return self.config.lr * self._cosine(step, self.config.final_lr_fraction)

    def r1_gamma(self, step: int) -> float:
        """Return the weight of the gradient penalties at a step."""
        return self.config.r1_gamma * self._cosine(step, self.config.final_r1_gamma_fraction)

    def ema_decay(self, step: int) -> float:
        """Return the decay of the generator's moving average at a step, 0 to 1."""
        half_life_steps = self.config.ema_half_life * (step + 1)
        return float(0.5 ** (1 / half_life_steps)) if half_life_steps else 0.0

    def images_seen(self, steps: int) -> int:
        """Return the number of real images that training has seen after some steps."""
        return min(self.config.total_images, steps * self.config.batch_size)

    def evaluation_steps(self, count: int) -> frozenset[int]:
        """Return the steps after which samples are evaluated: at most `count`, evenly spaced."""
        return frozenset(round(self.num_steps * i / count) for i in range(1, count + 1)) - {0}

    def _cosine(self, step: int, final: float) -> float:
        """Return a factor that falls from 1 to `final` along a cosine."""
        remaining = (1 + math.cos(math.pi * step / self.num_steps)) / 2
        return final * (1 - remaining) + remaining
