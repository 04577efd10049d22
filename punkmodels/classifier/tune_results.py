"""Results of a hyperparameter search: the best trial, tables and plots."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punkdata.errors import DataError
from punkdata.files import write_atomic
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.training.run_dir import write_json

if TYPE_CHECKING:
    import optuna

PLOTS = ("history", "parallel", "importance")
TRIALS_DIR = "trials"
"""Subfolder for the runs of the trials; only runs in it are ever deleted."""


@dataclass(frozen=True)
class Study:
    """Summary of a hyperparameter search."""

    path: Path
    """Folder of the study."""
    trials: int
    """Number of trials that completed or were pruned."""
    pruned: int
    """Number of trials that were pruned."""
    run: Path
    """Run folder of the best trial."""
    config: ClassifierConfig
    """Configuration of the best trial."""
    searched_options: list[str]
    """Names of the options that were searched."""
    val_loss: float
    """Validation loss of the best trial."""
    test: dict[str, float]
    """Exact match and macro-AP of the best trial on the test split."""


def ended_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that completed or were pruned."""
    return [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]


def completed_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that were trained to the end."""
    return [t for t in study.trials if t.state.name == "COMPLETE"]


def best_trial(study: optuna.Study) -> optuna.trial.FrozenTrial:
    """Return the completed trial with the lowest validation loss.

    Raises:
        DataError: No trial completed.
    """
    if not completed_trials(study):
        raise DataError("no trial was trained to the end", hint="increase --trials")
    return study.best_trial


def write_results(
    study: optuna.Study, root: Path, folder: Path, base: ClassifierConfig, model: str
) -> Study:
    """Evaluate the best trial on the test split, and write tables and plots.

    Args:
        study: A study with at least one completed trial.
        root: Data root or snapshot folder.
        folder: Folder of the study.
        base: Options that are the same in all trials.
        model: Name of the model.

    Raises:
        DataError: No trial completed.
        StorageError: The disk is full or not writable.
    """
    best = best_trial(study)
    config = ClassifierConfig(**base.model_dump() | best.params)
    run = folder / TRIALS_DIR / best.user_attrs["run"]
    evaluation = evaluate_classifier(run, root)
    evaluation.save(run / "evaluation" / "test")
    scores = evaluation.scores["visible"]
    result = Study(
        path=folder,
        trials=len(ended_trials(study)),
        pruned=sum(t.state.name == "PRUNED" for t in study.trials),
        run=run,
        config=config,
        searched_options=list(best.params),
        val_loss=float(best.value or 0),
        test={
            "exact_match": scores["exact_match"],
            "macro_ap": scores["macro_average_precision"],
        },
    )
    about = {
        "model": model,
        "trial": best.number,
        "run": f"{TRIALS_DIR}/{run.name}",
        "val_loss": result.val_loss,
        "test": result.test,
        "options": config.model_dump(),
    }
    write_json(folder / "best.json", about)
    table = study.trials_dataframe(("number", "value", "state", "duration", "params"))
    write_atomic(folder / "trials.csv", table.to_csv(index=False).encode())
    for name in PLOTS:
        if png := _render_plot(study, name):
            write_atomic(folder / f"{name}.png", png)
    return result


def _render_plot(study: optuna.Study, name: str) -> bytes | None:
    """Return a plot as PNG, or None if there are too few, or too similar, trials for it."""
    if name == "importance" and len(completed_trials(study)) < 2:
        return None
    from matplotlib.pyplot import close, gcf
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.visualization import matplotlib as plots

    # On a linear scale, the worst trials would hide the differences between the best ones.
    target: dict[str, Any] = {
        "target": lambda trial: math.log10(trial.value),
        "target_name": "log10 of the validation loss",
    }
    try:
        if name == "history":
            plots.plot_optimization_history(study, **target)
        elif name == "parallel":
            plots.plot_parallel_coordinate(study, **target)
        else:
            evaluator = PedAnovaImportanceEvaluator()
            plots.plot_param_importances(study, evaluator=evaluator, **target)
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None
    figure = gcf()
    figure.set_size_inches(11, 5)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    close(figure)
    return buffer.getvalue()
