"""Networks of a GAN training, and the losses of one step with them.

The loss functions themselves are in `punkmodels.gan.trainer.losses`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from punkdata.errors import UsageError
from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.config import DcganConfig, build_generator
from punkmodels.gan.layers import GhostBatchNorm, initialize
from punkmodels.gan.mlp import AnyGenerator, MLPDiscriminator
from punkmodels.gan.networks import Discriminator, Generator
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.trainer.augmentation import augment
from punkmodels.gan.trainer.losses import (
    classic_discriminator_loss,
    classic_generator_loss,
    discriminate_with_gradients,
    relativistic_loss,
    squared_gradients,
)
from punkmodels.gan.training_images import to_signed
from punkmodels.gan.vae_encoder import Encoder, encoder_loss
from punkmodels.training.legacy_distributed import SINGLE_PROCESS, ProcessGroup, RandomStream

AnyDiscriminator = Discriminator | MLPDiscriminator


@dataclass
class GANObjective:
    """Generator, discriminator and optional encoder, with the losses that train them.

    In all methods, N is the batch size of one process and `condition` is float32
    (N, condition_dim), or None for an unconditional generator.
    """

    config: DcganConfig
    """Training options."""
    G: AnyGenerator
    """Generator."""
    D: AnyDiscriminator
    """Discriminator."""
    E: Encoder | None
    """VAE encoder, or None if the training has none."""
    table: torch.Tensor
    """See `color_table`; on the device of the networks."""
    random: RandomStream
    """Source of all random numbers of the training."""

    discriminate: Callable[..., torch.Tensor]
    """The discriminator, compiled if `compile` was called."""
    discriminate_penalized: Callable[..., tuple[torch.Tensor, torch.Tensor]] | None = None
    """Compiled `discriminate_with_gradients` of the discriminator, or None."""

    def compile(self, backend: str = "inductor") -> None:
        """Compile the discriminator with torch.compile; its first steps take minutes."""

        def discriminate_penalized(
            images: torch.Tensor, condition: torch.Tensor | None
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return discriminate_with_gradients(lambda batch: self.D(batch, condition), images)

        self.discriminate = torch.compile(self.D, backend=backend)
        self.discriminate_penalized = torch.compile(discriminate_penalized, backend=backend)

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Trained networks by name: G, D and, if there is one, E."""
        return {"G": self.G, "D": self.D} | ({"E": self.E} if self.E else {})

    def generate(self, n: int, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Generate n images from new noise.

        Returns:
            float32 (n, channels, H, W), the input of the discriminator before augmentation.
        """
        images: torch.Tensor = self.G(self._noise(n), condition)
        return images

    def to_network_input(self, images: torch.Tensor) -> torch.Tensor:
        """Convert training images, see `TrainingImages`, to the input of the discriminator.

        Returns:
            float32 (N, channels, H, W) in [-1, 1]; for punks RGBA and the color embedding.
        """
        return to_rgba(images, self.table) if self.config.trains_on_punks else to_signed(images)

    def discriminator_loss(
        self,
        images: torch.Tensor,
        generated: torch.Tensor,
        r1_gamma: torch.Tensor | float | None,
        condition: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of the discriminator, and its logits (N,) for the real images.

        Args:
            images: N real images, see `TrainingImages`.
            generated: N generated images; they are detached from the generator.
            r1_gamma: Weight of the gradient penalties; None for a step without penalties.
            condition: Conditions of the real images, and also of the generated ones.
        """
        real = self.to_network_input(images)
        both = torch.cat([self._augment(real), self._augment(generated.detach())])
        if self.config.recipe == "classic":  # Separate batches, because of batch normalization.
            real_logits, fake_logits = (self.discriminate(x, condition) for x in both.chunk(2))
            return classic_discriminator_loss(real_logits, fake_logits), real_logits.detach()
        both_conditions = None if condition is None else torch.cat([condition, condition])
        penalty = None
        if r1_gamma is None:
            logits = self.discriminate(both, both_conditions)
        elif self.discriminate_penalized is not None:
            logits, penalty = self.discriminate_penalized(both, both_conditions)
        else:
            logits = self.D(both.requires_grad_(), both_conditions)
            penalty = squared_gradients(logits, both)
        real_logits, fake_logits = logits.chunk(2)
        loss = relativistic_loss(real_logits, fake_logits)
        if r1_gamma is not None and penalty is not None:
            # (R1 + R2) / 2 is the mean over the real and the generated half of the batch.
            loss = loss + r1_gamma * penalty.mean()
        return loss, real_logits.detach()

    def generator_loss(
        self,
        generated: torch.Tensor,
        real_logits: torch.Tensor,
        condition: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the adversarial loss of the generator.

        Args:
            generated: N generated images.
            real_logits: Logits of the discriminator for N real images, (N,).
            condition: Conditions of the generated images.
        """
        logits = self.discriminate(self._augment(generated), condition)
        if self.config.recipe == "classic":
            return classic_generator_loss(logits)
        return relativistic_loss(logits, real_logits)

    def auxiliary_loss(
        self, indices: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the weighted sum of encoder loss, pixel loss and L1 penalty.

        The pixel loss is the cross-entropy of the pixels of the ground-truth sprite, given its
        condition and random noise. The L1 penalty is that of the palette head's condition weights.

        Args:
            indices: Real punks as palette indices, uint8 (N, 24, 24).
            condition: Conditions of the real punks.

        Returns:
            A scalar, in nats per image times `encoder_weight`; 0 if neither loss is used.
        """
        nats = torch.zeros((), device=self.table.device)
        head = self.G.layers[-1]
        if not (
            self.config.has_auxiliary_loss
            and isinstance(self.G, Generator)
            and isinstance(head, PaletteHead)
        ):
            return nats
        nats = nats + self.config.l1_weight * head.condition_logits().abs().sum()
        if self.E:
            real = self.to_network_input(indices)
            nats = nats + encoder_loss(
                self.E, self.G, real, indices, self.random, self.config.kl_weight, condition
            )
        if self.config.pixel_loss:
            w = self.G.to_w(self._noise(len(indices)), condition)
            nats = nats + head.pixel_nll(self.G.features(w, condition), indices, condition).mean()
        return self.config.encoder_weight * nats

    def generator_param_groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups of the generator's optimizer, which includes the encoder.

        The last layer is a group of its own. A palette head has a higher learning rate, because
        each of its weights belongs to one color at one position and so rarely has a gradient.
        """
        *layers, last = self.G.layers
        modules = [self.G.mapping, self.G.embed, *layers, self.E]
        params = [p for module in modules if module for p in module.parameters()]
        lr_mult = self.config.head_lr_mult if isinstance(last, PaletteHead) else 1.0
        return [{"params": params}, {"params": list(last.parameters()), "lr_mult": lr_mult}]

    def _noise(self, n: int) -> torch.Tensor:
        return self.random.normal(n, self.G.noise_dim)

    def _augment(self, images: torch.Tensor) -> torch.Tensor:
        # Colors rounded to bfloat16 would distinguish generated images from real ones.
        with torch.autocast(images.device.type, enabled=False):
            return augment(
                images.float(),
                self.random,
                translate_px=self.config.translate_px,
                cutout_px=self.config.cutout_px,
            )


def build_objective(
    config: DcganConfig,
    images: torch.Tensor,
    device: torch.device,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> GANObjective:
    """Return untrained networks, initialized from the seed.

    Args:
        config: The training options.
        images: Training images, see `TrainingImages`, from which a palette head takes its colors.
        device: The device of the networks.
        process_group: The processes that share each batch.

    Raises:
        UsageError: The batch cannot be divided among the processes.
    """
    _check_divisible(config, process_group)
    torch.manual_seed(config.seed)
    is_classic = config.recipe == "classic"
    counts = torch.zeros(0) if config.head == "rgba" else color_counts(images)
    G = build_generator(config, counts)
    D = _build_discriminator(config)
    E = None
    if config.w_dim:
        condition_dim = config.condition_spec.dim
        E = Encoder(
            config.width, config.color_embedding_dim, config.z_dim, config.w_dim, condition_dim
        )
    if is_classic:
        initialize(G)
        initialize(D)
    for network in (G, D, E):
        if network is not None:
            network.to(device)
            set_norm_groups(network, config.norm_groups // process_group.world_size)
    random = RandomStream(torch.Generator(device).manual_seed(config.seed), process_group)
    table = color_table(device, config.color_embedding_dim)
    return GANObjective(config, G, D, E, table, random, discriminate=D)


def set_norm_groups(network: nn.Module, groups: int) -> None:
    """Set the number of groups of all `GhostBatchNorm` layers."""
    for module in network.modules():
        if isinstance(module, GhostBatchNorm):
            module.groups = groups


def _build_discriminator(config: DcganConfig) -> AnyDiscriminator:
    shape = {"channels": config.channels, "image_size": config.image_size}
    if config.network == "mlp":
        return MLPDiscriminator(config.width, **shape)
    return Discriminator(
        config.width,
        normalize=config.recipe == "classic",
        color_embedding_dim=config.color_embedding_dim,
        condition_dim=config.condition_spec.dim,
        **shape,
    )


def _check_divisible(config: DcganConfig, process_group: ProcessGroup) -> None:
    if config.batch_size % config.norm_groups or config.norm_groups % process_group.world_size:
        raise UsageError(
            f"{process_group.world_size} processes cannot share a batch of {config.batch_size} "
            f"with {config.norm_groups} normalization group{'s' * (config.norm_groups > 1)}",
            hint="start with a --norm-groups that divides the batch size and is a multiple of the "
            "number of processes; a resumed run keeps its own",
        )
