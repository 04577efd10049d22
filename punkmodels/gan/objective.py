"""The game of a DCGAN's training: its networks, and what each of them is to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from punkdata.errors import UsageError
from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.conditioning import condition_size
from punkmodels.gan.config import DcganConfig, build_generator
from punkmodels.gan.losses import (
    classic_discriminator_loss,
    classic_generator_loss,
    discriminate_with_gradients,
    relativistic_loss,
    squared_gradients,
)
from punkmodels.gan.mlp import AnyGenerator, MLPDiscriminator
from punkmodels.gan.networks import GhostBatchNorm, Discriminator, Generator, augment, initialize
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.training_images import to_signed
from punkmodels.gan.vae_encoder import Encoder, encoder_loss
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup, RandomStream


@dataclass
class GANObjective:
    """Generator, discriminator and, where there is one, encoder, on the device of `table`."""

    config: DcganConfig
    G: AnyGenerator
    D: Discriminator | MLPDiscriminator
    E: Encoder | None
    table: torch.Tensor
    """see `color_table`"""
    random: RandomStream
    """all noise comes from it"""

    discriminate: Callable[..., torch.Tensor]
    """D, or D compiled"""
    penalized: Callable[..., tuple[torch.Tensor, torch.Tensor]] | None = None
    """compiled: logits, and the squares of their gradients; see `judged_with_gradients`"""

    def compile(self, backend: str = "inductor") -> None:
        """Let torch compile what the discriminator does; the first steps take minutes then."""

        def penalized(
            images: torch.Tensor, condition: torch.Tensor | None
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return discriminate_with_gradients(lambda some: self.D(some, condition), images)

        self.discriminate = torch.compile(self.D, backend=backend)
        self.penalized = torch.compile(penalized, backend=backend)

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"G": self.G, "D": self.D} | ({"E": self.E} if self.E else {})

    def draw(self, n: int, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Images (N, 4 + code, 24, 24) by the generator, of new noise.

        Args:
            asked: conditions (N, size), here and below; None of a generator that knows none.
        """
        drawn: torch.Tensor = self.G(self._noise(n), condition)
        return drawn

    def real(self, images: torch.Tensor) -> torch.Tensor:
        """Training images, see `Subject`, as the discriminator sees them."""
        return to_rgba(images, self.table) if self.config.trains_on_punks else to_signed(images)

    def _noise(self, n: int) -> torch.Tensor:
        return self.random.normal(n, self.G.noise_dim)

    def discriminator_loss(
        self,
        indices: torch.Tensor,
        drawn: torch.Tensor,
        r1_gamma: torch.Tensor | float | None,
        condition: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss, and the logits (N,) of the real images.

        Args:
            indices: real images, uint8 (N, 24, 24).
            drawn: as many images, which are not changed by this loss.
            gamma: weight of the gradient penalties; None to leave them out.
        """
        of_each = (self.real(indices), drawn.detach())
        both = torch.cat([self._disturb(images) for images in of_each])
        if self.config.recipe == "classic":  # each by itself, because of batch normalization
            of_real, of_drawn = (self.discriminate(x, condition) for x in both.chunk(2))
            return classic_discriminator_loss(of_real, of_drawn), of_real.detach()
        twice = None if condition is None else torch.cat([condition, condition])
        squares = None
        if r1_gamma is None:
            logits = self.discriminate(both, twice)
        elif self.penalized is not None:
            logits, squares = self.penalized(both, twice)
        else:
            logits = self.D(both.requires_grad_(), twice)
            squares = squared_gradients(logits, both)
        of_real, of_drawn = logits.chunk(2)
        loss = relativistic_loss(of_real, of_drawn)
        if (
            r1_gamma is not None and squares is not None
        ):  # the mean over both halves, twice, is the sum of R1 and R2
            loss = loss + r1_gamma * squares.mean()
        return loss, of_real.detach()

    def generator_loss(
        self, drawn: torch.Tensor, of_real: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What the generator learns of the discriminator.

        Args:
            of_real: logits (N,) of as many real images.
        """
        logits = self.discriminate(self._disturb(drawn), condition)
        if self.config.recipe == "classic":
            return classic_generator_loss(logits)
        return relativistic_loss(logits, of_real)

    @property
    def has_auxiliary_loss(self) -> bool:
        """Whether the generator learns of more than the discriminator."""
        return self.E is not None or self.config.pixel_loss

    def auxiliary_loss(
        self, indices: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What the generator and the encoder learn of real images, uint8 (N, 24, 24).

        With `matching` the generator is to draw the very image that has what is asked for, whatever
        the noise: the cross-entropy of its pixels, in nats.
        """
        nats = torch.zeros((), device=self.table.device)
        head = self.G.layers[-1]
        # What is taught are choices of known colors.
        if not (
            self.has_auxiliary_loss
            and isinstance(self.G, Generator)
            and isinstance(head, PaletteHead)
        ):
            return nats
        nats = nats + self.config.l1_weight * head.condition_logits().abs().sum()
        if self.E:
            real = self.real(indices)
            nats = nats + encoder_loss(
                self.E, self.G, real, indices, self.random, self.config.kl_weight, condition
            )
        if self.config.pixel_loss:
            w = self.G.to_w(self._noise(len(indices)), condition)
            nats = nats + head.pixel_nll(self.G.features(w, condition), indices, condition).mean()
        return self.config.encoder_weight * nats

    def groups(self) -> list[dict[str, Any]]:
        """What the generator's optimizer moves: the encoder too, and a palette head with a higher
        rate of learning, because each of its weights concerns one color at one place, and so
        hears of it rarely.
        """
        *layers, last = self.G.layers
        below = [self.G.mapping, self.G.embed, *layers, self.E]
        others = [p for module in below if module for p in module.parameters()]
        times = self.config.head_lr_mult if isinstance(last, PaletteHead) else 1.0
        return [{"params": others}, {"params": list(last.parameters()), "times": times}]

    def _disturb(self, images: torch.Tensor) -> torch.Tensor:
        # Rounded colors would tell drawn images from real ones.
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
    """Untrained networks, of the seed.

    Args:
        images: what training knows, palette indices uint8 (N, 24, 24).
        ranks: that share the training.

    Raises:
        UsageError: a batch cannot be shared like that.
    """
    if config.batch_size % config.norm_groups or config.norm_groups % process_group.world_size:
        raise UsageError(
            f"{process_group.world_size} ranks cannot share a batch of {config.batch_size}, normalized in "
            f"{config.norm_groups} part{'s' * (config.norm_groups > 1)}",
            hint="begin with --norm-groups that divide the batch and that the ranks divide; "
            "a run that is resumed keeps its own",
        )
    torch.manual_seed(config.seed)
    counts = torch.zeros(0) if config.head == "rgba" else color_counts(images)
    G = build_generator(config, counts).to(device)
    condition = condition_size(
        config.conditional,
        skin_tone=config.skin_tone,
        split_female_accessories=config.split_female_accessories,
    )
    is_classic = config.recipe == "classic"
    shape = {"channels": config.channels, "side": config.side}
    D: Discriminator | MLPDiscriminator
    if config.network == "mlp":
        D = MLPDiscriminator(config.width, **shape)
    else:
        D = Discriminator(
            config.width,
            normalize=is_classic,
            color_embedding_dim=config.color_embedding_dim,
            condition=condition,
            **shape,
        )
    E = None
    if config.w_dim:
        E = Encoder(
            config.width, config.color_embedding_dim, config.z_dim, config.w_dim, condition
        ).to(device)
    random = RandomStream(torch.Generator(device).manual_seed(config.seed), process_group)
    if is_classic:
        initialize(G)
        initialize(D)
    D = D.to(device)
    game = GANObjective(config, G, D, E, color_table(device, config.color_embedding_dim), random, D)
    for network in game.networks.values():
        for module in network.modules():
            if isinstance(module, GhostBatchNorm):
                module.groups = config.norm_groups // process_group.world_size
    return game
