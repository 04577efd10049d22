from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gan import CPU

from punkdata.errors import DataError
from punkmodels.data.palette import quantize
from punkmodels.gan.config import (
    BUNDLED_DCGAN,
    DcganConfig,
    build_generator,
    export_generator,
    load_generator,
    make_config,
    read_dcgan_config,
)
from punkmodels.gan.evaluate import SCORE_NAMES
from punkmodels.gan.generate import sample_batches
from punkmodels.gan.networks import Generator
from punkmodels.training.legacy_checkpoint import CheckpointMetadata, add_prefix, save_checkpoint
from punkmodels.training.pretrained import WEIGHTS_FILE
from punkmodels.training.run_dir import read_config

COUNTS = torch.randint(0, 4, (576, 222), generator=torch.Generator().manual_seed(0))
SMALL = {"width": 4, "head_channels": 3, "z_dim": 8}


def save_untrained_run(run: Path, head: str) -> tuple[Path, Generator]:
    """Write a run with an untrained generator."""
    config = make_config(head=head, **SMALL)
    (run / "checkpoints").mkdir(parents=True)
    saved_config = {
        "task": "dcgan",
        "options": config.__dict__,
        "data": {"version": "s2-0", "labels_hash": "0"},
        "device": {"name": "cpu", "threads": 1},
    }
    (run / "config.json").write_text(json.dumps(saved_config))
    model = build_generator(config, COUNTS).eval()
    metadata = CheckpointMetadata(step=1, finished=True)
    save_checkpoint(run, add_prefix("ema", model.state_dict()), metadata)
    return run, model


@pytest.mark.parametrize("head", ["palette", "rgba"])
def test_load_generator_reads_runs_and_exported_weights(head: str, tmp_path: Path) -> None:
    run, model = save_untrained_run(tmp_path / "run", head)
    z = torch.randn(3, model.noise_dim)
    assert torch.allclose(load_generator(run, CPU)(z), model(z), atol=1e-4)
    export_generator(run, tmp_path / "weights")
    assert (tmp_path / "weights" / WEIGHTS_FILE).exists()
    exported = load_generator(tmp_path / "weights", CPU)(z)
    assert (exported - model(z)).abs().mean() < 0.02  # half precision


def test_chosen_options_override_recipe_and_preset() -> None:
    modern, classic = make_config(), make_config(recipe="classic")
    assert modern == DcganConfig()
    assert (classic.head, classic.r1_gamma, classic.beta_1, classic.lr) == ("rgba", 0, 0.5, 2e-4)
    assert make_config("best", "classic", lr=0.5).lr == 0.5
    assert make_config("best").total_images > modern.total_images


def test_rgba_head_has_no_color_embedding_and_no_encoder() -> None:
    rgba = make_config(head="rgba")
    assert (rgba.color_embedding_dim, rgba.w_dim) == (0, 0)


def test_training_without_an_encoder_has_no_momentum() -> None:
    assert make_config().beta_1 == 0.9
    adversarial = make_config(w_dim=0)
    assert adversarial.color_embedding_dim == make_config().color_embedding_dim
    assert adversarial.beta_1 == 0
    assert make_config(w_dim=0, beta_1=0.5).beta_1 == 0.5


def test_labels_and_skin_tone_use_the_pixel_loss_instead_of_an_encoder() -> None:
    config = make_config(conditional="labels", skin_tone=True)
    assert (config.pixel_loss, config.w_dim) == (True, 0)
    assert (config.beta_1, config.class_balance) == (0.9, 0.5)
    assert not make_config(conditional="labels", skin_tone=True, recipe="classic").pixel_loss


def test_other_conditions_use_an_encoder() -> None:
    for options in (
        {"conditional": "labels"},
        {"conditional": "type", "skin_tone": True},
        {"conditional": "labels", "skin_tone": True, "pixel_loss": False},
    ):
        config = make_config(**options)  # type: ignore[arg-type]
        assert (config.pixel_loss, config.w_dim) == (False, DcganConfig.w_dim)
    adversarial = make_config(conditional="labels", skin_tone=True, pixel_loss=False, w_dim=0)
    assert adversarial.beta_1 == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "rgba", "w_dim": 4}, "encoder .* requires the palette head"),
        ({"pixel_loss": True}, "pixel loss requires"),
        ({"pixel_loss": True, "head": "rgba", "conditional": "labels"}, "pixel loss requires"),
        ({"network": "mlp", "head": "palette"}, "mlp network has no palette head"),
        ({"network": "mlp", "conditional": "labels"}, "mlp network has no palette head"),
        ({"trains_on_punks": False, "conditional": "type"}, "need punks as training images"),
    ],
    ids=str,
)
def test_contradicting_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build_generator(make_config(**options), COUNTS)


def test_run_of_a_classifier_is_refused(tmp_path: Path) -> None:
    run, _ = save_untrained_run(tmp_path / "run", "rgba")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"task": "classifier"}))
    with pytest.raises(DataError, match="is not a DCGAN"):
        read_dcgan_config(run)


@pytest.mark.parametrize("damage", ["width", "colors", "nan"])
def test_weights_that_do_not_fit_are_refused(damage: str, tmp_path: Path) -> None:
    run, model = save_untrained_run(tmp_path / "run", "palette")
    if damage == "width":
        config = json.loads((run / "config.json").read_text())
        config["options"]["width"] = 8
        (run / "config.json").write_text(json.dumps(config))
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if damage == "colors":
        del tensors["layers.12.colors"]
    if damage == "nan":
        tensors["layers.0.weight"][0] = torch.nan
    save_checkpoint(run, add_prefix("ema", tensors), CheckpointMetadata(step=2, finished=True))
    with pytest.raises(DataError):
        load_generator(run, CPU)


def test_bundled_weights_are_small_and_have_scores() -> None:
    assert (BUNDLED_DCGAN / WEIGHTS_FILE).stat().st_size < 5e6
    scores = read_config(BUNDLED_DCGAN)["scores"]
    assert set(scores["generated"]) == set(SCORE_NAMES) - {"type_accuracy"}
    assert set(scores["generated"]) == set(scores["train_reference"])


def test_bundled_generator_outputs_distinct_sprites_of_the_palette() -> None:
    raw = next(sample_batches(load_generator(BUNDLED_DCGAN, CPU), 100, seed=0))
    sprites, distance = quantize(raw)
    assert distance.max() < 0.01
    assert len(sprites.flatten(1).unique(dim=0)) == 100
