"""Hyperparameter search of a classifier with Optuna: TPE proposes options, Hyperband prunes trials.

    runs/tune-mlp/study.db        all trials, in SQLite; a search can be resumed, even after a kill
    runs/tune-mlp/trials/00007-…  the run of the best trial; other runs are deleted
    runs/tune-mlp/trials.csv      one line per trial
    runs/tune-mlp/best.json       options of the best trial, and its scores on the test split
    runs/tune-mlp/history.png, parallel.png and importance.png

Trials are compared on the validation split. The test split is used only for the best trial.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from punkdata.charts import load_matplotlib
from punkdata.errors import DataError, DivergedError, StorageError, UsageError
from punkdata.extras import translate_missing_package
from punkdata.files import lock_root, translate_os_errors, write_atomic
from punkdata.progress import Progress
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.classifier.tune_plots import write_plots
from punkmodels.data.splits import load_split
from punkmodels.training.run_dir import list_runs, write_json

if TYPE_CHECKING:
    import optuna

TunableModel = Literal["mlp", "published"]
SearchSpace = Callable[["optuna.Trial"], dict[str, Any]]
TRIALS_DIR = "trials"
"""Subfolder for the runs of the trials; only runs in it are ever deleted."""


def mlp_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest options of the model `mlp`."""
    return {
        "batch_size": trial.suggest_categorical("batch_size", [128, 256, 512, 1024]),
        "peak_lr": trial.suggest_float("peak_lr", 5e-4, 2e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.7),
        "hidden": trial.suggest_categorical("hidden", [64, 128, 256, 512]),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.5, log=True),
        "class_balance": trial.suggest_float("class_balance", 0.0, 1.0),
        "ridge_penalty": trial.suggest_float("ridge_penalty", 0.1, 100.0, log=True),
        "composed_share": trial.suggest_float("composed_share", 0.3, 0.9),
        "difficult_share": trial.suggest_float("difficult_share", 0.0, 0.6),
    }


def published_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest options of the model `published`, those of its public sweep, in ranges of our own."""
    return {
        "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
        "peak_lr": trial.suggest_float("peak_lr", 1e-4, 1e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "width": trial.suggest_categorical("width", [16, 32, 64]),
        "depth": trial.suggest_int("depth", 2, 4),
    }


def tune_classifier(  # noqa: PLR0913  # a public function whose options are keyword-only
    root: Path,
    folder: Path,
    model: TunableModel = "mlp",
    *,
    trials: int = 20,
    epochs: int | None = None,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    seed: int = 0,
    space: SearchSpace | None = None,
    progress: Progress = lambda done, total, note="": None,
) -> dict[str, Any]:
    """Search for better options, evaluate the best trial on the test split, and return best.json.

    `folder` contains the study; an existing one is resumed, and `trials` includes its trials.
    `epochs` are those of a trial that is not pruned, and `seed` is that of the search and of each
    trial; `model` determines the defaults of `epochs` and `space`. `progress` is called with the
    number of trials, their total, and a note. The other arguments are those of `train_classifier`.

    Raises MissingExtraError without Optuna, UsageError if the study has another model, seed,
    snapshot or number of epochs, DataError if it is damaged or no trial was trained to the end,
    BusyError if another process uses it, and the errors of `train_classifier`.
    """
    with translate_missing_package("the search"):
        import optuna

        load_matplotlib()  # Its configuration may be damaged; fail before the search.
    overrides: dict[str, Any] = {"seed": seed} | ({} if epochs is None else {"epochs": epochs})
    base = make_config(model=model, **overrides)
    space = space or {"mlp": mlp_space, "published": published_space}[model]
    # All trials use this snapshot, even if a newer one is built during the search.
    progress(0, None, "loading data")
    version = load_split(root, version, base.split_scheme, "val").version
    with lock_root(folder), _translate_storage_errors(folder):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        about = {"model": model, "epochs": base.epochs, "seed": seed, "version": version}
        study = _open_study(folder, about)
        train = partial(
            train_classifier,
            root,
            folder / TRIALS_DIR,
            version=version,
            device_name=device_name,
            threads=threads,
        )
        while (done := len(_ended(study))) < trials:
            on_epoch = partial(progress, done, trials)
            # A resumed search must not repeat its proposals.
            study.sampler = optuna.samplers.TPESampler(seed=seed + done)
            trial = study.ask()
            on_epoch(f"trial {trial.number + 1}")
            config = ClassifierConfig(**base.model_dump() | space(trial))
            try:
                study.tell(trial, _run_trial(trial, config, train, on_epoch))
            except (optuna.TrialPruned, DivergedError):
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            finally:
                _delete_other_runs(study, folder)
        progress(done, max(trials, done), "evaluating the best trial")
        return _write_results(study, root, folder, base)


def _run_trial(
    trial: optuna.Trial,
    config: ClassifierConfig,
    train: Callable[..., Path],
    progress: Callable[[str], None],
) -> float:
    """Return the lowest validation loss; raises TrialPruned if Hyperband stops the trial."""
    import optuna

    val_losses: list[float] = []

    def on_epoch_end(line: dict[str, Any]) -> None:
        epoch = line["epoch"] + 1
        progress(f"trial {trial.number + 1}, epoch {epoch} of {config.epochs}")
        # Report the best epoch so far, because a trial keeps the weights of its best epoch.
        val_losses.append(line["val_loss"])
        trial.report(min(val_losses), line["epoch"])
        if epoch < config.epochs and trial.should_prune():
            raise optuna.TrialPruned

    run = train(config, on_epoch_end=on_epoch_end)
    trial.set_user_attr("run", run.name)
    return min(val_losses)


def _delete_other_runs(study: optuna.Study, folder: Path) -> None:
    """Delete the runs of all trials but the best."""
    best = study.best_trial.user_attrs["run"] if _ended(study, "COMPLETE") else None
    with translate_os_errors(folder):
        for run in list_runs(folder / TRIALS_DIR):
            if run.name != best:
                shutil.rmtree(run)


def _open_study(folder: Path, about: dict[str, Any]) -> optuna.Study:
    """Create a study, or load an existing one and enqueue the trials of a killed process again."""
    import optuna

    file = folder / "study.db"
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name="classifier",
            load_if_exists=True,
            pruner=optuna.pruners.HyperbandPruner(1, about["epochs"], reduction_factor=3),
        )
    except Exception as error:
        # SQLAlchemy wraps the errors of sqlite3 in its own classes.
        if file.exists() and "sqlite3" in f"{error!r}":
            raise DataError(
                f"'{file}' is damaged ({str(error).splitlines()[0]})",
                hint=f"move the folder '{folder}' away to start a new study",
            ) from None
        raise
    before = study.user_attrs.get("about", about)
    if different := [f"{key}={before[key]}" for key in about if before[key] != about[key]]:
        raise UsageError(
            f"the study in '{folder}' was started with {' '.join(different)}",
            hint="use the same, or choose another folder with study=",
        )
    study.set_user_attr("about", about)
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)
    return study


@contextmanager
def _translate_storage_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the database of a study, for example on a full disk, into StorageError."""
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except StorageInternalError:
        raise StorageError(
            f"cannot write '{folder / 'study.db'}'",
            hint="free some disk space, then run the same command again",
        ) from None


def _ended(study: optuna.Study, *states: str) -> list[optuna.trial.FrozenTrial]:
    """Return the trials in one of the states, by default those that completed or were pruned."""
    return [t for t in study.trials if t.state.name in (states or ("COMPLETE", "PRUNED"))]


def _write_results(
    study: optuna.Study, root: Path, folder: Path, base: ClassifierConfig
) -> dict[str, Any]:
    """Evaluate the best trial on the test split, and write best.json, trials.csv and the plots."""
    if not _ended(study, "COMPLETE"):
        raise DataError("no trial was trained to the end", hint="increase trials=")
    best = study.best_trial
    run = folder / TRIALS_DIR / best.user_attrs["run"]
    evaluation = evaluate_classifier(run, root, "test")
    evaluation.save(run / "evaluation" / "test")
    result = {
        **study.user_attrs["about"],
        "path": str(folder),
        "run": str(run),
        "trials": len(_ended(study)),
        "pruned": len(_ended(study, "PRUNED")),
        "val_loss": study.best_value,
        "test": evaluation.scores["visible"],
        "searched_options": list(best.params),
        "options": base.model_dump() | best.params,
    }
    write_json(folder / "best.json", result)
    table = study.trials_dataframe(("number", "value", "state", "duration", "params"))
    write_atomic(folder / "trials.csv", table.to_csv(index=False).encode())
    write_plots(study, folder)
    return result
