"""Search for better options of a classifier: TPE proposes, Hyperband stops what falls behind.

As the published sweep did it, by optuna. A study is a folder:

    runs/tune-cnn/
        study.db            every trial, by optuna; it can be gone on with, also after a kill
        trials/00007-…      the run of the best trial; those of others are not kept
        trials.csv          one line a trial
        best.json           the best options, and their one score on the test part
        history.png, parallel.png, importance.png

What is best is decided on the validation part. The test part is scored once, at the end.
"""

from __future__ import annotations

import io
import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.files import lock_root, translate_os_errors, write_atomic
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import load_split
from punkmodels.training.run_dir import list_runs, write_json

if TYPE_CHECKING:
    import optuna

Tuned = Literal["cnn", "published"]
PLOTS = ("history", "parallel", "importance")
TRIALS = "trials"
"""the search's own folder, of which it deletes runs: a person's may lie anywhere else"""
FACTOR = 3
"""Hyperband gives each round of trials so many times as many epochs, and keeps one in so many"""


@dataclass(frozen=True)
class Study:
    path: Path
    trials: int
    pruned: int
    run: Path
    """of the best trial"""
    config: ClassifierConfig
    tried: list[str]
    """the options that were varied"""
    val_loss: float
    test: dict[str, float]
    """exact match and macro-AP of the best, on the test part"""


def published_space(trial: optuna.Trial) -> dict[str, Any]:
    """What the published sweep varied; by itself it began at 3 blocks of 64 filters."""
    return {
        "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
        "peak_lr": trial.suggest_float("peak_lr", 1e-4, 1e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "width": trial.suggest_categorical("width", [16, 32, 64]),
        "depth": trial.suggest_int("depth", 2, 4),
    }


def our_space(trial: optuna.Trial) -> dict[str, Any]:
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


SPACES = {"cnn": our_space, "published": published_space}


def tune_classifier(
    root: Path,
    folder: Path,
    model: Tuned = "cnn",
    *,
    trials: int = 20,
    epochs: int | None = None,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[..., None] = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
) -> Study:
    """Bring a study to as many trials, and score its best on the test part.

    Args:
        folder: of the study; one that is there is gone on with, by the same space.
        trials: in all, with those of earlier calls.
        epochs: of a trial that is not stopped early; by default those of the preset `quick`.
        report: progress in trials, with a note.

    Raises:
        SetupError: optuna is not installed.
        UsageError: the study there is of another model, seed or snapshot, or of other epochs.
        BusyError: another process is at work on it.
        Else as `train_classifier`.
    """
    try:
        import optuna
    except ImportError:
        raise SetupError("optuna is not installed", hint="pip install optuna") from None

    base = make_config(model=model, seed=seed)
    base = replace(base, epochs=epochs or base.epochs)
    # The same for all trials, whatever is built meanwhile.
    version = load_split(root, version, base.split_scheme, "val").version
    with lock_root(folder), _quiet():
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # or Ctrl-C is a traceback
        with _database(folder) as database:
            study = optuna.create_study(
                storage=f"sqlite:///{database}",
                study_name="classifier",
                load_if_exists=True,
                direction="minimize",
                pruner=optuna.pruners.HyperbandPruner(1, base.epochs, FACTOR),
            )
        about = {"model": model, "epochs": base.epochs, "seed": seed, "version": version}
        began = about | study.user_attrs.get("about", {})
        if other := [f"--{name} {began[name]}" for name in about if began[name] != about[name]]:
            raise UsageError(
                f"{folder} is a study with {' '.join(other)}",
                hint="add that, or choose another folder with --study",
            )
        study.set_user_attr("about", about)
        _begin_again(study)
        done = len(_ended(study))
        trials = max(trials, done)
        # Not the same proposals again after a stop.
        study.sampler = optuna.samplers.TPESampler(seed=seed + done)
        log(f"{folder}: {done} of {trials} trials, {base.epochs} epochs each at most")

        def objective(trial: optuna.Trial) -> float:
            config = replace(base, **SPACES[model](trial))
            lowest = float("inf")

            def watch(line: dict[str, Any]) -> None:
                nonlocal lowest
                lowest = min(lowest, line["val_loss"])
                epoch = f"epoch {line['epoch'] + 1} of {base.epochs}"
                progress(len(_ended(study)), trials, f"trial {trial.number + 1}, {epoch}")
                # Each epoch once: a trial's worth is its best epoch, as that is what is kept.
                trial.report(lowest, line["epoch"])
                is_last = line["epoch"] + 1 == base.epochs
                if not is_last and trial.should_prune():
                    raise optuna.TrialPruned

            before = set(list_runs(folder / TRIALS))
            try:
                run = train_classifier(
                    root,
                    folder / TRIALS,
                    config,
                    version=version,
                    device_name=device_name,
                    threads=threads,
                    on_epoch_end=watch,
                )
            except BaseException:
                for unfinished in set(list_runs(folder / TRIALS)) - before:
                    shutil.rmtree(unfinished)
                raise
            trial.set_user_attr("run", run.name)
            return lowest

        def note(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
            _keep_best_run(study, folder)
            ended = _ended(study)
            told = f"best validation loss {_best(study).value:.5f}" if _complete(study) else ""
            progress(len(ended), trials, told)

        progress(done, trials, "")
        study.optimize(objective, n_trials=trials - done, callbacks=[note])
        return _conclude(study, root, folder, base, model)


def _conclude(
    study: optuna.Study, root: Path, folder: Path, base: ClassifierConfig, model: Tuned
) -> Study:
    """Score the best, and write what a person looks at."""
    best = _best(study)
    config = replace(base, **best.params)
    run = folder / TRIALS / best.user_attrs["run"]
    scores = evaluate_classifier(run, root, "test", out=run / "evaluation" / "test").visible
    test = {"exact_match": scores.exact_match, "macro_ap": scores.macro_average_precision}
    found = Study(
        folder,
        len(_ended(study)),
        sum(t.state.name == "PRUNED" for t in study.trials),
        run,
        config,
        list(best.params),
        float(best.value or 0),
        test,
    )
    write_json(
        folder / "best.json",
        {
            "model": model,
            "trial": best.number,
            "run": f"{TRIALS}/{run.name}",
            "val_loss": found.val_loss,
            "test": test,
            "options": asdict(config),
        },
    )
    frame = study.trials_dataframe(("number", "value", "state", "duration", "params"))
    write_atomic(folder / "trials.csv", frame.to_csv(index=False).encode())
    for name in PLOTS:
        if picture := _plot(study, name):
            write_atomic(folder / f"{name}.png", picture)
    return found


def _plot(study: optuna.Study, name: str) -> bytes | None:
    """PNG by optuna; None where too few trials differ to say what matters."""
    if name == "importance" and len(_complete(study)) < 2:
        return None
    from matplotlib.pyplot import close, gcf
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.visualization import matplotlib as draw

    # Logarithms, or the worst trial would leave no room for the differences between the best.
    shown: dict[str, Any] = {
        "target": lambda trial: math.log10(trial.value),
        "target_name": "log10 of the validation loss",
    }
    try:
        if name == "history":
            draw.plot_optimization_history(study, **shown)
        elif name == "parallel":
            draw.plot_parallel_coordinate(study, **shown)
        else:
            evaluator = PedAnovaImportanceEvaluator()
            draw.plot_param_importances(study, evaluator=evaluator, **shown)
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None
    figure = gcf()
    figure.set_size_inches(11, 5)
    figure.tight_layout()
    file = io.BytesIO()
    figure.savefig(file, dpi=110)
    close(figure)
    return file.getvalue()


def _begin_again(study: optuna.Study) -> None:
    """Trials that a kill broke off are tried again with the same options."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)


def _ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]


def _complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [t for t in study.trials if t.state.name == "COMPLETE"]


def _best(study: optuna.Study) -> optuna.trial.FrozenTrial:
    if not _complete(study):
        raise DataError("no trial was trained to its end", hint="allow more --trials")
    return study.best_trial


def _keep_best_run(study: optuna.Study, folder: Path) -> None:
    kept = _best(study).user_attrs["run"] if _complete(study) else None
    with translate_os_errors(folder):
        for run in list_runs(folder / TRIALS):
            if run.name != kept:
                shutil.rmtree(run)


@contextmanager
def _database(folder: Path) -> Iterator[Path]:
    """The file of the trials; one that sqlite cannot read is named."""
    file = folder / "study.db"
    try:
        yield file
    except Exception as error:
        if file.exists() and "sqlite3" in f"{error!r}":
            raise DataError(
                f"{file} is damaged ({str(error).splitlines()[0]})",
                hint=f"move {folder} away, and begin anew",
            ) from None
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna calls its plots, and some of its methods, experimental."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="optuna.*")
        warnings.filterwarnings("ignore", message=".*experimental.*")
        yield
