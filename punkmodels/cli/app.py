"""The command line `punkmodels`. It parses, calls and prints; nothing else here does."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.cli.progress import progress_bar
from punkdata.errors import DataError, ImageError, UsageError
from punkmodels.cli import evaluate as evaluate_generators
from punkmodels.cli import generate, train_gan, tune
from punkmodels.cli.options import (
    DeviceName,
    DeviceOption,
    LoggerOption,
    Preset,
    Resume,
    Runs,
    Seed,
    Snapshot,
    Threads,
    check_no_other_options,
    handle_interrupt,
    training_session,
)
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run, read_config

HELP = "Train, evaluate and use models of the CryptoPunks."
app = console.make_app(HELP)
train_app = console.make_app("Train a model on a snapshot.", no_args_is_help=False)
app.add_typer(train_app, name="train")
train_app.command("dcgan", epilog=train_gan.TRAIN_EXAMPLES)(train_gan.train_dcgan)
tune_app = console.make_app("Search for better options.")
app.add_typer(tune_app, name="tune")
tune_app.command("classifier", epilog=tune.EXAMPLES)(tune.tune_classifier)
app.command(epilog=generate.EXAMPLES)(generate.generate)


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


class HeldOut(StrEnum):
    VAL = "val"
    TEST = "test"


@app.callback(help=HELP)
def main_options(
    version: Annotated[bool, console.version_option("punkmodels")] = False,
) -> None:
    pass


@train_app.callback(invoke_without_command=True)
def train(context: typer.Context) -> None:
    """Train a model on a snapshot. Without a model's name: the classifier's quick preset."""
    if context.invoked_subcommand is None:
        console.say(
            "training the classifier, preset quick; options: punkmodels train classifier -h; "
            "a generator: punkmodels train dcgan"
        )
        # Not a plain call: defaults may stand in the environment.
        context.command.main(["classifier"], context.command_path, standalone_mode=False)


@train_app.command(
    "classifier",
    epilog="Example: punkmodels train classifier --seed 1\n\n"
    "After a stop: punkmodels train classifier --resume latest",
)
def train_classifier(
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[
        Model,
        typer.Option(
            help="cnn: the best. linear: a weight for every color at every place. published: the "
            "shape of an earlier work, for comparison. features: the small one that generators are "
            "measured with."
        ),
    ] = Model.CNN,
    task: Annotated[Task, typer.Option(help="All 92 labels, or the 5 types alone.")] = Task.LABELS,
    preset: Annotated[
        Preset,
        typer.Option(help="quick: about two minutes on two cores. best, of cnn: under ten."),
    ] = Preset.QUICK,
    split_scheme: Annotated[
        SplitScheme,
        typer.Option(
            help="default: stratified. by_id: as earlier work. fold-1 to fold-5: cross-validation."
        ),
    ] = SplitScheme.DEFAULT,
    visible_only: Annotated[
        bool,
        typer.Option(
            "--visible-only/--all-labels", help="Whether to leave out labels that no pixel shows."
        ),
    ] = True,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the data. (default: the preset's)")
    ] = None,
    augment_with: Annotated[
        str | None,
        typer.Option(
            help="Add drawn punks to training, labeled by what they were asked for: by a run of "
            'train dcgan --conditional labels, or "bundled-conditional". For a fair comparison '
            "the generator must be trained on the same split."
        ),
    ] = None,
    augment_fraction: Annotated[
        float | None,
        typer.Option(min=0.01, max=10, help="Drawn punks for each real one. (default: 0.5)"),
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

    going_on = find_run(runs, resume, task="classifier") if resume else None
    chosen: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    if augment_fraction and not augment_with:
        raise UsageError(
            "--augment-fraction is of drawn punks", hint="add --augment-with bundled-conditional"
        )
    if preset is Preset.BEST and model is not Model.CNN:
        raise UsageError("--preset best is of --model cnn", hint="leave one of them out")
    if augment_with:
        generator = generate.resolve_generator(augment_with, runs)
        fraction = 0.5 if augment_fraction is None else augment_fraction
        chosen |= {"augment_with": str(generator), "augment_fraction": fraction}
    config = make_config(
        preset.value,
        model.value,
        task=task.value,
        split_scheme=split_scheme.value,
        visible_only=visible_only,
        seed=seed or 0,
        **chosen,
    )
    if going_on:
        is_plain = (config, version, device) == (make_config(), "latest", DeviceName.AUTO)
        check_no_other_options(is_plain and epochs is seed is threads is None)
    with handle_interrupt("classifier", root, runs, going_on):  # noqa: SIM117  # the bar ends first
        with training_session() as (process_group, progress, log):
            run = training.train_classifier(
                root,
                runs,
                config,
                version=version,
                device_name=device.value,
                threads=threads,
                resume=going_on,
                logger=logger.value if logger else None,
                progress=progress,
                log=log,
                generate_examples=examples_from_config,
                process_group=process_group,
            )
    if not process_group.is_main:
        return
    if as_json:
        console.emit_json({"run": str(run), "config": read_config(run)["options"]})
        return
    console.emit(str(run))
    console.say(f"next: punkmodels evaluate {run}")


@app.command(
    epilog="Example: punkmodels evaluate latest --split test\n\n"
    "Drawn punks, anybody's: punkmodels evaluate drawings/"
)
def evaluate(
    run: Annotated[
        str,
        typer.Argument(
            help='A run: a path, a number, or "latest". Or drawn punks: "bundled" or '
            '"bundled-conditional", the generators that come with punkmodels; a folder of PNGs of '
            "one punk each; a PNG of tiles."
        ),
    ] = "latest",
    split: Annotated[
        HeldOut | None,
        typer.Option(help="The held-out part to score a classifier on. (default: test)"),
    ] = None,
    tile_size: Annotated[
        int | None,
        typer.Option(min=24, help="Side in pixels of a drawn punk in a picture. (default: 24)"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write. (default: evaluation/ in the run)")
    ] = None,
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = DeviceName.AUTO,
    as_json: Json = False,
) -> None:
    """Score a classifier on held-out punks, or a generator, or drawings, beside real punks."""
    if evaluate_generators.is_generative(run, runs):
        if split:
            raise UsageError(
                "drawn punks are compared with all that are held out", hint="leave out --split"
            )
        evaluate_generators.evaluate_generated(
            run, tile_size, out, root, version, runs, device, as_json=as_json
        )
        return
    from punkdata.traits import TYPES
    from punkmodels.classifier.evaluate import evaluate_classifier, summary
    from punkmodels.training.device import pick_device

    folder = find_run(runs, run, trained=True)
    if tile_size:
        raise UsageError(f"{folder} is a classifier", hint="leave out --tile-size")
    part = split or HeldOut.TEST
    torch_device, _ = pick_device(device.value)
    out = out or folder / "evaluation" / part.value
    with progress_bar("scoring", "resamples") as progress:
        result = evaluate_classifier(
            folder,
            root,
            part.value,
            version=version,
            device=torch_device,
            out=out,
            progress=progress,
        )
    if as_json:
        console.emit_json(result.to_json())
        return
    console.emit(
        f"{'label':22}{'punks':>6}{'hidden':>7}{'AP':>8}{'recall':>8}{'prec.':>8}{'acc.':>8}{'gain':>8}"
    )
    for row in result.labels:
        numbers = (
            row.average_precision,
            row.recall,
            row.precision,
            row.accuracy,
            row.gain_vs_majority,
        )
        cells = "".join("       -" if n is None else f"{n:8.3f}" for n in numbers)
        console.emit(f"{row.label:22}{row.support:6}{row.hidden:7}{cells}")
    console.emit("")
    console.emit(
        f"{result.run} on {result.punks:,} punks, split {result.split} of {result.version}"
    )
    console.emit(f"{'':14}{'visible':>9}{'95 % interval':>19}{'raw':>9}{'perfect sight':>15}")
    for name, visible, (low, high), raw, ceiling in summary(result):
        interval = f"{low:.4f} to {high:.4f}"
        console.emit(f"{name:14}{visible:9.4f}{interval:>19}{raw:9.4f}{ceiling:15.4f}")
    console.emit(f"calibration error {result.calibration_error:.5f}")
    confused = [
        f"{n} {true} as {told}"
        for true, row in zip(TYPES, result.type_confusion, strict=True)
        for told, n in zip(TYPES, row, strict=True)
        if n and told != true
    ]
    console.emit(f"types taken for others: {', '.join(confused) or 'none'}")
    majority = ", ".join(result.at_or_below_majority) or "none"
    console.emit(f"labels told no better than by guessing the majority: {majority}")
    console.emit("")
    console.emit(
        f"means over labels: the {result.labels_counted} with 20 punks or more. visible: what "
        "a pixel shows"
    )
    console.emit("gain: accuracy less that of always guessing the label's more frequent value")
    if not result.finished:
        console.say(f"this run was stopped after epoch {result.epochs}; its training is unfinished")
    console.say(f"written to {out}: metrics.json, metrics.md, errors.png")


@app.command(epilog="Example: punkmodels export latest --out my-weights")
def export(
    run: Annotated[str, typer.Argument(help='A path, a number, or "latest".')] = "latest",
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("weights"),
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Write what predicting or drawing needs of a run, in half precision, with its scores."""
    from punkmodels.classifier.evaluate import export_with_scores
    from punkmodels.training.pretrained import WEIGHTS_FILE

    folder = find_run(runs, run, trained=True)
    if out.resolve() == folder.resolve():
        raise UsageError(f"{out} is the run itself", hint="choose another folder with --out")
    if evaluate_generators.is_generative(str(folder), runs):
        evaluate_generators.export_generated(folder, out, root, version, as_json=as_json)
        return
    with progress_bar("scoring", "resamples") as progress:
        result = export_with_scores(folder, root, out, version=version, progress=progress)
    size_bytes = (out / WEIGHTS_FILE).stat().st_size
    if as_json:
        console.emit_json({"path": str(out), "bytes": size_bytes, "scores": result.to_json()})
        return
    console.emit(str(out))
    if not result.finished:
        console.warn(f"its training was stopped after epoch {result.epochs}")
    console.say(f"{size_bytes / 1e6:.1f} MB; next: punkmodels predict punk.png --model {out}")


@app.command(epilog="Example: punkmodels predict punk.png --json")
def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            help="PNG, JPEG, WebP, AVIF or on-chain SVG of one punk each, of any usual size; or "
            "folders of them.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help='A run (a path, a number, or "latest"), or a folder of exported weights. '
            "(default: the weights that come with punkmodels)",
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = DeviceName.AUTO,
    as_json: Json = False,
) -> None:
    """Tell type and accessories of punks in pictures."""
    from punkmodels.classifier.config import BUNDLED_CLASSIFIER
    from punkmodels.classifier.predict import find_images, predict_images
    from punkmodels.training.device import pick_device

    torch_device, _ = pick_device(device.value)
    weights = (
        find_run(runs, model, trained=True, task="classifier") if model else BUNDLED_CLASSIFIER
    )
    pictures = find_images(images)
    if not pictures:
        raise UsageError(f"{images[0]} holds no pictures")
    predictions, refusals = [], []
    for found in predict_images(weights, pictures, torch_device):
        if isinstance(found, ImageError):
            refusals.append(found)
            continue
        predictions.append(asdict(found))
        if not as_json:
            names = (found.type, *found.accessories)
            told = ", ".join(f"{name} {found.scores[name]:.2f}" for name in names)
            console.emit(f"{found.path}: {told}")
    if as_json:
        console.emit_json(predictions)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        for refusal in refusals:
            console.say(str(refusal))
        raise DataError(f"{len(refusals)} of {len(pictures)} pictures could not be told")


def main() -> None:
    sys.exit(console.run(app, "punkmodels"))
