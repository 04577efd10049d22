"""The command `punkmodels train classifier`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import UsageError
from punkmodels.cli.generate import resolve_generator
from punkmodels.cli.options import (
    DeviceName,
    DeviceOption,
    LoggerOption,
    Preset,
    Resume,
    Runs,
    Seed,
    Threads,
    check_no_other_options,
    handle_interrupt,
    training_session,
)
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run, read_config

if TYPE_CHECKING:
    from punkmodels.classifier.config import ClassifierConfig

EXAMPLES = (
    "Example: punkmodels train classifier --seed 1\n\n"
    "Resume a stopped run: punkmodels train classifier --resume latest"
)
DEFAULT_AUGMENT_FRACTION = 0.5


class Model(StrEnum):
    CNN = "cnn"
    LINEAR = "linear"
    PUBLISHED = "published"
    FEATURES = "features"


class Task(StrEnum):
    LABELS = "labels"
    TYPE = "type"


class SplitScheme(StrEnum):
    DEFAULT = "default"
    BY_ID = "by_id"
    FOLD_1 = "fold-1"
    FOLD_2 = "fold-2"
    FOLD_3 = "fold-3"
    FOLD_4 = "fold-4"
    FOLD_5 = "fold-5"


def train_classifier(
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[
        Model,
        typer.Option(
            help="cnn: convolutional network, the most accurate. linear: one weight for each "
            "label, position and color. published: baseline modeled on a public Keras script. "
            "features: small network for the metrics of generators."
        ),
    ] = Model.CNN,
    task: Annotated[
        Task, typer.Option(help="labels: all 92 labels. type: the 5 types only.")
    ] = Task.LABELS,
    preset: Annotated[
        Preset,
        typer.Option(
            help="quick: under a minute on two cores. best: under ten minutes, only for "
            "--model cnn."
        ),
    ] = Preset.QUICK,
    split_scheme: Annotated[
        SplitScheme,
        typer.Option(
            help="default: stratified. by_id: in the order of the ids, 8000/1000/1000. fold-1 to "
            "fold-5: cross-validation."
        ),
    ] = SplitScheme.DEFAULT,
    visible_only: Annotated[
        bool,
        typer.Option(
            "--visible-only/--all-labels",
            help="Exclude labels that no pixel shows, or train on all labels.",
        ),
    ] = True,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of epochs. (default: depends on --preset and --model)"),
    ] = None,
    augment_with: Annotated[
        str | None,
        typer.Option(
            help="Add punks of this generator to the training data: a run of train dcgan "
            '--conditional labels, or "bundled-conditional". For a fair comparison, the generator '
            "must be trained on the same split. (default: off)"
        ),
    ] = None,
    augment_fraction: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=10, help="Number of generated punks for each real one. (default: 0.5)"
        ),
    ] = None,
    seed: Seed = None,
    device: DeviceOption = DeviceName.AUTO,
    threads: Threads = None,
    resume: Resume = None,
    logger: LoggerOption = None,
    as_json: Json = False,
) -> None:
    """Train a classifier of types and accessories."""
    from punkmodels.classifier import train as training
    from punkmodels.classifier.config import make_config
    from punkmodels.gan.synthetic import examples_from_config

    resumed = find_run(runs, resume, task="classifier") if resume else None
    config = _make_config(
        preset,
        model,
        epochs,
        augment_with,
        augment_fraction,
        runs,
        task=task.value,
        split_scheme=split_scheme.value,
        visible_only=visible_only,
        seed=seed or 0,
    )
    if resumed:
        has_defaults = (config, version, device) == (make_config(), "latest", DeviceName.AUTO)
        check_no_other_options(has_defaults and epochs is seed is threads is None)
    with (
        handle_interrupt("classifier", root, runs, resumed),
        training_session() as (process_group, progress, log),
    ):
        run = training.train_classifier(
            root,
            runs,
            config,
            version=version,
            device_name=device.value,
            threads=threads,
            resume=resumed,
            logger=logger.value if logger else None,
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
    model: Model,
    epochs: int | None,
    augment_with: str | None,
    augment_fraction: float | None,
    runs: Path,
    **overrides: Any,
) -> ClassifierConfig:
    """Check combinations of options, and return the configuration.

    Raises:
        UsageError: Options contradict each other, or the generator does not exist.
    """
    from punkmodels.classifier.config import make_config

    if augment_fraction and not augment_with:
        raise UsageError(
            "--augment-fraction requires --augment-with",
            hint="add --augment-with bundled-conditional",
        )
    if preset is Preset.BEST and model is not Model.CNN:
        raise UsageError(
            "--preset best is only available for --model cnn", hint="remove one of the two"
        )
    if epochs is not None:
        overrides["epochs"] = epochs
    if augment_with:
        overrides["augment_with"] = str(resolve_generator(augment_with, runs))
        overrides["augment_fraction"] = (
            DEFAULT_AUGMENT_FRACTION if augment_fraction is None else augment_fraction
        )
    return make_config(preset.value, model.value, **overrides)
