"""Search spaces of the hyperparameter search of classifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import optuna

SearchSpace = Callable[["optuna.Trial"], dict[str, Any]]
"""Function that suggests options of `ClassifierConfig` for a trial."""
TunableModel = Literal["cnn", "published"]


def cnn_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest options of the model `cnn`."""
    return {
        "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128]),
        "peak_lr": trial.suggest_float("peak_lr", 5e-4, 2e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "width": trial.suggest_categorical("width", [8, 16, 32]),
        "hidden": trial.suggest_categorical("hidden", [64, 128, 256]),
        "color_embedding_dim": trial.suggest_categorical("color_embedding_dim", [4, 8, 16]),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.1, log=True),
        "class_balance": trial.suggest_float("class_balance", 0.0, 1.0),
        "pixel_noise": trial.suggest_float("pixel_noise", 0.0, 0.05),
    }


def published_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest options of the model `published`.

    These are the options that the public Keras script (see `PublishedCNN`) passes to its Weights &
    Biases sweep: batch size, learning rate, dropout, filters and number of blocks. The ranges are
    our own, because the configuration file of that sweep is not public.
    """
    return {
        "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
        "peak_lr": trial.suggest_float("peak_lr", 1e-4, 1e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "width": trial.suggest_categorical("width", [16, 32, 64]),
        "depth": trial.suggest_int("depth", 2, 4),
    }


SEARCH_SPACES: dict[TunableModel, SearchSpace] = {"cnn": cnn_space, "published": published_space}
