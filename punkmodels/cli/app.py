"""The application `punkmodels`, with its commands and subcommands."""

import os
import sys
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import Json
from punkmodels.cli import (
    bench,
    classifier,
    evaluate,
    export,
    generate,
    page,
    predict,
    runs,
    train_generators,
)
from punkmodels.training.run_dir import Task

OPTIONS_EXAMPLES = (
    "Example: punkmodels options classifier\n\n"
    "Set one: punkmodels train classifier --set batch_size=32 --set dropout=0.1"
)
HELP = "Train, evaluate and use neural networks for the CryptoPunks."
EXAMPLES = (
    "Example: punkmodels train classifier && punkmodels evaluate latest\n\n"
    "With the bundled models: punkmodels predict punk.png && punkmodels generate --type Ape"
)
app: typer.Typer = console.make_app(HELP, EXAMPLES)
train_app: typer.Typer = console.make_app(
    "Train a model on a snapshot. Without a subcommand, train the classifier with preset quick.",
    "Example: punkmodels train dcgan --preset quick",
    no_args_is_help=False,
)
app.add_typer(train_app, name="train")
train_app.command("dcgan", epilog=train_generators.DCGAN_EXAMPLES)(train_generators.train_dcgan)
train_app.command("classifier", epilog=classifier.EXAMPLES)(classifier.train_classifier)
train_app.command("renderer", epilog=train_generators.RENDERER_EXAMPLES)(
    train_generators.train_renderer
)
train_app.command("label-sets", epilog=train_generators.LABEL_SETS_EXAMPLES)(
    train_generators.train_label_sets
)
tune_app: typer.Typer = console.make_app(
    "Search for better hyperparameters.", "Example: punkmodels tune classifier --trials 20"
)
app.add_typer(tune_app, name="tune")
tune_app.command("classifier", epilog=classifier.TUNE_EXAMPLES)(classifier.tune_classifier)
app.add_typer(evaluate.evaluate_app, name="evaluate", cls=evaluate.EvaluateGroup)
app.command(epilog=bench.EXAMPLES)(bench.bench)
app.command("runs", epilog=runs.EXAMPLES)(runs.show_runs)
app.command(epilog=export.EXAMPLES)(export.export)
app.command(epilog=generate.EXAMPLES)(generate.generate)
app.command(epilog=predict.EXAMPLES)(predict.predict)
app.command(epilog=page.EXAMPLES)(page.page)


@app.callback(help=HELP)
def main_options(
    version: Annotated[bool, console.version_option("punkmodels")] = False,
    verbose: Annotated[int, console.verbose_option()] = 0,
) -> None:
    pass


@train_app.callback(invoke_without_command=True)
def train(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        console.say(
            "training the classifier with the preset quick; for its options, see: punkmodels train "
            "classifier -h; for a generator: punkmodels train label-sets, or punkmodels train dcgan"
        )
        # Called through the parser, because defaults can come from environment variables.
        context.command.main(["classifier"], context.command_path, standalone_mode=False)


@app.command("options", epilog=OPTIONS_EXAMPLES)
def list_training_options(
    model: Annotated[Task, typer.Argument(metavar="MODEL", help="Model whose options to list.")],
    as_json: Json = False,
) -> None:
    """List all training options: type, default (those of presets in parentheses), description."""
    from punkmodels.options import list_options

    console.emit_report(list_options(model), as_json=as_json)


def main() -> None:
    # No command needs the key of OpenSea, and loggers and compilers start processes.
    os.environ.pop("OPENSEA_API_KEY", None)
    sys.exit(console.run(app, "punkmodels"))
