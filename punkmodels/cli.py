"""The command line `punkmodels`. It parses, calls and prints; nothing else here does."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from punkdata import terminal
from punkdata.disk import root_option
from punkdata.errors import DataError, ImageError, StoppedError, UsageError
from punkmodels.runs import DEFAULT_RUNS, find_run, list_runs

HELP = "Train, evaluate and use models of the CryptoPunks."
app = terminal.make_app(HELP)
train_app = terminal.make_app("Train a model on a snapshot.", no_args_is_help=False)
app.add_typer(train_app, name="train")


class Preset(StrEnum):
    QUICK = "quick"


class HeldOut(StrEnum):
    VAL = "val"
    TEST = "test"


class DeviceName(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


Runs = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.")]
DeviceOption = Annotated[
    DeviceName, typer.Option("--device", help="Where to compute; auto prefers a GPU.")
]


@app.callback(help=HELP)
def main_options(
    version: Annotated[bool, terminal.version_option("punkmodels")] = False,
) -> None:
    pass


@train_app.callback(invoke_without_command=True)
def train(context: typer.Context) -> None:
    """Train a model on a snapshot. Without a model's name: the classifier's quick preset."""
    if context.invoked_subcommand is None:
        terminal.say(
            "training the classifier, preset quick; options: punkmodels train classifier -h"
        )
        # Not a plain call: defaults may stand in the environment.
        context.command.main(["classifier"], context.command_path, standalone_mode=False)


@train_app.command(
    "classifier",
    epilog="Example: punkmodels train classifier --seed 1\n\n"
    "After a stop: punkmodels train classifier --resume latest",
)
def train_classifier(
    root: terminal.Root = terminal.ROOT,
    version: terminal.Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    preset: Annotated[Preset, typer.Option(help="quick: about two minutes on two cores.")] = (
        Preset.QUICK
    ),
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the data. [default: the preset's]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=10**9, help="Of all that is random. [default: 0]")
    ] = None,
    device: DeviceOption = DeviceName.AUTO,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="CPU threads. [default: measured; fix it to repeat a run exactly]"
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(help='Go on with a stopped run: a path, its number, or "latest".'),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Train the classifier of types and accessories."""
    from punkmodels import train_classifier as training
    from punkmodels.classifier_run import PRESETS

    going_on = find_run(runs, resume) if resume else None
    if going_on and not (epochs is seed is threads is None and device == DeviceName.AUTO):
        raise UsageError(
            "a resumed run keeps its own options",
            try_next="leave out --epochs, --seed, --threads and --device",
        )
    config = replace(PRESETS[preset.value], seed=seed or 0)
    config = replace(config, epochs=epochs or config.epochs)
    before = list_runs(runs)
    try:
        with terminal.progress("training", "images") as report:
            run = training.train_classifier(
                root,
                runs,
                config,
                version=version,
                device_name=device.value,
                threads=threads,
                resume=going_on,
                report=report,
                say=terminal.say,
            )
    except KeyboardInterrupt:
        begun = going_on or next((p for p in list_runs(runs) if p not in before), None)
        at = root_option(root)
        go_on = f"go on with: punkmodels train classifier --resume {begun}{at}" if begun else None
        raise StoppedError("stopped", try_next=go_on) from None
    if as_json:
        terminal.emit_json({"run": str(run), "config": asdict(config)})
        return
    terminal.emit(str(run))
    terminal.say(f"next: punkmodels evaluate {run}")


@app.command(epilog="Example: punkmodels evaluate latest --split test")
def evaluate(
    run: Annotated[str, typer.Argument(help='A path, a number, or "latest".')] = "latest",
    split: Annotated[HeldOut, typer.Option(help="The held-out part to score on.")] = HeldOut.TEST,
    root: terminal.Root = terminal.ROOT,
    version: Annotated[
        str | None,
        typer.Option("--version", help="A snapshot. [default: the one it was trained on]"),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = DeviceName.AUTO,
    as_json: terminal.Json = False,
) -> None:
    """Score a trained classifier on held-out punks."""
    from punkmodels.device import pick_device
    from punkmodels.evaluate import evaluate_classifier

    folder = find_run(runs, run, trained=True)
    torch_device, _ = pick_device(device.value)
    result = evaluate_classifier(folder, root, split.value, version=version, device=torch_device)
    if as_json:
        terminal.emit_json(result.to_json())
        return
    terminal.emit(
        f"{'label':22}{'punks':>6}{'AP':>8}{'recall':>8}{'prec.':>8}{'acc.':>8}{'gain':>8}"
    )
    for row in result.labels:
        numbers = (row.average_precision, row.recall, row.precision, row.accuracy, row.gain)
        cells = "".join("       -" if n is None else f"{n:8.3f}" for n in numbers)
        terminal.emit(f"{row.label:22}{row.support:6}{cells}")
    occurring = f"over the {result.labels_with_support} labels that occur"
    terminal.emit("")
    terminal.emit(
        f"{result.run} on {result.punks:,} punks, split {result.split} of {result.version}"
    )
    terminal.emit(f"macro-AP        {result.macro_average_precision:.4f}  {occurring}")
    terminal.emit(f"micro-F1        {result.micro_f1:.4f}")
    terminal.emit(f"macro-F1        {result.macro_f1:.4f}  {occurring}")
    terminal.emit(f"exact match     {result.exact_match:.4f}  all 92 labels right")
    terminal.emit(f"type accuracy   {result.type_accuracy:.4f}")
    terminal.emit("")
    terminal.emit("gain: accuracy less that of always guessing the label's more frequent value")
    if not result.finished:
        terminal.say(
            f"this run was stopped after epoch {result.epochs}; its training is unfinished"
        )
    terminal.say(f"written to {folder / 'evaluation' / (split.value + '.json')}")


@app.command(epilog="Example: punkmodels predict punk.png --json")
def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="PNG, JPEG, WebP, AVIF or on-chain SVG of one punk each, of any usual size.",
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", help='A run: a path, a number, or "latest".')
    ] = "latest",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = DeviceName.AUTO,
    as_json: terminal.Json = False,
) -> None:
    """Tell type and accessories of punks in pictures."""
    from punkmodels.device import pick_device
    from punkmodels.evaluate import predict_images

    torch_device, _ = pick_device(device.value)
    predictions, refusals = [], []
    for found in predict_images(find_run(runs, model, trained=True), images, torch_device):
        if isinstance(found, ImageError):
            refusals.append(found)
            continue
        predictions.append(asdict(found))
        if not as_json:
            names = (found.type, *found.accessories)
            told = ", ".join(f"{name} {found.scores[name]:.2f}" for name in names)
            terminal.emit(f"{found.path}: {told}")
    if as_json:
        terminal.emit_json(predictions)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        for refusal in refusals:
            terminal.say(str(refusal))
        raise DataError(f"{len(refusals)} of {len(images)} images could not be read")


def main() -> None:
    sys.exit(terminal.run(app, "punkmodels"))
