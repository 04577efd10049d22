from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from punkdata.errors import DataError
from punkdata.traits import decode_labels
from punkmodels.classifier.config import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.classifier.networks import logits_to_labels
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
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.label_conditions import conditions_from_names
from punkmodels.gan.networks import Generator
from punkmodels.training.checkpoint import CheckpointMetadata, add_prefix, save_checkpoint
from punkmodels.training.pretrained import WEIGHTS_FILE
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")
COUNTS = torch.randint(0, 4, (576, 222), generator=torch.Generator().manual_seed(0))
SMALL = {"width": 4, "head_channels": 3, "z_dim": 8}


def saved_run(folder: Path, head: str) -> tuple[Path, Generator]:
    config = make_config(head=head, **SMALL)
    (folder / "checkpoints").mkdir(parents=True)
    about = {
        "task": "dcgan",
        "options": config.__dict__,
        "data": {"version": "s2-0", "labels_hash": "0"},
        "device": {"name": "cpu", "threads": 1},
    }
    (folder / "config.json").write_text(json.dumps(about))
    model = build_generator(config, COUNTS).eval()
    facts = CheckpointMetadata(step=1, finished=True)
    save_checkpoint(folder, add_prefix("ema", model.state_dict()), facts)
    return folder, model


@pytest.mark.parametrize("head", ["palette", "rgba"])
def test_a_generator_comes_back_from_a_run_and_from_exported_weights(
    head: str, tmp_path: Path
) -> None:
    run, model = saved_run(tmp_path / "run", head)
    z = torch.randn(3, model.noise_dim)
    assert torch.equal(load_generator(run, CPU)(z), model(z))
    export_generator(run, tmp_path / "weights")
    assert (tmp_path / "weights" / WEIGHTS_FILE).exists()
    again = load_generator(tmp_path / "weights", CPU)(z)
    assert (again - model(z)).abs().mean() < 0.02  # half precision


def test_recipes_differ_and_what_is_chosen_is_stronger() -> None:
    modern, classic = make_config(), make_config(recipe="classic")
    assert modern == DcganConfig()
    assert (classic.head, classic.r1_gamma, classic.beta_1, classic.lr) == ("rgba", 0, 0.5, 2e-4)
    assert make_config("best", "classic", lr=0.5).lr == 0.5
    rgba, alone = make_config(head="rgba"), make_config(w_dim=0)
    assert (rgba.color_embedding_dim, rgba.w_dim) == (0, 0), "these are of the palette's colors"
    assert (alone.color_embedding_dim, alone.beta_1, modern.beta_1) == (
        modern.color_embedding_dim,
        0,
        0.9,
    )
    assert make_config(w_dim=0, beta_1=0.5).beta_1 == 0.5
    assert make_config("best").total_images > modern.total_images


def test_what_is_asked_for_decides_who_teaches() -> None:
    """Labels and tone leave nothing open: the very punk can be shown. Else an encoder describes
    what they leave open.
    """
    both = make_config(conditional="labels", skin_tone=True)
    assert (both.pixel_loss, both.w_dim, both.beta_1, both.class_balance) == (True, 0, 0.9, 0.5)
    for config in (
        make_config(conditional="labels"),
        make_config(conditional="type", skin_tone=True),
    ):
        assert (config.pixel_loss, config.w_dim) == (False, DcganConfig.w_dim)
    unmatched = make_config(conditional="labels", skin_tone=True, pixel_loss=False)
    assert (unmatched.pixel_loss, unmatched.w_dim) == (False, DcganConfig.w_dim)
    alone = make_config(conditional="labels", skin_tone=True, pixel_loss=False, w_dim=0)
    assert alone.beta_1 == 0
    assert not make_config(conditional="labels", skin_tone=True, recipe="classic").pixel_loss


@pytest.mark.parametrize(
    "options",
    [
        {"head": "rgba", "w_dim": 4},
        {"pixel_loss": True},
        {"pixel_loss": True, "head": "rgba", "conditional": "labels"},
    ],
)
def test_teachers_without_a_palette_or_a_condition_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="of a palette head|palette head only"):
        build_generator(make_config(**options), COUNTS)


def test_a_run_that_is_no_dcgan_is_refused(tmp_path: Path) -> None:
    run, _ = saved_run(tmp_path / "run", "rgba")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"task": "classifier"}))
    with pytest.raises(DataError, match="is not a DCGAN"):
        read_dcgan_config(run)


@pytest.mark.parametrize("damage", ["width", "colors", "nan"])
def test_weights_that_do_not_fit_are_refused(damage: str, tmp_path: Path) -> None:
    run, model = saved_run(tmp_path / "run", "palette")
    if damage == "width":
        config = json.loads((run / "config.json").read_text())
        config["options"]["width"] = 8
        (run / "config.json").write_text(json.dumps(config))
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if damage == "colors":
        del tensors["layers.12.colors"]
    if damage == "nan":
        tensors["layers.0.weight"][0] = torch.nan
    facts = CheckpointMetadata(step=2, finished=True)
    save_checkpoint(run, add_prefix("ema", tensors), facts)
    with pytest.raises(DataError, match=r"do not match the network|NaN or infinite"):
        load_generator(run, CPU)


def test_the_generator_that_ships_is_small_and_draws_different_sprites_of_the_palette() -> None:
    assert (BUNDLED_DCGAN / WEIGHTS_FILE).stat().st_size < 5e6
    assert "frechet_distance" in read_config(BUNDLED_DCGAN)["scores"]["scores"]
    sprites, raw = generate_sprites(load_generator(BUNDLED_DCGAN, CPU), 100, seed=0)
    assert quantize(raw)[1].max() < 0.01
    assert len(sprites.flatten(1).unique(dim=0)) == 100


def test_the_generator_that_can_be_asked_draws_what_it_is_asked_for() -> None:
    sizes = [
        (folder / WEIGHTS_FILE).stat().st_size for folder in (BUNDLED_DCGAN, BUNDLED_CONDITIONAL)
    ]
    assert sum(sizes) < 10e6
    config = read_dcgan_config(BUNDLED_CONDITIONAL).options
    wishes = [("Zombie", ["3D Glasses"]), ("Female", ["Pipe", "Tiara"]), ("Alien", ["Hoodie"])]
    condition = torch.cat([conditions_from_names(config, 4, *wish, None) for wish in wishes])
    sprites, _ = generate_sprites(
        load_generator(BUNDLED_CONDITIONAL, CPU), 12, 0, condition=condition
    )
    seen = logits_to_labels(load_classifier(BUNDLED_CLASSIFIER, CPU)(sprites)).numpy()
    for i, (punk_type, accessories) in enumerate(wishes):
        for row in seen[4 * i : 4 * i + 4]:
            assert decode_labels(row) == (punk_type, tuple(accessories))
    assert detect_skin_tones(sprites)[4:8].tolist() == [1, 2, 3, 4]
