"""The command `punkmodels options`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import Json
from punkdata.report import Report, Row
from punkmodels.training.config import Option, TrainingConfig, list_options

EXAMPLES = (
    "Example: punkmodels options classifier\n\n"
    "Set one: punkmodels train classifier --set batch_size=32 --set dropout=0.1"
)


def list_training_options(
    model: Annotated[
        Literal["classifier", "dcgan", "renderer"],
        typer.Argument(metavar="MODEL", help="A model of punkmodels train."),
    ],
    as_json: Json = False,
) -> None:
    """List all training options: type, default (in brackets those of presets), and description."""
    options = list_options(*_CONFIGS[model]())
    rows = [Row(o.key, (o.type, _format_defaults(o)), o.description) for o in options]
    data = {option.key: option._asdict() for option in options}
    console.emit_report(Report(rows, data=data), as_json=as_json)


def _format_defaults(option: Option) -> str:
    variants = [f"{name}: {value}" for name, value in option.variants.items()]
    return f"{option.default} ({', '.join(variants)})" if variants else str(option.default)


def _classifier_configs() -> tuple[TrainingConfig, dict[str, TrainingConfig]]:
    """Return the default configuration, and those of other presets and models by their names."""
    from punkmodels.classifier.config import MODELS, make_config

    variants: dict[str, TrainingConfig] = {"best": make_config("best")}
    variants |= {name: make_config(model=name) for name in MODELS if name != "cnn"}
    return make_config(), variants


def _gan_configs() -> tuple[TrainingConfig, dict[str, TrainingConfig]]:
    from punkmodels.gan.config import PRESETS, make_config

    variants: dict[str, TrainingConfig] = {
        preset: make_config(preset) for preset in PRESETS if preset != "quick"
    }
    variants |= {recipe: make_config(recipe=recipe) for recipe in ("classic", "mlp")}
    return make_config(), variants


def _renderer_configs() -> tuple[TrainingConfig, dict[str, TrainingConfig]]:
    from punkmodels.renderer.config import make_config

    return make_config(), {"best": make_config("best")}


_CONFIGS = {
    "classifier": _classifier_configs,
    "dcgan": _gan_configs,
    "renderer": _renderer_configs,
}
