"""Schedules of a GAN training: which losses a step has, learning rates, penalties, averaging."""

import math
from typing import NamedTuple

from punkmodels.gan.config import DcganConfig


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
