from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from pydantic import model_validator

from punkdata.errors import UsageError
from punkmodels.training.config import (
    Fraction,
    TrainingConfig,
    list_options,
    merge_options,
    validate_config,
)


class OptimizerConfig(TrainingConfig):
    lr: Fraction = 1e-3
    """Learning
    rate."""


class ToyConfig(TrainingConfig):
    head: Literal["palette", "rgba"] = "palette"
    """Output layer."""
    width: int = 8
    visible_only: bool = True
    optimizer: OptimizerConfig = OptimizerConfig()

    @model_validator(mode="after")
    def check(self) -> ToyConfig:
        if self.head == "rgba" and self.width == 1:
            raise ValueError("an rgba head needs a width above 1")
        return self


def test_text_is_converted_to_the_types_of_the_options() -> None:
    options = {"width": "16", "visible_only": "false", "optimizer": {"lr": "0.5"}}
    config = validate_config(ToyConfig, options)
    assert (config.width, config.visible_only, config.optimizer.lr) == (16, False, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "x"}, "head = x: must be 'palette' or 'rgba'"),
        ({"width": "wide"}, "width = wide: must be an integer"),
        ({"optimizer": {"lr": "2"}}, "optimizer.lr = 2: must be at most 1"),
        ({"optimizer": {"lr": "nan"}}, "optimizer.lr = nan: must be"),
        ({"wdith": "1"}, "there is no training option wdith; did you mean width?"),
        ({"optimizer": {"rate": 1}}, "there is no training option optimizer.rate; "),
        ({"lr": 1}, "did you mean optimizer.lr? list all: punkmodels options"),
        ({"learning_rate": 1}, "there is no training option learning_rate; did you mean optimi"),
        ({"zzz": "1"}, "there is no training option zzz; list all: punkmodels options"),
        ({"head": "rgba", "width": 1}, "an rgba head needs a width above 1"),
    ],
    ids=str,
)
def test_wrong_options_are_named_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        validate_config(ToyConfig, options)
    assert "\n" not in str(error.value)


def test_merge_options_merges_nested_options() -> None:
    first, second = {"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 3}, "e": 4}
    assert merge_options(first, second) == {"a": 1, "b": {"c": 3, "d": 2}, "e": 4}
    assert first == {"a": 1, "b": {"c": 1, "d": 2}}


def test_list_options_describes_nested_options_and_variants() -> None:
    large = ToyConfig(width=16, optimizer=OptimizerConfig(lr=0.1))
    options = {option.key: option for option in list_options(ToyConfig(), {"large": large})}
    assert list(options) == ["head", "width", "visible_only", "optimizer.lr"]
    assert options["head"].type == "palette | rgba"
    assert options["width"].variants == {"large": 16}
    lr = options["optimizer.lr"]
    assert lr == ("optimizer.lr", "float, >= 0, <= 1", 1e-3, {"large": 0.1}, "Learning rate.")
