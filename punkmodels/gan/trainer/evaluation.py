"""Evaluations during a GAN training: sample grids, Fréchet distance, and mean losses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from punkdata.files import translate_os_errors
from punkmodels.data.image_grid import make_grid
from punkmodels.gan.metrics import frechet_distance
from punkmodels.gan.networks import NUM_NORM_BATCHES, Generator, reestimate_normalization
from punkmodels.gan.trainer.state import TrainState
from punkmodels.gan.trainer.step import BatchSampler, StepBuffers
from punkmodels.gan.training_images import TrainingImages


@dataclass(frozen=True)
class EvaluationOptions:
    """Number and size of the evaluations during a training."""

    num_evaluations: int = 20
    """Number of evaluations in the whole training, each followed by a checkpoint."""
    num_samples: int = 2000
    """Number of samples that each evaluation generates."""
    num_norm_batches: int = NUM_NORM_BATCHES
    """Number of batches for the normalization statistics, see `reestimate_normalization`."""


DEFAULT_EVALUATION = EvaluationOptions()


@dataclass(frozen=True)
class Interval:
    """Interval between two evaluations, over whose steps metrics are averaged."""

    first_step: int
    """Number of steps taken before the interval."""
    start_s: float
    """Time at the start of the interval, by `time.perf_counter`."""

    def metrics(self, state: TrainState, buffers: StepBuffers) -> dict[str, Any]:
        """Return a line of metrics.jsonl: mean losses, or None for unused ones, and speed."""
        schedule = state.schedule
        num_steps = state.step - self.first_step
        num_adversarial = max(0, state.step - max(self.first_step, schedule.adversarial_start))
        loss_D, loss_G, loss_aux = buffers.losses.tolist()  # Waits for the device.
        elapsed_s = time.perf_counter() - self.start_s
        return {
            "step": state.step,
            "images_seen": schedule.images_seen(state.step),
            "loss_D": loss_D / num_adversarial if num_adversarial else None,
            "loss_G": loss_G / num_adversarial if num_adversarial else None,
            "loss_E": loss_aux / num_steps if schedule.config.has_auxiliary_loss else None,
            "images_per_s": num_steps * schedule.config.batch_size / elapsed_s,
        }


@dataclass(frozen=True)
class SampleEvaluator:
    """Evaluation of samples that always have the same noise and conditions.

    Differences between the evaluations of a run are therefore due to training alone.
    """

    train: TrainingImages
    """Training images, with which samples are compared."""
    train_features: torch.Tensor
    """Features of the training images, float32 (N, D)."""
    noise: torch.Tensor
    """Noise of the samples, float32 (num_samples, noise_dim)."""
    condition: torch.Tensor
    """Conditions of the samples, those of random training images, float32 (num_samples,
    condition_dim)."""
    options: EvaluationOptions
    """Number and size of the evaluations."""

    @classmethod
    def create(
        cls,
        train: TrainingImages,
        sampler: BatchSampler,
        state: TrainState,
        options: EvaluationOptions,
    ) -> SampleEvaluator:
        """Sample noise and conditions, with the seed of the training."""
        config, device = sampler.config, sampler.images.device
        random = torch.Generator(device).manual_seed(config.seed + 1)
        shape = (options.num_samples, state.ema.noise_dim)
        noise = torch.randn(shape, generator=random, device=device)
        rows = torch.randint(len(train), shape[:1], generator=random, device=device)
        condition = config.condition_spec.encode(sampler.visible[rows], sampler.skin_tones[rows])
        return cls(train, train.embed(train.images, device), noise, condition, options)

    def evaluate(self, state: TrainState, file: Path) -> float:
        """Save a grid of samples, and return their Fréchet distance to the training images."""
        samples = self.generate(state)
        make_grid(samples[:64]).save(file)
        return frechet_distance(self.train_features, self.train.embed(samples, self.noise.device))

    def generate(self, state: TrainState) -> torch.Tensor:
        """Return samples of the averaged generator, in the format of the training images."""
        if isinstance(state.ema, Generator):  # An MLP has no normalization.
            config = state.objective.config
            reestimate_normalization(
                state.ema,
                config.seed,
                config.batch_size,
                self.condition,
                self.options.num_norm_batches,
            )
        batches = zip(torch.split(self.noise, 500), torch.split(self.condition, 500), strict=True)
        with torch.inference_mode():
            return self.train.to_images(torch.cat([state.ema(*batch) for batch in batches]))

    def save_first_images(self, state: TrainState, run: Path) -> None:
        """Save grids of training images and of samples of the untrained generator."""
        with translate_os_errors(run):
            (run / "samples").mkdir(exist_ok=True)
            make_grid(self.train.images[:64]).save(run / "reals.png")
            make_grid(self.generate(state)[:64]).save(run / "fakes_init.png")
