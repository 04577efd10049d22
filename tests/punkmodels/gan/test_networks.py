from __future__ import annotations

import math

import pytest
import torch
from support.gan import small_config
from torch import nn

from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.config import make_config
from punkmodels.gan.networks import (
    Discriminator,
    Generator,
    ImageShape,
    MLPDiscriminator,
    MLPGenerator,
    initialize,
    reestimate_normalization,
)

DCGAN, TYPES = small_config("dcgan"), small_config(conditional="type")
INDICES = torch.randint(0, 9, (40, 24, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
COUNTS = color_counts(INDICES)


def test_generators_return_images_that_their_discriminators_accept() -> None:
    for generator, discriminator in (
        (Generator(DCGAN), Discriminator(DCGAN)),
        (Generator(small_config(), counts=COUNTS), Discriminator(small_config())),
        (MLPGenerator(DCGAN), MLPDiscriminator(DCGAN)),
    ):
        images = generator(torch.randn(5, generator.noise_dim))
        assert images.shape[2:] == (24, 24)
        assert images.abs().max() <= 1
        logits = discriminator(images)
        assert (logits.shape, logits.dtype) == ((5,), torch.float32)


@pytest.mark.parametrize("size", [8, 21, 28])
def test_other_image_sizes_are_supported(size: int) -> None:
    shape = ImageShape(1, size, size)
    images = Generator(DCGAN, shape)(torch.randn(3, 8))
    assert images.shape == (3, 1, size, size)
    assert Discriminator(DCGAN, shape)(images).shape == (3,)


def test_layers_have_the_sizes_of_radford_et_al() -> None:
    config = make_config(recipe="dcgan")
    layers = [m for m in Generator(config).layers if isinstance(m, nn.ConvTranspose2d)]
    assert [m.kernel_size[0] for m in layers] == [3, 4, 4, 4]
    assert [m.out_channels for m in layers] == [256, 128, 64, 4]
    layers = [m for m in Discriminator(config).layers if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in layers] == [64, 128, 256, 1]
    shapes = [tuple(p.shape) for p in MLPGenerator(config).parameters() if p.ndim == 2]
    assert shapes == [(256, 100), (512, 256), (1024, 512), (2304, 1024)]
    shapes = [tuple(p.shape) for p in MLPDiscriminator(config).parameters() if p.ndim == 2]
    assert shapes == [(512, 2304), (256, 512), (1, 256)]


def test_only_the_classic_discriminator_sees_the_whole_batch() -> None:
    for config, is_alone in ((small_config(), True), (DCGAN, False)):
        images = to_rgba(INDICES, color_table(color_embedding_dim=config.model.color_embedding_dim))
        network = Discriminator(config)
        assert torch.allclose(network(images)[:1], network(images[:2])[:1], atol=1e-5) == is_alone


def test_dense_branch_sees_statistics_of_each_batch_by_itself() -> None:
    config = small_config(batch_size=6, model={"width_D": 4, "dense_units_D": 7})
    network = Discriminator(config)
    assert network.dense
    assert network.layers[0].out_channels == 4
    real, generated = torch.randn(2, 6, 12, 24, 24).unbind(0)
    logits = network(torch.cat([real, generated]))
    assert torch.allclose(logits, torch.cat([network(real), network(generated)]), atol=1e-5)
    # Another image in the same batch changes the logit of the first one.
    changed = torch.cat([real[:5], real[5:] + 1])
    assert not torch.allclose(network(changed)[:1], network(real)[:1], atol=1e-5)
    # Images without any difference have finite gradients.
    network(torch.zeros(6, 12, 24, 24)).sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_mapping_scales_the_residual_noise_by_its_std() -> None:
    model = Generator(small_config(), counts=COUNTS)
    assert model.noise_dim == 8 + 6
    noise = torch.randn(50, 14)
    noise[:, :8] = noise[:1, :8]
    assert model.mapping
    with torch.no_grad():
        model.mapping.log_std.fill_(-3)
        w = model.mapping(noise)
    expected = (noise[:, 8:] - noise[:1, 8:]) * math.exp(-3)
    assert torch.allclose(w - w[:1], expected, atol=1e-5)


def test_reestimated_normalization_fits_the_current_weights() -> None:
    model = Generator(DCGAN)
    initialize(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    z = torch.randn(500, 8)
    before = model.eval()(z)
    reestimate_normalization(model, seed=0, batch_size=100, num_batches=20)
    after = model(z)
    assert not model.training
    with torch.no_grad():
        expected = model.train()(z)
    assert (after - expected).abs().mean() < 0.2 * (before - expected).abs().mean()


def test_type_reaches_mapping_and_embedding() -> None:
    model = Generator(TYPES, counts=COUNTS).eval()
    noise = torch.randn(4, model.noise_dim)
    model(noise, torch.eye(5)[:4]).square().sum().backward()
    assert model.mapping
    assert model.embed
    for weight in (model.mapping.layers[0].weight, model.embed.weight):
        gradient = weight.grad.abs().amax(dim=0)[-5:]
        assert gradient[:4].min() > 0
        assert gradient[4] == 0, "the fifth type is not in the batch"


def test_type_changes_the_logit_of_a_conditional_discriminator_only() -> None:
    image = torch.randn(1, 12, 24, 24)
    for config, is_equal in ((TYPES, False), (small_config(), True)):
        network = Discriminator(config)
        first, second = (network(image, torch.eye(5)[[i]]) for i in (0, 1))
        assert torch.equal(first, second) == is_equal
