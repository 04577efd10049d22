"""The command `punkmodels train classifier`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import UsageError
from punkmodels.classifier.config import ModelName, Preset, SplitScheme, Task
from punkmodels.cli.options import (
    DeviceOption,
    LoggerOption,
    Resume,
    Runs,
    Seed,
    Set,
    Threads,
    check_resume_options,
    find_model,
    handle_interrupt,
    parse_set,
    training_session,
)
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run, read_config

if TYPE_CHECKING:
    from punkmodels.classifier.config import ClassifierConfig

EXAMPLES = (
    "Example: punkmodels train classifier --seed 1 --set batch_size=32\n\n"
    "Resume a stopped run: punkmodels train classifier --resume latest"
)
DEFAULT_AUGMENT_FRACTION = 0.5
NAMED_KEYS = {
    *("preset", "model", "task", "split_scheme", "epochs"),
    *("augment_with", "augment_fraction", "seed"),
}
"""Keys of the configuration that have an option of their own."""


def train_classifier(
    context: typer.Context,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[
        ModelName,
        typer.Option(
            help="cnn: convolutional network, the most accurate. linear: one weight for each "
            "label, position and color. published: baseline modeled on a public Keras script. "
            "features: small network for the metrics of generators."
        ),
    ] = "cnn",
    task: Annotated[
        Task, typer.Option(help="labels: all 92 labels. type: the 5 types only.")
    ] = "labels",
    preset: Annotated[
        Preset,
        typer.Option(
            help="quick: under a minute on two cores. best: under ten minutes, only for "
            "--model cnn."
        ),
    ] = "quick",
    split_scheme: Annotated[
        SplitScheme,
        typer.Option(
            help="default: stratified. by_id: in the order of the ids, 8000/1000/1000. fold-1 to "
            "fold-5: cross-validation."
        ),
    ] = "default",
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of epochs. (default: depends on --preset and --model)"),
    ] = None,
    augment_with: Annotated[
        str | None,
        typer.Option(
            help="Add punks of this renderer to the training data: a run of train renderer, or "
            '"bundled-conditional". For a fair comparison, the renderer must be trained on the '
            "same split. (default: off)"
        ),
    ] = None,
    augment_fraction: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=10, help="Number of generated punks for each real one. (default: 0.5)"
        ),
    ] = None,
    seed: Seed = None,
    assignments: Set = None,
    device: DeviceOption = "auto",
    threads: Threads = None,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a classifier of types and accessories."""
    if resume:
        check_resume_options(context)
    from punkmodels.classifier import train as training
    from punkmodels.renderer.synthetic import examples_from_config

    resumed = find_run(runs, resume, tasks=("classifier",)) if resume else None
    config = _make_config(
        preset,
        model,
        augment_with,
        augment_fraction,
        runs,
        parse_set(assignments, NAMED_KEYS),
        task=task,
        split_scheme=split_scheme,
        epochs=epochs,
        seed=seed,
    )
    with (
        handle_interrupt("classifier", root, runs, resumed),
        training_session() as (process_group, progress, log),
    ):
        run = training.train_classifier(
            root,
            runs,
            config,
            version=version,
            device_name=device,
            threads=threads,
            resume=resumed,
            logger=logger,
            progress=progress,
            log=log,
            generate_examples=examples_from_config,
        )
    if not process_group.is_main:
        return
    if as_json:
        console.emit_json({"run": str(run), "config": read_config(run)["options"]})
        return
    console.emit(str(run))
    console.say(f"next: punkmodels evaluate {run}")


def _make_config(
    preset: Preset,
    model: ModelName,
    augment_with: str | None,
    augment_fraction: float | None,
    runs: Path,
    set_options: dict[str, Any],
    **named_options: Any,
) -> ClassifierConfig:
    """Check combinations of options, and return the configuration; None stands for a default.

    Raises UsageError if options contradict each other, or if the generator does not exist.
    """
    from punkmodels.classifier.config import make_config

    if augment_fraction and not augment_with:
        raise UsageError(
            "--augment-fraction requires --augment-with",
            hint="add --augment-with bundled-conditional",
        )
    if preset == "best" and model != "cnn":
        raise UsageError(
            "--preset best is only available for --model cnn", hint="remove one of the two"
        )
    if augment_with:
        renderer = find_model(augment_with, runs, "renderer")
        named_options["augment_with"] = str(renderer.resolve())
        named_options["augment_fraction"] = augment_fraction or DEFAULT_AUGMENT_FRACTION
    given = {key: value for key, value in named_options.items() if value is not None}
    return make_config(preset, model, **given, **set_options)
