from __future__ import annotations

from typing import Any

import pytest

from punkdata.errors import UsageError
from punkmodels.gan.config import DcganConfig, make_config


def test_chosen_options_override_recipe_and_preset() -> None:
    modern, classic = make_config(), make_config(recipe="classic")
    assert modern == DcganConfig()
    assert (classic.model.head, classic.loss.r1_gamma) == ("rgba", 0)
    assert (classic.optimizer.beta_1, classic.optimizer.lr) == (0.5, 2e-4)
    changed = make_config("best", "classic", optimizer={"lr": "0.5"}).optimizer
    assert (changed.lr, changed.beta_1) == (0.5, 0.5)
    assert make_config("best").total_images > modern.total_images
    assert make_config(recipe="mlp") == classic.model_copy(update={"recipe": "mlp"})


def test_other_images_train_an_rgba_head_without_an_encoder() -> None:
    config = make_config(image_dir="digits")
    assert (config.model.head, config.model.w_dim, config.optimizer.beta_1) == ("rgba", 0, 0)
    assert make_config(recipe="classic", image_dir="digits").optimizer.beta_1 == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": {"head": "rgba"}}, "need the palette head: set model.w_dim=0"),
        ({"recipe": "mlp", "conditional": "type"}, "mlp has neither a palette head nor"),
        ({"recipe": "mlp", "model": {"head": "palette"}}, "mlp has neither a palette head nor"),
        ({"image_dir": "digits", "conditional": "type"}, "cannot be combined with conditional"),
        ({"image_dir": "x", "model": {"head": "palette"}}, "cannot be combined with cond"),
        ({"recipe": "classic", "loss": {"r1_gamma": 1}}, "classic has no gradient penalties"),
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
