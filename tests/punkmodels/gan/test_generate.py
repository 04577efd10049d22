from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from support.gan import CPU, small_config

from punkdata.errors import DataError
from punkmodels.choices import DcganRecipe
from punkmodels.gan.generate import (
    BUNDLED_DCGAN,
    BUNDLED_VAE_GAN,
    export_generator,
    generate_images,
    load_generator,
    read_dcgan_config,
    sample_batches,
)
from punkmodels.gan.networks import PUNK_SHAPE, AnyGenerator, Generator, build_generator
from punkmodels.training.checkpoint import save_checkpoint
from punkmodels.training.pretrained import WEIGHTS_FILE
from punkmodels.training.run_dir import read_config


def test_first_sprites_of_a_seed_do_not_depend_on_the_count() -> None:
    model = Generator(small_config("dcgan")).eval()
    with torch.no_grad():
        model.layers[-2].weight.mul_(100)
    (few,) = sample_batches(model, 5, seed=1, batch_size=8)
    many = torch.cat(list(sample_batches(model, 9, seed=1, batch_size=8)))
    assert few.shape == (5, 4, 24, 24)
    assert many.shape == (9, 4, 24, 24)
    # Rounding depends on the batch size, and can in rare cases change a color.
    assert torch.allclose(few, many[:5], atol=1e-4)
    assert not torch.allclose(few, next(sample_batches(model, 5, seed=2, batch_size=8)), atol=0.1)


def test_images_of_punks_are_palette_indices_and_others_are_pixels() -> None:
    progress: list[tuple[int, int]] = []
    model = Generator(small_config("dcgan")).eval()
    sprites = generate_images(model, 5, 1, lambda *counts: progress.append(counts))
    assert (sprites.shape, sprites.dtype) == ((5, 24, 24), torch.uint8)
    assert progress == [(5, 5)]
    assert generate_images(model, 5, 1, is_punks=False).shape == (5, 4, 24, 24)


COUNTS = torch.randint(0, 4, (576, 222), generator=torch.Generator().manual_seed(0))
RGBA = {"head": "rgba", "w_dim": 0, "color_embedding_dim": 0}


def save_untrained_run(run: Path, recipe: str, **model: Any) -> AnyGenerator:
    """Write a run with an untrained generator."""
    config = small_config(recipe, model=model)
    (run / "checkpoints").mkdir(parents=True)
    saved_config = {
        "task": "dcgan",
        "options": config.model_dump(),
        "data": {"version": "s3-0", "labels_hash": "0"},
        "device": {"name": "cpu", "threads": 1},
    }
    (run / "config.json").write_text(json.dumps(saved_config))
    counts = COUNTS if config.model.head == "palette" else None
    generator = build_generator(config, PUNK_SHAPE, counts).eval()
    save_checkpoint(run, {"ema": generator.state_dict(), "step": config.num_steps})
    return generator


@pytest.mark.parametrize("recipe", get_args(DcganRecipe))
def test_load_generator_reads_runs_and_exported_weights(recipe: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    model = save_untrained_run(run, recipe)
    z = torch.randn(3, model.noise_dim)
    assert torch.allclose(load_generator(run, CPU)(z), model(z), atol=1e-4)
    export_generator(run, tmp_path / "weights")
    assert read_config(tmp_path / "weights")["trained"] == {"finished": True}
    exported = load_generator(tmp_path / "weights", CPU)(z)
    assert (exported - model(z)).abs().mean() < 0.02  # half precision


@pytest.mark.parametrize(
    ("old", "recipe"), [("modern", "vae-gan"), ("modern", "adversarial"), ("classic", "dcgan")]
)
def test_runs_and_weights_with_former_names_of_recipes_load(
    old: str, recipe: str, tmp_path: Path
) -> None:
    model = save_untrained_run(tmp_path / "run", recipe)
    config = read_config(tmp_path / "run")
    config["options"]["recipe"] = old
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert read_dcgan_config(tmp_path / "run").options.recipe == recipe
    export_generator(tmp_path / "run", tmp_path / "weights")
    assert recipe in (tmp_path / "weights" / "config.json").read_text()
    loaded = load_generator(tmp_path / "weights", CPU)
    assert loaded.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize(
    "change", [{"task": "classifier"}, {"options": {"network": "mlp"}}], ids=str
)
def test_run_of_another_model_or_version_is_refused(
    change: dict[str, object], tmp_path: Path
) -> None:
    save_untrained_run(tmp_path / "run", "dcgan")
    config = read_config(tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(DataError, match="is not a GAN of this version of punkmodels"):
        read_dcgan_config(tmp_path / "run")


@pytest.mark.parametrize("damage", ["width", "colors"])
def test_weights_that_do_not_fit_are_refused(damage: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    model = save_untrained_run(run, "vae-gan")
    if damage == "width":
        config = read_config(run)
        config["options"]["model"]["width"] = 8
        (run / "config.json").write_text(json.dumps(config))
    tensors = model.state_dict()
    if damage == "colors":
        del tensors["layers.12.colors"]
    save_checkpoint(run, {"ema": tensors, "step": 99})
    with pytest.raises(DataError, match="the weights of"):
        load_generator(run, CPU)


def test_bundled_weights_are_small_and_have_options_and_scores() -> None:
    for folder, recipe, max_bytes, max_distance, min_recall in (
        (BUNDLED_DCGAN, "adversarial", 3e6, 5, 0.6),
        (BUNDLED_VAE_GAN, "vae-gan", 5e6, 2, 0.7),
    ):
        assert (folder / WEIGHTS_FILE).stat().st_size < max_bytes
        assert read_dcgan_config(folder).options.recipe == recipe
        scores = read_config(folder)["scores"]["generated"]
        assert scores["frechet_distance"] < max_distance
        assert scores["recall"] > min_recall


def test_bundled_generator_outputs_distinct_sprites() -> None:
    for folder in (BUNDLED_DCGAN, BUNDLED_VAE_GAN):
        sprites = generate_images(load_generator(folder, CPU), 100, seed=0)
        assert (sprites.dtype, sprites.shape) == (torch.uint8, (100, 24, 24))
        assert len(sprites.flatten(1).unique(dim=0)) == 100
