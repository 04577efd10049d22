"""Plots of a hyperparameter search: its history, its options, and how much each of them matters.

Optuna's own plots are not used, because they need pyplot and thus the user's backend.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from punkdata.charts import chart_style, encode_figure
from punkdata.files import write_atomic

if TYPE_CHECKING:
    import optuna
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOR_MAP = "viridis"  # The best trials are dark.


def write_plots(study: optuna.Study, folder: Path) -> None:
    """Write history.png, parallel.png and, if enough trials differ, importance.png to a folder."""
    trials = [t for t in study.trials if t.state.name == "COMPLETE" and math.isfinite(_loss(t))]
    if not trials:
        return
    with chart_style():
        figures = {"history": _plot_history(trials), "parallel": _plot_options(trials)}
        if len(trials) > 1 and (importance := _compute_importance(study)):
            figures["importance"] = _plot_importance(importance)
        for name, figure in figures.items():
            write_atomic(folder / f"{name}.png", encode_figure(figure, dpi=110))


def _loss(trial: optuna.trial.FrozenTrial) -> float:
    return math.nan if trial.value is None else trial.value


def _create_figure() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    return figure, figure.subplots()


def _plot_history(trials: list[optuna.trial.FrozenTrial]) -> Figure:
    """Plot the validation loss of each completed trial, and the lowest one so far."""
    figure, axes = _create_figure()
    numbers, losses = [t.number for t in trials], [_loss(t) for t in trials]
    axes.plot(numbers, losses, "o", label="trial")
    axes.step(numbers, np.minimum.accumulate(losses), where="post", label="best so far")
    axes.set(title="History of the search", xlabel="trial", ylabel="val_loss", yscale="log")
    axes.locator_params(axis="x", integer=True)
    axes.legend()
    return figure


def _plot_options(trials: list[optuna.trial.FrozenTrial]) -> Figure:
    """Plot each completed trial as a line through its validation loss and its options."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    figure, axes = _create_figure()
    losses = np.array([_loss(t) for t in trials])
    names = [name for name in trials[0].params if all(name in t.params for t in trials)]
    columns = [_place(losses, losses.min(), losses.max(), is_log=True)]
    for x, name in enumerate(names, 1):
        distribution = trials[0].distributions[name]
        values = [t.params[name] for t in trials]
        if choices := getattr(distribution, "choices", None):
            ticks, places = list(choices), np.linspace(0, 1, len(choices))
            columns.append(places[[choices.index(value) for value in values]])
        else:
            low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
            is_log = distribution.log  # type: ignore[attr-defined]
            ticks, places = [low, high], np.array([0, 1])
            columns.append(_place(np.array(values), low, high, is_log=is_log))
        for tick, y in zip(ticks, places, strict=True):
            axes.annotate(f"{tick:g}", (x, y), (4, 0), textcoords="offset points", fontsize=8)
    color = ScalarMappable(LogNorm(losses.min(), losses.max()), COLOR_MAP)
    for *line, loss in sorted(zip(*columns, losses, strict=True), key=lambda t: -t[-1]):
        axes.plot(line, color=color.to_rgba(loss), alpha=0.8)
    axes.set_xticks(range(len(columns)), ["val_loss", *names], rotation=20, ha="right")
    axes.set(title="Options of the trials", yticks=[])
    axes.grid(axis="x")
    figure.colorbar(color, ax=axes, label="val_loss")
    return figure


def _place(values: Any, low: float, high: float, *, is_log: bool) -> Any:
    """Scale values from low to high to the range from 0 to 1."""
    if is_log:
        values, low, high = np.log(values), math.log(low), math.log(high)
    return (values - low) / ((high - low) or 1)


def _compute_importance(study: optuna.Study) -> dict[str, float]:
    """Return the importance of each option; nothing if trials are too few, or too similar."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings(action="ignore"):  # Optuna calls the evaluator experimental.
        try:
            return get_param_importances(
                study,
                evaluator=PedAnovaImportanceEvaluator(),
                target=lambda trial: math.log(_loss(trial)),
            )
        except (ValueError, RuntimeError, ZeroDivisionError):
            return {}


def _plot_importance(importance: dict[str, float]) -> Figure:
    """Plot the share of each option in the differences between good and bad trials."""
    figure, axes = _create_figure()
    names = sorted(importance, key=lambda name: importance[name])
    bars = axes.barh(names, [importance[name] for name in names])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(title="Importance of the options", xlabel="importance for val_loss (PED-ANOVA)")
    return figure
