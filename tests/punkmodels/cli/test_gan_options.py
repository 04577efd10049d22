from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from punkdata.errors import UsageError
from punkmodels.cli.gan_options import (
    Conditional,
    Head,
    Network,
    Preset,
    Recipe,
    config_from_options,
)
from punkmodels.gan.config import make_config


def test_defaults_are_the_quick_preset_of_the_modern_recipe() -> None:
    assert config_from_options() == make_config("quick", "modern")
    assert config_from_options(preset=Preset.BEST) == make_config("best", "modern")


def test_mlp_uses_the_classic_recipe_by_default() -> None:
    config = config_from_options(network=Network.MLP)
    assert (config.network, config.recipe) == ("mlp", "classic")
    config = config_from_options(network=Network.MLP, recipe=Recipe.MODERN)
    assert config.recipe == "modern"


@pytest.mark.parametrize("options", [{"head": Head.RGBA}, {"encoder": False}], ids=str)
def test_modern_recipe_works_without_an_encoder(options: dict[str, Any]) -> None:
    assert config_from_options(**options).w_dim == 0


def test_each_process_has_its_norm_group_by_default() -> None:
    assert config_from_options(world_size=4).norm_groups == 4
    assert config_from_options(world_size=4, norm_groups=8).norm_groups == 8


def test_image_dir_trains_an_rgba_head() -> None:
    config = config_from_options(image_dir=Path("digits"))
    assert (config.trains_on_punks, config.head) == (False, "rgba")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"recipe": Recipe.CLASSIC, "encoder": True},
            "--encoder requires the palette head; remove --encoder, or --recipe classic$",
        ),
        ({"recipe": Recipe.CLASSIC, "r1_gamma": 1.0}, "no gradient penalties"),
        (
            {"network": Network.MLP, "head": Head.PALETTE},
            "^--head palette cannot be combined with --network mlp",
        ),
        ({"network": Network.MLP, "conditional": Conditional.TYPE}, "remove --conditional, or"),
        (
            {"image_dir": Path("x"), "conditional": Conditional.TYPE},
            "^--conditional cannot be combined with --image-dir",
        ),
        (
            {"image_dir": Path("x"), "head": Head.PALETTE, "encoder": True},
            "^--head palette and --encoder cannot be combined with --image-dir: only punks have",
        ),
    ],
    ids=str,
)
def test_contradicting_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config_from_options(**options)
