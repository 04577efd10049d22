from __future__ import annotations

from typing import Any

import pytest

from punkdata.errors import UsageError
from punkmodels.choices import DEFAULT_RECIPE
from punkmodels.gan.config import DcganConfig, make_config


def test_chosen_options_override_recipe_and_preset() -> None:
    vae_gan, dcgan = make_config(recipe="vae-gan"), make_config(recipe="dcgan")
    assert vae_gan == DcganConfig()
    assert make_config().recipe == DEFAULT_RECIPE
    assert (dcgan.model.head, dcgan.loss.r1_gamma) == ("rgba", 0)
    assert (dcgan.optimizer.beta_1, dcgan.optimizer.lr) == (0.5, 2e-4)
    changed = make_config("best", "dcgan", optimizer={"lr": "0.5"}).optimizer
    assert (changed.lr, changed.beta_1) == (0.5, 0.5)
    assert make_config("best", "vae-gan").total_images > vae_gan.total_images
    assert make_config(recipe="mlp") == dcgan.model_copy(update={"recipe": "mlp"})


def test_adversarial_recipe_has_a_dense_branch_in_place_of_an_encoder() -> None:
    model = make_config("best", "adversarial").model
    assert not model.w_dim
    assert model.dense_units_D
    assert model.width == make_config("best", "vae-gan").model.width


def test_other_images_train_an_rgba_head_without_an_encoder() -> None:
    config = make_config(image_dir="digits")
    assert config.recipe == "adversarial"
    assert (config.model.head, config.model.w_dim, config.optimizer.beta_1) == ("rgba", 0, 0)
    assert make_config(recipe="dcgan", image_dir="digits").optimizer.beta_1 == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "modern"}, "recipe = modern: must be 'vae-gan', 'adversarial', 'dcgan' or"),
        ({"recipe": "vae-gan", "model": {"head": "rgba"}}, "choose recipe=adversarial and"),
        ({"recipe": "vae-gan", "model": {"w_dim": 0}}, "choose recipe=adversarial"),
        ({"recipe": "dcgan", "model": {"w_dim": 3}}, "the recipe dcgan has no encoder"),
        ({"recipe": "vae-gan", "image_dir": "x"}, "cannot be combined with conditional=, recipe"),
        ({"recipe": "mlp", "conditional": "type"}, "mlp has neither a palette head nor"),
        ({"recipe": "mlp", "model": {"head": "palette"}}, "mlp has neither a palette head nor"),
        ({"recipe": "mlp", "model": {"dense_units_D": 9}}, "mlp has neither model.width_D nor"),
        ({"image_dir": "digits", "conditional": "type"}, "cannot be combined with conditional"),
        ({"image_dir": "x", "model": {"head": "palette"}}, "cannot be combined with cond"),
        ({"recipe": "dcgan", "loss": {"r1_gamma": 1}}, "dcgan has no gradient penalties"),
        ({"model": {"widht": 3}}, "no training option model.widht; did you mean model.width"),
        ({"optimizer": {"lr": "fast"}}, "optimizer.lr = fast"),
    ],
    ids=str,
)
def test_contradicting_and_unknown_options_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_config(**options)
