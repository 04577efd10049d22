"""State of a GAN training, with its conversion to and from the tensors of a checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import DataError
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.mlp import AnyGenerator
from punkmodels.gan.trainer.objective import GANObjective, build_objective, set_norm_groups
from punkmodels.gan.trainer.schedule import Schedule
from punkmodels.training.legacy_checkpoint import (
    add_prefix,
    flatten_optimizer_state,
    restore_optimizer,
    strip_prefix,
)
from punkmodels.training.legacy_distributed import SINGLE_PROCESS, ProcessGroup
from punkmodels.training.pretrained import Tensors, restore_model


@dataclass
class TrainState:
    """Networks, optimizers, random generator and step of a GAN training."""

    objective: GANObjective
    """Networks and losses, and the random generator of the training."""
    ema: AnyGenerator
    """Exponential moving average of the generator."""
    optimizer_G: torch.optim.Optimizer
    """Optimizer of the generator and the encoder."""
    optimizer_D: torch.optim.Optimizer
    """Optimizer of the discriminator."""
    schedule: Schedule
    """Derived from the options; not part of a checkpoint."""
    step: int = 0
    """Number of steps taken so far."""

    @classmethod
    def create(
        cls,
        config: DcganConfig,
        images: torch.Tensor,
        device: torch.device,
        process_group: ProcessGroup = SINGLE_PROCESS,
    ) -> TrainState:
        """Return the state before the first step, with the arguments of `build_objective`."""
        objective = build_objective(config, images, device, process_group)
        if config.torch_compile:
            objective.compile()
        ema = copy.deepcopy(objective.G).requires_grad_(False)
        set_norm_groups(ema, 1)  # Its statistics are recomputed in whole batches.
        groups_G = objective.generator_param_groups()
        groups_D = [{"params": objective.D.parameters()}]
        return cls(
            objective,
            ema,
            _adam(groups_G, (config.beta_1, config.beta_2), device),
            _adam(groups_D, (config.beta_1_D, config.beta_2), device),
            Schedule.from_config(config),
        )

    @property
    def random(self) -> torch.Generator:
        """Generator of all random numbers of the training."""
        return self.objective.random.generator

    def state_dict(self) -> Tensors:
        """Return the tensors of a checkpoint, with names such as "G.layers.0.weight"."""
        tensors: Tensors = {}
        for name, network in self._networks().items():
            tensors |= add_prefix(name, network.state_dict())
        tensors |= add_prefix("optimizer_G", flatten_optimizer_state(self.optimizer_G))
        tensors |= add_prefix("optimizer_D", flatten_optimizer_state(self.optimizer_D))
        return tensors | {"random": self.random.get_state()}

    def load_state_dict(self, tensors: Tensors, step: int, run: Path) -> None:
        """Restore the state from the tensors of a checkpoint.

        Args:
            tensors: The result of `state_dict`.
            step: The step of the checkpoint.
            run: The run folder, for error messages.

        Raises:
            DataError: The tensors do not fit the networks or the optimizers.
        """
        for name, network in self._networks().items():
            restore_model(run, network, strip_prefix(name, tensors))
        restore_optimizer(self.optimizer_G, strip_prefix("optimizer_G", tensors))
        if step > self.schedule.adversarial_start:  # Before, this optimizer has no state.
            restore_optimizer(self.optimizer_D, strip_prefix("optimizer_D", tensors))
        try:
            self.random.set_state(tensors["random"])
        except (KeyError, RuntimeError, TypeError) as error:
            raise DataError(
                f"the random state in the checkpoint of {run} is damaged ({error})"
            ) from None
        self.step = step

    def _networks(self) -> dict[str, torch.nn.Module]:
        return self.objective.networks | {"ema": self.ema}


def _adam(
    groups: Iterable[dict[str, Any]], betas: tuple[float, float], device: torch.device
) -> torch.optim.Optimizer:
    """Return Adam with learning rates as tensors, which a captured CUDA graph can read."""
    return torch.optim.Adam(
        [{"lr": torch.zeros((), device=device), **group} for group in groups],
        betas=betas,
        fused=True,
        capturable=device.type == "cuda",
    )
