"""Search for better options of a classifier from Python; `punkmodels tune` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from punkdata.arguments import choice_error
from punkdata.paths import expand_user
from punkdata.progress import Progress
from punkdata.snapshots.reader import open_snapshot
from punkmodels.choices import COUNT, SEED, THREADS, TRIAL_EPOCHS
from punkmodels.runs import Run, data_root, load_torch, show_progress
from punkmodels.training.config import require_in_bounds
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    import torch


def tune_classifier(  # noqa: PLR0913  # keyword arguments, as in train_classifier
    root: str | Path | None = None,
    *,
    model: Literal["mlp", "published"] = "mlp",
    trials: int = 20,
    epochs: int | None = None,
    study: str | Path | None = None,
    seed: int = 0,
    runs: str | Path = DEFAULT_RUNS,
    version: str = "latest",
    device: str | torch.device = "auto",
    threads: int | None = None,
    progress: bool | Progress = True,
) -> Run:
    """Search for better options of a classifier with Optuna.

    Trials are compared on the validation split; only the best one is evaluated on the test split.
    The folder of the study contains `trials.csv`, plots, and `best.json` with options and scores.

    Args:
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        model: Model and options to search: "mlp" or "published".
        trials: Total number of trials, including those of a study that is resumed.
        epochs: Epochs of a trial that is not pruned, at least 2; by default those of the model.
        study: Folder of the study, which is resumed if it exists; by default `tune-<model>` in
            `runs`.
        seed: Random seed of the search and of each trial.
        runs: Folder of all runs.
        version: Version of the snapshot, or "latest".
        device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.
        threads: Number of CPU threads; by default, it is benchmarked.
        progress: Whether to show a progress bar, or a callback that is called instead, with the
            number of trials, their total, and a note.

    Returns:
        The run of the best trial.

    Raises:
        MissingExtraError: Optuna is not installed.
        UsageError: An argument is not allowed, or differs from the study that is resumed.
        DataError: The snapshot or the study is damaged, or no trial was trained to the end.
        BusyError: Another process uses the study.
        KeyboardInterrupt: The search was interrupted; calling it again resumes it.

    Example:
        >>> run = punkmodels.tune_classifier("data", trials=20)
        >>> pandas.read_csv("runs/tune-mlp/trials.csv")
    """
    if model not in ("mlp", "published"):
        raise choice_error("model", model, ("mlp", "published"))
    require_in_bounds("trials", trials, COUNT)
    require_in_bounds("epochs", epochs, TRIAL_EPOCHS)
    require_in_bounds("seed", seed, SEED)
    require_in_bounds("threads", threads, THREADS)
    folder, data = expand_user(study or expand_user(runs) / f"tune-{model}"), data_root(root)
    open_snapshot(data, version)  # Without one, fail before PyTorch is loaded.
    if progress is True:
        load_torch()
    from punkmodels.classifier import tune

    try:
        with show_progress("tuning", "trials", progress) as (report, _):
            result = tune.tune_classifier(
                data,
                folder,
                model,
                trials=trials,
                epochs=epochs,
                version=version,
                device_name=str(device),
                threads=threads,
                seed=seed,
                progress=report,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; the trials so far are stored in '{folder}'; to resume, call tune_classifier "
            "again with the same arguments"
        ) from None
    return Run(Path(result["run"]), data)
