"""The application `punkmodels`, with its commands and subcommands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.errors import UsageError
from punkmodels.cli import evaluate as evaluate_generators
from punkmodels.cli import (
    generate,
    list_options,
    predict,
    train_classifier,
    train_gan,
    train_renderer,
    tune,
)
from punkmodels.cli.evaluate_classifier import evaluate_classifier_run, export_classifier_run
from punkmodels.cli.options import DeviceOption, Runs, Snapshot
from punkmodels.training.run_dir import DEFAULT_RUNS, find_run

HELP = "Train, evaluate and use neural networks for the CryptoPunks."
app = console.make_app(HELP)
train_app = console.make_app(
    "Train a model on a snapshot. Without a subcommand, train the classifier with preset quick.",
    no_args_is_help=False,
)
app.add_typer(train_app, name="train")
train_app.command("dcgan", epilog=train_gan.TRAIN_EXAMPLES)(train_gan.train_dcgan)
train_app.command("classifier", epilog=train_classifier.EXAMPLES)(train_classifier.train_classifier)
train_app.command("renderer", epilog=train_renderer.EXAMPLES)(train_renderer.train_renderer)
tune_app = console.make_app("Search for better hyperparameters.")
app.add_typer(tune_app, name="tune")
tune_app.command("classifier", epilog=tune.EXAMPLES)(tune.tune_classifier)
app.command("options", epilog=list_options.EXAMPLES)(list_options.list_training_options)
app.command(epilog=generate.EXAMPLES)(generate.generate)
app.command(epilog=predict.EXAMPLES)(predict.predict)


@app.callback(help=HELP)
def main_options(
    version: Annotated[bool, console.version_option("punkmodels")] = False,
) -> None:
    pass


@train_app.callback(invoke_without_command=True)
def train(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        console.say(
            "training the classifier with the preset quick; for its options, see: punkmodels train "
            "classifier -h; for a generator: punkmodels train dcgan, or punkmodels train renderer"
        )
        # Called through the parser, because defaults can come from environment variables.
        context.command.main(["classifier"], context.command_path, standalone_mode=False)


@app.command(
    epilog="Example: punkmodels evaluate latest --split test\n\n"
    "Sprites from any source: punkmodels evaluate sprites/"
)
def evaluate(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help='A run: its path, its number, or "latest". Or a generator that is part of '
            'punkmodels: "bundled" or "bundled-conditional". Or generated punks: a folder of PNG '
            "files with one punk each, or a PNG file with a grid of punks.",
        ),
    ] = "latest",
    split: Annotated[
        Literal["val", "test"] | None,
        typer.Option(help="Split to evaluate a classifier on. (default: test)"),
    ] = None,
    tile_size: Annotated[
        int | None,
        typer.Option(
            min=24, help="Side of a punk in PNG files, in pixels, a multiple of 24. (default: 24)"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to. (default: evaluation/ in the run)")
    ] = None,
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Evaluate a classifier on held-out punks, or compare generated punks with real ones."""
    if evaluate_generators.is_generative(run, runs):
        if split:
            raise UsageError(
                "generated punks are compared with all held-out punks", hint="remove --split"
            )
        evaluate_generators.evaluate_generated(
            run, tile_size, out, root, version, runs, device, as_json=as_json
        )
        return
    folder = find_run(runs, run, trained=True)
    if tile_size:
        raise UsageError(f"{folder} is a classifier", hint="remove --tile-size")
    split = split or "test"
    evaluate_classifier_run(folder, split, out, root, version, device, as_json=as_json)


@app.command(epilog="Example: punkmodels export latest --out my-weights")
def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help='A run: its path, its number, or "latest".')
    ] = "latest",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("weights"),
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Export a model for prediction or generation: weights in half precision, and scores."""
    folder = find_run(runs, run, trained=True)
    if out.resolve() == folder.resolve():
        raise UsageError(
            f"{out} is the folder of the run itself", hint="choose another folder with --out"
        )
    if evaluate_generators.is_generative(str(folder), runs):
        evaluate_generators.export_generated(folder, out, root, version, as_json=as_json)
    else:
        export_classifier_run(folder, out, root, version, as_json=as_json)


def main() -> None:
    sys.exit(console.run(app, "punkmodels"))
