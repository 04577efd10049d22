"""Hyperparameter search of a classifier with Optuna: TPE proposes options, Hyperband prunes trials.

A study is a folder:

    runs/tune-cnn/
        study.db            all trials, in SQLite; the search can be resumed, even after a kill
        trials/00007-…      the run of the best trial; other runs are deleted
        trials.csv          one line per trial
        best.json           options of the best trial, and its scores on the test split
        history.png, parallel.png, importance.png

Trials are compared on the validation split. The test split is used only for the best trial.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.files import lock_root, translate_os_errors
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.classifier.train import train_classifier
from punkmodels.classifier.tune_results import (
    TRIALS_DIR,
    Study,
    best_trial,
    completed_trials,
    ended_trials,
    write_results,
)
from punkmodels.classifier.tune_space import SEARCH_SPACES, SearchSpace, TunableModel
from punkmodels.data.splits import load_split
from punkmodels.training.run_dir import list_runs

if TYPE_CHECKING:
    import optuna

REDUCTION_FACTOR = 3
"""Factor by which Hyperband divides the number of trials, and multiplies their epochs, per rung."""


def tune_classifier(  # noqa: PLR0913  # a public function whose options are keyword-only
    root: Path,
    folder: Path,
    model: TunableModel = "cnn",
    *,
    trials: int = 20,
    epochs: int | None = None,
    version: str = "latest",
    device_name: str = "auto",
    threads: int | None = None,
    seed: int = 0,
    space: SearchSpace | None = None,
    progress: Callable[..., None] = lambda done, total, note="": None,
    log: Callable[[str], None] = lambda text: None,
) -> Study:
    """Search for better options, and evaluate the best trial on the test split.

    Args:
        root: Data root or snapshot folder.
        folder: Folder of the study; an existing study is resumed.
        model: Name of the model.
        trials: Total number of trials, including those of a resumed study.
        epochs: Epochs of a trial that is not pruned; by default those of the model.
        version: Version of the snapshot, or "latest".
        device_name: See `pick_device`.
        threads: Number of CPU threads; None to benchmark.
        seed: Random seed of the search and of each trial.
        space: Search space; by default that of the model, see `SEARCH_SPACES`.
        progress: Called with the number of trials, their total, and a note.
        log: Called with lines of text for the user.

    Raises:
        SetupError: Optuna is not installed.
        UsageError: The existing study has another model, seed, snapshot or number of epochs.
        DataError: The existing study is damaged, or no trial was trained to the end.
        BusyError: Another process uses the study.
        PunkError: See `train_classifier`.
    """
    try:
        import optuna
    except ImportError:
        raise SetupError("optuna is not installed", hint="pip install optuna") from None

    base = make_config(model=model, seed=seed)
    if epochs:
        base = base.model_copy(update={"epochs": epochs})
    # All trials use this snapshot, even if a newer one is built during the search.
    version = load_split(root, version, base.split_scheme, "val").version
    with lock_root(folder), _ignore_optuna_warnings():
        # Otherwise optuna logs a traceback after Ctrl-C.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = _open_study(folder, base.epochs)
        about = {"model": model, "epochs": base.epochs, "seed": seed, "version": version}
        _check_same_study(study, folder, about)
        study.set_user_attr("about", about)
        _requeue_interrupted_trials(study)
        done = len(ended_trials(study))
        search = _Search(
            root=root,
            folder=folder,
            base=base,
            space=space or SEARCH_SPACES[model],
            version=version,
            device_name=device_name,
            threads=threads,
            trials=max(trials, done),
            progress=progress,
        )
        # A resumed search must not repeat its proposals.
        study.sampler = optuna.samplers.TPESampler(seed=seed + done)
        log(f"{folder}: {done} of {search.trials} trials, at most {base.epochs} epochs each")
        progress(done, search.trials, "")
        study.optimize(
            partial(search.run_trial, study),
            n_trials=search.trials - done,
            callbacks=[search.on_trial_end],
        )
        return write_results(study, root, folder, base, model)


@dataclass(frozen=True)
class _Search:
    """Settings of all trials, and the functions that Optuna calls."""

    root: Path
    folder: Path
    base: ClassifierConfig
    space: SearchSpace
    version: str
    device_name: str
    threads: int | None
    trials: int
    progress: Callable[..., None]

    def run_trial(self, study: optuna.Study, trial: optuna.Trial) -> float:
        """Train with suggested options, and return the lowest validation loss.

        Raises:
            optuna.TrialPruned: Hyperband stopped the trial.
        """
        config = ClassifierConfig(**self.base.model_dump() | self.space(trial))
        val_losses: list[float] = []
        existing = set(list_runs(self.folder / TRIALS_DIR))
        try:
            run = train_classifier(
                self.root,
                self.folder / TRIALS_DIR,
                config,
                version=self.version,
                device_name=self.device_name,
                threads=self.threads,
                on_epoch_end=partial(self._on_epoch_end, study, trial, val_losses),
            )
        except BaseException:
            for unfinished in set(list_runs(self.folder / TRIALS_DIR)) - existing:
                shutil.rmtree(unfinished)
            raise
        trial.set_user_attr("run", run.name)
        return min(val_losses)

    def _on_epoch_end(
        self,
        study: optuna.Study,
        trial: optuna.Trial,
        val_losses: list[float],
        line: dict[str, Any],
    ) -> None:
        import optuna

        val_losses.append(line["val_loss"])
        note = f"trial {trial.number + 1}, epoch {line['epoch'] + 1} of {self.base.epochs}"
        self.progress(len(ended_trials(study)), self.trials, note)
        # Report the best epoch so far, because a trial keeps the weights of its best epoch.
        trial.report(min(val_losses), line["epoch"])
        is_last = line["epoch"] + 1 == self.base.epochs
        if not is_last and trial.should_prune():
            raise optuna.TrialPruned

    def on_trial_end(self, study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        """Delete the runs of all trials but the best, and report progress."""
        best_run, note = None, ""
        if completed_trials(study):
            best = best_trial(study)
            best_run, note = best.user_attrs["run"], f"best validation loss {best.value:.5f}"
        with translate_os_errors(self.folder):
            for run in list_runs(self.folder / TRIALS_DIR):
                if run.name != best_run:
                    shutil.rmtree(run)
        self.progress(len(ended_trials(study)), self.trials, note)


def _open_study(folder: Path, epochs: int) -> optuna.Study:
    """Create a study, or load an existing one.

    Raises:
        DataError: SQLite cannot read the file of the study.
    """
    import optuna

    file = folder / "study.db"
    try:
        return optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name="classifier",
            load_if_exists=True,
            direction="minimize",
            pruner=optuna.pruners.HyperbandPruner(1, epochs, REDUCTION_FACTOR),
        )
    except Exception as error:
        # SQLAlchemy wraps the errors of sqlite3 in its own classes.
        if file.exists() and "sqlite3" in f"{error!r}":
            raise DataError(
                f"{file} is damaged ({str(error).splitlines()[0]})",
                hint=f"move the folder {folder} away to start a new study",
            ) from None
        raise


def _check_same_study(study: optuna.Study, folder: Path, about: dict[str, Any]) -> None:
    """Check that an existing study was started with the same options.

    Raises:
        UsageError: The study was started with other options.
    """
    started_with = about | study.user_attrs.get("about", {})
    different = [
        f"--{name} {started_with[name]}" for name in about if started_with[name] != about[name]
    ]
    if different:
        raise UsageError(
            f"the study in {folder} was started with {' '.join(different)}",
            hint="add this to the command, or choose another folder with --study",
        )


def _requeue_interrupted_trials(study: optuna.Study) -> None:
    """Mark trials of a killed process as failed, and enqueue their options again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)


@contextmanager
def _ignore_optuna_warnings() -> Iterator[None]:
    """Ignore warnings that plots and other functions of Optuna are experimental."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="optuna.*")
        warnings.filterwarnings("ignore", message=".*experimental.*")
        yield
