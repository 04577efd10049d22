"""Lists of the training options of each model."""

from __future__ import annotations

from punkdata.arguments import choice_error
from punkdata.report import Report, Row
from punkmodels.classifier import config as classifiers
from punkmodels.gan import config as gans
from punkmodels.label_sets import config as label_sets
from punkmodels.renderer import config as renderers
from punkmodels.training import config as training
from punkmodels.training.run_dir import TASKS, Task


def list_options(model: Task) -> Report:
    """List all training options of a model: type, default and description.

    Args:
        model: "classifier", "label-sets", "dcgan" or "renderer".

    Returns:
        A table, which a notebook shows. Defaults in parentheses are those of presets, recipes and
        networks.

    Raises:
        UsageError: There is no such model.

    Example:
        >>> punkmodels.list_options("classifier")
    """
    defaults: training.TrainingConfig
    variants: dict[str, training.TrainingConfig] = {}
    if model == "classifier":
        defaults = classifiers.make_config()
        variants |= {preset: classifiers.make_config(preset) for preset in classifiers.PRESETS}
        variants |= {name: classifiers.make_config(model=name) for name in classifiers.MODELS}
    elif model == "dcgan":
        defaults = gans.make_config()
        variants |= {preset: gans.make_config(preset) for preset in gans.PRESETS}
        variants |= {recipe: gans.make_config(recipe=recipe) for recipe in gans.RECIPES}
    elif model == "label-sets":
        defaults = label_sets.make_config()
        variants |= {preset: label_sets.make_config(preset) for preset in label_sets.PRESETS}
    elif model == "renderer":
        defaults = renderers.make_config()
        variants |= {preset: renderers.make_config(preset) for preset in renderers.PRESETS}
    else:
        raise choice_error("model", model, TASKS)
    options = training.list_options(defaults, variants)
    rows = []
    for option in options:
        others = ", ".join(f"{name}: {value}" for name, value in option.variants.items())
        default = f"{option.default} ({others})" if others else str(option.default)
        rows.append(Row(option.key, (option.type, default), option.description))
    return Report(rows, data={option.key: option._asdict() for option in options})
