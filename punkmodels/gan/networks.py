"""Networks of the GAN: generator, discriminator, mapping network, and fully connected baselines.

The architecture is that of Radford, Metz and Chintala, "Unsupervised Representation Learning with
Deep Convolutional Generative Adversarial Networks" (2015), for images of 24x24 pixels: a 3x3
feature map is doubled three times by transposed convolutions of stride 2 (3, 6, 12, 24), with batch
normalization and ReLU in the generator, and strided convolutions and LeakyReLU 0.2 in the
discriminator. Images of other sizes are cropped from, or padded to, a multiple of 8.
"""

import itertools
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from punkmodels.gan.config import DcganConfig
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.training.distributed import local_batch_size

CONDITION_EMBEDDING_DIM = 64


class ImageShape(NamedTuple):
    """Shape of the training images, which are squares."""

    channels: Annotated[int, Field(ge=1, le=4)] = 4
    height: Annotated[int, Field(ge=8, le=64)] = 24
    width: Annotated[int, Field(ge=8, le=64)] = 24

    @property
    def map_size(self) -> int:
        """Side of the smallest feature map."""
        return -(-self.width // 8)


PUNK_SHAPE = ImageShape()


class Mapping(nn.Module):
    """Maps noise, float32 (N, z_dim + w_dim), to the latent w, float32 (N, w_dim).

    Real punks leave gaps in w (there is nothing between two hats) that Gaussian noise would fill.
    The first z_dim numbers determine the mean of w; the remaining w_dim numbers are scaled by a
    learned standard deviation and added to it.
    """

    def __init__(self, z_dim: int, w_dim: int, condition_dim: int = 0) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.layers: nn.Sequential = build_mlp(z_dim + condition_dim, 384, 384, 384, w_dim)
        self.log_std: nn.Parameter = nn.Parameter(torch.zeros(w_dim))

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        z, residual = noise[:, : self.z_dim], noise[:, self.z_dim :]
        return self.mean(z, condition) + self.log_std.exp() * residual

    def mean(self, z: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        w: torch.Tensor = self.layers(concat_condition(z, condition))
        return w


class Generator(nn.Module):
    """Maps noise, float32 (N, noise_dim), and types to images in [-1, 1], (N, 4, 24, 24).

    The type is passed to the mapping network, and is embedded and concatenated to w. With `counts`,
    the last layer is a `PaletteHead`, and the channels of the color embedding follow.
    """

    def __init__(
        self,
        config: DcganConfig,
        shape: ImageShape = PUNK_SHAPE,
        counts: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        options, condition_dim, width = config.model, config.condition_dim, config.model.width
        z_dim, w_dim = options.z_dim, options.w_dim
        self.noise_dim: int = z_dim + w_dim
        self.shape: ImageShape = shape
        self.mapping: Mapping | None = Mapping(z_dim, w_dim, condition_dim) if w_dim else None
        self.embed: nn.Linear | None = (
            nn.Linear(condition_dim, CONDITION_EMBEDDING_DIM) if condition_dim else None
        )
        latent_dim = (w_dim or z_dim) + (CONDITION_EMBEDDING_DIM if condition_dim else 0)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim, 4 * width, shape.map_size, bias=False)
        ]
        for channels in (4 * width, 2 * width):
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        if counts is None:
            layers += [nn.ConvTranspose2d(width, shape.channels, 4, 2, 1), nn.Tanh()]
        else:
            channels = options.head_channels
            layers.append(nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            layers.append(PaletteHead(channels, counts, options.color_embedding_dim))
        self.layers: nn.Sequential = nn.Sequential(*layers)

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        images: torch.Tensor = self.layers[-1](self._map(noise, condition))
        return images[:, :, : self.shape.height, : self.shape.width]

    def sample(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Return palette indices, uint8 (N, 24, 24); without a palette head, as `forward`."""
        head = self.layers[-1]
        if isinstance(head, PaletteHead):
            return head.sample(self._map(noise, condition))
        return self.forward(noise, condition)

    def features(self, w: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        if self.embed is not None and condition is not None:
            w = torch.cat([w, self.embed(condition)], dim=1)
        features: torch.Tensor = self.layers[:-1](w[:, :, None, None])
        return features

    def _map(self, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        w = self.mapping(noise, condition) if self.mapping else noise
        return self.features(w, condition)


class DenseBranch(nn.Module):
    """Maps all channels of all pixels, float32 (N, C, H, W), to logits, (N,), by linear layers.

    An accessory is a set of colors at fixed positions, which one linear layer can recognize. Mean
    and standard deviation of the hidden units over the batch are added to the features of each
    image, so that a discriminator notices what is missing from a batch, for example glasses (after
    Salimans et al., "Improved Techniques for Training GANs", 2016, and Karras et al., "Progressive
    Growing of GANs", 2017). Images beyond `batch_size` are another batch.
    """

    def __init__(self, num_values: int, units: int, batch_size: int) -> None:
        super().__init__()
        self.batch_size: int = batch_size
        self.hidden: nn.Sequential = nn.Sequential(
            *build_mlp(num_values, units, units, activation=nn.LeakyReLU(0.2)), nn.LeakyReLU(0.2)
        )
        self.logit: nn.Sequential = build_mlp(3 * units, units, 1, activation=nn.LeakyReLU(0.2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.hidden((images + 1).flatten(1))
        batches = hidden.view(-1, min(len(hidden), self.batch_size), hidden.shape[1])
        mean = batches.mean(dim=1, keepdim=True)
        # The square root has no gradient at 0.
        std = (batches.var(dim=1, keepdim=True, correction=0) + 1e-4).sqrt()
        statistics = torch.cat([mean, std], dim=2).expand(-1, batches.shape[1], -1)
        features = torch.cat([hidden, statistics.flatten(0, 1)], dim=1)
        logits: torch.Tensor = self.logit(features)
        return logits.flatten()


class Discriminator(nn.Module):
    """Maps images in [-1, 1] and types to logits, float32 (N,); higher means more realistic.

    The type is compared with the features by projection (Miyato and Koyama, "cGANs with Projection
    Discriminator", 2018). In the recipe dcgan, there is batch normalization, as in Radford et al.;
    the logit of an image then depends on the other images of the batch.
    """

    def __init__(self, config: DcganConfig, shape: ImageShape = PUNK_SHAPE) -> None:
        super().__init__()
        width, condition_dim = config.model.width_D or config.model.width, config.condition_dim
        in_channels = shape.channels + config.model.color_embedding_dim
        self.padding: int = 8 * shape.map_size - shape.width
        layers = downsampling_layers(in_channels, width, normalize=not config.is_relativistic)
        self.layers: nn.Sequential = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, shape.map_size))
        feature_dim = 4 * width * shape.map_size**2
        self.project: nn.Linear | None = (
            nn.Linear(condition_dim, feature_dim, bias=False) if condition_dim else None
        )
        self.dense: DenseBranch | None = None
        if units := config.model.dense_units_D:
            num_values = in_channels * shape.width**2
            self.dense = DenseBranch(num_values, units, local_batch_size(config.batch_size))

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        dense_logits = self.dense(images) if self.dense else 0.0
        if self.padding:
            images = F.pad(images, (0, self.padding, 0, self.padding), value=-1.0)
        features = self.layers[:-1](images)
        logits: torch.Tensor = self.layers[-1](features).flatten() + dense_logits
        if self.project is not None and condition is not None:
            projected = self.project(condition)
            similarity = (projected * features.flatten(1)).sum(dim=1)
            logits = logits + similarity / projected.shape[1] ** 0.5
        return logits.float()


class MLPGenerator(nn.Module):
    """Fully connected, unconditional baseline, after Goodfellow et al. (2014)."""

    def __init__(self, config: DcganConfig, shape: ImageShape = PUNK_SHAPE) -> None:
        super().__init__()
        width = config.model.width
        self.noise_dim: int = config.model.z_dim
        self.shape: ImageShape = shape
        dims = (self.noise_dim, 4 * width, 8 * width, 16 * width, shape.channels * shape.width**2)
        self.layers: nn.Sequential = nn.Sequential(
            *build_mlp(*dims, activation=nn.LeakyReLU(0.2)), nn.Tanh()
        )

    def forward(self, noise: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        images: torch.Tensor = self.layers(noise)
        return images.view(-1, *self.shape)

    sample = forward


class MLPDiscriminator(nn.Module):
    def __init__(self, config: DcganConfig, shape: ImageShape = PUNK_SHAPE) -> None:
        super().__init__()
        width = config.model.width
        dims = (shape.channels * shape.width**2, 8 * width, 4 * width, 1)
        self.layers: nn.Sequential = build_mlp(*dims, activation=nn.LeakyReLU(0.2))

    def forward(self, images: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images.flatten(1))
        return logits.flatten().float()


AnyGenerator = Generator | MLPGenerator
AnyDiscriminator = Discriminator | MLPDiscriminator


def build_generator(
    config: DcganConfig, shape: ImageShape, counts: torch.Tensor | None
) -> AnyGenerator:
    if config.recipe == "mlp":
        return MLPGenerator(config, shape)
    return Generator(config, shape, counts)


def build_mlp(*dims: int, activation: nn.Module | None = None) -> nn.Sequential:
    """Return linear layers between consecutive dimensions, separated by an activation (SiLU)."""
    layers: list[nn.Module] = []
    for in_dim, out_dim in itertools.pairwise(dims):
        layers += [nn.Linear(in_dim, out_dim), activation or nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def downsampling_layers(in_channels: int, width: int, *, normalize: bool) -> list[nn.Module]:
    """Return three convolutions of stride 2 with `width`, 2 and 4 times as many channels."""
    layers = [nn.Conv2d(in_channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for channels in (width, 2 * width):
        layers.append(nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=not normalize))
        layers += [nn.BatchNorm2d(2 * channels)] if normalize else []
        layers.append(nn.LeakyReLU(0.2))
    return layers


def concat_condition(latent: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    """Concatenate a latent (N, a) and a condition (N, b) to (N, a + b); None adds nothing."""
    return latent if condition is None else torch.cat([latent, condition], dim=1)


def initialize(network: nn.Module) -> None:
    """Sample convolutions from N(0, 0.02), and normalization scales from N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
            nn.init.zeros_(module.bias)


def reestimate_normalization(
    model: AnyGenerator,
    seed: int,
    batch_size: int,
    condition: torch.Tensor | None = None,
    num_batches: int = 50,
) -> None:
    """Recompute the batch-normalization statistics of a generator from generated batches.

    Averaged weights have never been used in a training batch, so the statistics collected during
    training do not fit them. Conditions, (M, condition_dim), are used in order and repeated. The
    model is left in evaluation mode.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # Use a plain mean over the batches.
    device = next(model.parameters()).device
    random = torch.Generator(device).manual_seed(seed)
    model.train()
    with torch.no_grad():
        for batch in range(num_batches if norms else 0):
            noise = torch.randn(batch_size, model.noise_dim, generator=random, device=device)
            rows = torch.arange(batch * batch_size, (batch + 1) * batch_size, device=device)
            model(noise, None if condition is None else condition[rows % len(condition)])
    model.eval()
