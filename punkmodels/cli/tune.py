"""The commands below `punkmodels tune`."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.cli.progress import progress_bar
from punkdata.errors import StoppedError
from punkmodels.cli.options import DeviceName, DeviceOption, Runs, Seed, Threads
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels tune classifier --trials 20\n\n"
    "After a stop, or for more trials: the same command, or with more --trials"
)


class Tuned(StrEnum):
    CNN = "cnn"
    PUBLISHED = "published"


def tune_classifier(
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[
        Tuned,
        typer.Option(
            help="cnn: batch size, rate, dropout, sizes, decay, sampling, noise. published: batch "
            "size, rate, dropout, filters and depth, as the published sweep."
        ),
    ] = Tuned.CNN,
    trials: Annotated[
        int, typer.Option(min=1, help="How many, with those that the study has already.")
    ] = 20,
    epochs: Annotated[
        int | None,
        typer.Option(min=2, help="Of a trial that does not fall behind. (default: the model's)"),
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="The study's folder. (default: tune-<model> in --runs)")
    ] = None,
    seed: Seed = None,
    device: DeviceOption = DeviceName.AUTO,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Search for better options of a classifier, selected on validation, scored once on test.

    A trial takes as long as a training, or less: what falls behind is stopped early. Needs optuna.
    """
    from punkmodels.classifier import tune

    folder = study or runs / f"tune-{model.value}"
    try:
        with progress_bar("tuning", "trials") as progress:
            found = tune.tune_classifier(
                root,
                folder,
                model.value,
                trials=trials,
                epochs=epochs,
                version=version,
                device_name=device.value,
                threads=threads,
                seed=seed or 0,
                progress=progress,
                log=console.say,
            )
    except KeyboardInterrupt:
        raise StoppedError(
            f"stopped; what was tried is kept in {folder}", hint="run the same command again"
        ) from None
    if as_json:
        told = asdict(found) | {"path": str(found.path), "run": str(found.run)}
        console.emit_json(told)
        return
    console.emit(str(found.run))
    console.say(
        f"{found.trials} trials, {found.pruned} of them stopped early; the best has a validation "
        f"loss of {found.val_loss:.5f}"
    )
    for name in found.tried:
        console.say(f"  {name:16}{getattr(found.config, name):.6g}")
    console.say(
        f"on the test part: exact match {found.test['exact_match']:.4f}, macro-AP "
        f"{found.test['macro_ap']:.4f}"
    )
    pictures = [f"{name}.png" for name in tune.PLOTS]
    drawn = [name for name in pictures if (folder / name).exists()]
    console.say(f"in {folder}: {', '.join(['best.json', 'trials.csv', *drawn])}")
    if missing := [name for name in pictures if name not in drawn]:
        console.say(f"for {' and '.join(missing)} more --trials are needed")
