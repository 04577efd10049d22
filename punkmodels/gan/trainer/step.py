"""One step of a GAN training: sampling of a batch, and updates of the networks."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from punkdata.errors import SetupError
from punkdata.traits import LABELS, TYPES
from punkmodels.data.splits import sampling_weights
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.trainer.schedule import Phase
from punkmodels.gan.trainer.state import TrainState
from punkmodels.gan.training_images import TrainingImages
from punkmodels.training.legacy_distributed import SINGLE_PROCESS, ProcessGroup, RandomStream

INVISIBLE_LABEL_DROPOUT = 0.5
"""Probability that training removes an invisible label from a condition."""


@dataclass(frozen=True)
class TrainEnv:
    """Device, precision and processes of a training."""

    device: torch.device
    """Device of all tensors."""
    use_bf16: bool = False
    """Whether forward passes use bfloat16 autocast."""
    process_group: ProcessGroup = SINGLE_PROCESS
    """Processes that average their gradients."""

    def autocast(self) -> torch.autocast:
        """Return the context manager for forward passes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.use_bf16)


@dataclass(frozen=True)
class Batch:
    """Real images of one process, and their conditions."""

    images: torch.Tensor
    """Real images in the format of `TrainingImages.images`."""
    condition: torch.Tensor
    """Conditions of the images, float32 (N, condition_dim)."""


@dataclass(frozen=True)
class BatchSampler:
    """Training images on the device, from which batches are sampled with replacement."""

    config: DcganConfig
    """Training options."""
    images: torch.Tensor
    """All training images, in the format of `TrainingImages.images`."""
    labels: torch.Tensor
    """All labels, bool (N, 92)."""
    visible: torch.Tensor
    """Visible labels, bool (N, 92)."""
    skin_tones: torch.Tensor
    """Skin tones, int64 (N,), 1 to 4 or 0 for none."""
    cumulative_weights: torch.Tensor
    """Cumulative sampling probabilities, float32 (N,)."""

    @classmethod
    def create(
        cls, train: TrainingImages, config: DcganConfig, device: torch.device
    ) -> BatchSampler:
        """Copy training images and labels to the device, and compute the sampling weights."""
        weights = sampling_weights(train.visible, config.class_balance)
        return cls(
            config,
            train.images.to(device),
            train.labels.bool().to(device),
            train.visible.bool().to(device),
            train.skin_tones.to(device),
            weights.double().cumsum(0).float().to(device),
        )

    def sample(self, n: int, random: RandomStream) -> Batch:
        """Sample a batch of n images with their conditions.

        Half of the invisible labels are removed from the conditions, so that the generator learns
        that they have no effect. Accessories are removed with probability `label_dropout`.
        """
        rows = torch.searchsorted(self.cumulative_weights, random.uniform(n), right=True)
        rows = rows.clamp(max=len(self.images) - 1)
        is_dropped = random.uniform(n, len(LABELS)) < INVISIBLE_LABEL_DROPOUT
        labels = torch.where(is_dropped, self.visible[rows], self.labels[rows])
        if self.config.label_dropout:
            is_type = torch.arange(len(LABELS), device=labels.device) < len(TYPES)
            is_kept = random.uniform(n, len(LABELS)) >= self.config.label_dropout
            labels = labels & (is_type | is_kept)
        return Batch(
            self.images[rows], self.config.condition_spec.encode(labels, self.skin_tones[rows])
        )


@dataclass(frozen=True)
class StepBuffers:
    """Values that change from step to step, in tensors at fixed addresses on the device.

    A captured CUDA graph reads and writes these tensors.
    """

    r1_gamma: torch.Tensor
    """Weight of the gradient penalties, float32 scalar tensor."""
    ema_decay: torch.Tensor
    """Decay of the generator's moving average, float32 scalar tensor."""
    losses: torch.Tensor
    """Sums of the discriminator, generator and auxiliary losses since the last evaluation, float32
    (3,)."""

    @classmethod
    def create(cls, device: torch.device) -> StepBuffers:
        """Return buffers of zeros."""
        zero = torch.zeros((), device=device)
        return cls(zero, zero.clone(), torch.zeros(3, device=device))

    def set_schedules(self, state: TrainState) -> None:
        """Set penalty weight, decay, and the learning rates of the optimizers for the next step."""
        self.r1_gamma.fill_(state.schedule.r1_gamma(state.step))
        self.ema_decay.fill_(state.schedule.ema_decay(state.step))
        lr = state.schedule.lr(state.step)
        for group in state.optimizer_G.param_groups + state.optimizer_D.param_groups:
            group["lr"].fill_(lr * group.get("lr_mult", 1.0))


def training_step(
    state: TrainState, batch: Batch, phase: Phase, buffers: StepBuffers, env: TrainEnv
) -> None:
    """Update the networks and the moving average by one step, and add the losses to the buffers.

    The step does not synchronize with the CPU, so that it can be captured as a CUDA graph.
    """
    objective, condition = state.objective, batch.condition
    loss_D = loss_G = torch.zeros((), device=env.device)
    if phase.adversarial:
        # Discriminator: compare the real images with as many generated ones.
        gamma = buffers.r1_gamma * objective.config.d_reg_interval if phase.penalty else None
        with env.autocast():
            generated = objective.generate(len(batch.images), condition)
            loss_D, real_logits = objective.discriminator_loss(
                batch.images, generated, gamma, condition
            )
        _update(state.optimizer_D, loss_D, env.process_group)
        with env.autocast():
            loss_G = objective.generator_loss(generated, real_logits, condition)
    # Generator and encoder.
    with env.autocast():
        loss_aux = objective.auxiliary_loss(batch.images, condition)
    _update(state.optimizer_G, loss_G + loss_aux, env.process_group)
    with torch.no_grad():
        for average, current in zip(state.ema.parameters(), objective.G.parameters(), strict=True):
            average.lerp_(current, 1 - buffers.ema_decay)
        buffers.losses.add_(torch.stack([loss_D, loss_G, loss_aux]).detach())


def sample_and_step(
    state: TrainState, sampler: BatchSampler, phase: Phase, buffers: StepBuffers, env: TrainEnv
) -> None:
    """Take a training step with a newly sampled batch."""
    random = state.objective.random
    batch_size = state.objective.config.batch_size // random.process_group.world_size
    training_step(state, sampler.sample(batch_size, random), phase, buffers, env)


def _update(
    optimizer: torch.optim.Optimizer, loss: torch.Tensor, process_group: ProcessGroup
) -> None:
    """Take an optimizer step with gradients averaged over all processes."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss, inputs=params)
    process_group.all_reduce_mean(p.grad for p in params)
    optimizer.step()


class TrialStep:
    """Callable that takes training steps on networks of its own.

    It serves to benchmark a step, and to test torch.compile, without changing the real training.

    Args:
        config: The training options.
        images: The training images.
        sampler: The source of batches.
        process_group: The processes that share a batch. A trial step does not communicate with
            them.
    """

    def __init__(
        self,
        config: DcganConfig,
        images: torch.Tensor,
        sampler: BatchSampler,
        process_group: ProcessGroup,
    ) -> None:
        self.config, self.images, self.sampler = config, images, sampler
        self.process_group = process_group
        self.state: TrainState | None = None
        self.buffers = StepBuffers.create(sampler.images.device)

    def __call__(self, use_bf16: bool) -> None:
        """Take a step with all losses, in bfloat16 if `use_bf16` is True."""
        device = self.sampler.images.device
        if self.state is None:
            self.state = TrainState.create(self.config, self.images, device, self.process_group)
        phase = Phase(adversarial=True, penalty=self.config.r1_gamma > 0)
        env = TrainEnv(device, use_bf16)
        sample_and_step(self.state, self.sampler, phase, self.buffers, env)

    def check_compile(self) -> None:
        """Take a step, to check that torch.compile works.

        Raises:
            SetupError: torch.compile does not work on this machine.
        """
        try:
            self(False)
        except RuntimeError as error:
            raise SetupError(
                f"--compile does not work on this machine ({str(error).splitlines()[0]})",
                hint="leave it out, or install a C++ compiler",
            ) from None
