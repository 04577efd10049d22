"""The command `punkmodels tune classifier`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import StoppedError
from punkmodels.cli.options import DeviceOption, Runs, Seed, Threads
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels tune classifier --trials 20\n\n"
    "Resume a stopped search: the same command. More trials: the same command with more --trials"
)


def tune_classifier(
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[
        Literal["cnn", "published"],
        typer.Option(
            help="Model and options to search. cnn: batch size, learning rate, dropout, layer "
            "sizes, weight decay, sampling and pixel noise. published: batch size, learning rate, "
            "dropout, filters and depth."
        ),
    ] = "cnn",
    trials: Annotated[
        int,
        typer.Option(min=1, help="Total number of trials, including those of a resumed study."),
    ] = 20,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=2, help="Epochs of a trial that is not pruned. (default: depends on --model)"
        ),
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="Folder of the study. (default: tune-<model> in --runs)")
    ] = None,
    seed: Seed = None,
    device: DeviceOption = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Search for better options of a classifier with Optuna.

    Trials are compared on the validation split; only the best is evaluated on the test split. A
    trial takes as long as a training run, or less if it is pruned.
    """
    from punkmodels.classifier import tune

    folder = study or runs / f"tune-{model}"
    try:
        with console.progress_bar("tuning", "trials") as progress:
            result = tune.tune_classifier(
                root,
                folder,
                model,
                trials=trials,
                epochs=epochs,
                version=version,
                device_name=device,
                threads=threads,
                seed=seed or 0,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise StoppedError(
            f"stopped; the trials so far are stored in {folder}",
            hint="to resume, run the same command again",
        ) from None
    if as_json:
        console.emit_json(result)
        return
    console.emit(result["run"])
    options = (f"{name} {result['options'][name]:.4g}" for name in result["searched_options"])
    console.say(
        f"{result['trials']} trials, of which {result['pruned']} were pruned; lowest validation "
        f"loss {result['val_loss']:.5f} with {', '.join(options)}"
    )
    console.say(
        f"test split: exact match {result['test']['exact_match']:.4f}, macro-AP "
        f"{result['test']['macro_average_precision']:.4f}"
    )
    console.say(f"wrote best.json, trials.csv and plots of the trials to {result['path']}")
