from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.gan import CPU, train_quickly

from punkmodels.data.palette import quantize
from punkmodels.data.splits import load_split
from punkmodels.gan.config import load_generator, make_config
from punkmodels.gan.generate import sample_batches
from punkmodels.gan.mlp import MLPDiscriminator, MLPGenerator

SMALL = {"network": "mlp", "width": 4, "total_images": 16 * 16, "batch_size": 16}


def test_generator_returns_images_and_discriminator_logits() -> None:
    images = MLPGenerator(7, width=2)(torch.randn(5, 7))
    assert images.shape == (5, 4, 24, 24)
    assert images.abs().max() <= 1
    logits = MLPDiscriminator(width=2)(images)
    assert (logits.shape, logits.dtype) == ((5,), torch.float32)


def test_layers_have_the_sizes_of_common_tutorials() -> None:
    shapes = [p.shape for p in MLPGenerator().parameters() if p.ndim == 2]
    assert [tuple(s) for s in shapes] == [(256, 100), (512, 256), (1024, 512), (2304, 1024)]
    shapes = [p.shape for p in MLPDiscriminator().parameters() if p.ndim == 2]
    assert [tuple(s) for s in shapes] == [(512, 2304), (256, 512), (1, 256)]


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_mlp_trains_with_both_recipes(recipe: str, built_root: Path, tmp_path: Path) -> None:
    config = make_config("quick", recipe, **SMALL)  # type: ignore[arg-type]
    run = train_quickly(built_root, tmp_path, config)
    assert run.name == f"00001-mlp-{recipe}-quick"
    model = load_generator(run, CPU)
    assert isinstance(model, MLPGenerator)
    raw = next(sample_batches(model, 6, seed=0))
    assert raw.shape == (6, 4, 24, 24)
    assert len(quantize(raw)[0].flatten(1).unique(dim=0)) == 6


def test_mlp_learns_that_the_top_row_is_transparent(built_root: Path, tmp_path: Path) -> None:
    options = SMALL | {"width": 16, "total_images": 16 * 120, "lr": 1e-3}
    run = train_quickly(built_root, tmp_path, make_config("quick", "classic", **options))
    raw = next(sample_batches(load_generator(run, CPU), 32, seed=0))
    real = load_split(built_root, "latest", "default", "train").images
    assert not real[:, 0].any()
    assert (quantize(raw)[0][:, 0] == 0).float().mean() > 0.9
    untrained = MLPGenerator()(torch.randn(32, 100)).detach()
    assert (quantize(untrained)[0][:, 0] == 0).float().mean() < 0.9
