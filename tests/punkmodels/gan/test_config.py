from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gan import CPU

from punkdata.errors import DataError
from punkdata.traits import decode_labels
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.palette import quantize
from punkmodels.data.skin_tones import detect_skin_tones
from punkmodels.gan.config import (
    BUNDLED_CONDITIONAL,
    BUNDLED_DCGAN,
    DcganConfig,
    build_generator,
    export_generator,
    load_generator,
    make_config,
    read_dcgan_config,
)
from punkmodels.gan.evaluation.conditional import ConditionalEvaluation
from punkmodels.gan.evaluation.report import GeneratorEvaluation
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.label_conditions import conditions_from_names
from punkmodels.gan.metrics.conditional import ConditionalScores
from punkmodels.gan.metrics.fidelity import FidelityScores
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


def test_bundled_weights_are_small() -> None:
    sizes = [(run / WEIGHTS_FILE).stat().st_size for run in (BUNDLED_DCGAN, BUNDLED_CONDITIONAL)]
    assert sizes[0] < 5e6
    assert sum(sizes) < 10e6


def test_bundled_scores_have_the_fields_of_an_evaluation() -> None:
    names = {field.name for field in fields(GeneratorEvaluation)} - {"source", "label_frequencies"}
    for run in (BUNDLED_DCGAN, BUNDLED_CONDITIONAL):
        scores = read_config(run)["scores"]
        assert set(scores) == names
        assert set(scores["scores"]) == {field.name for field in fields(FidelityScores)}
    conditional = read_config(BUNDLED_CONDITIONAL)["conditional"]
    names = {field.name for field in fields(ConditionalEvaluation)} - {"labels"}
    assert set(conditional) == names
    assert set(conditional["unseen"]) == {field.name for field in fields(ConditionalScores)}


def test_bundled_generator_outputs_distinct_sprites_of_the_palette() -> None:
    sprites, raw = generate_sprites(load_generator(BUNDLED_DCGAN, CPU), 100, seed=0)
    assert quantize(raw)[1].max() < 0.01
    assert len(sprites.flatten(1).unique(dim=0)) == 100


def test_bundled_conditional_generator_follows_its_conditions() -> None:
    spec = read_dcgan_config(BUNDLED_CONDITIONAL).options.condition_spec
    traits = [("Zombie", ["3D Glasses"]), ("Female", ["Pipe", "Tiara"]), ("Alien", ["Hoodie"])]
    condition = torch.cat([conditions_from_names(spec, 4, *punk, None) for punk in traits])
    model = load_generator(BUNDLED_CONDITIONAL, CPU)
    sprites, _ = generate_sprites(model, 12, 0, condition=condition)
    predicted = logits_to_labels(load_classifier(BUNDLED_CLASSIFIER, CPU)(sprites)).numpy()
    for i, (punk_type, accessories) in enumerate(traits):
        for row in predicted[4 * i : 4 * i + 4]:
            assert decode_labels(row) == (punk_type, tuple(accessories))
    assert detect_skin_tones(sprites)[4:8].tolist() == [1, 2, 3, 4]
