"""The application `punkmodels`, with its commands and subcommands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from punkdata.cli import console
from punkmodels.cli import (
    evaluate,
    generate,
    list_options,
    train_classifier,
    train_generators,
    tune,
)

HELP = "Train, evaluate and use neural networks for the CryptoPunks."
app = console.make_app(HELP)
train_app = console.make_app(
    "Train a model on a snapshot. Without a subcommand, train the classifier with preset quick.",
    no_args_is_help=False,
)
app.add_typer(train_app, name="train")
train_app.command("dcgan", epilog=train_generators.DCGAN_EXAMPLES)(train_generators.train_dcgan)
train_app.command("classifier", epilog=train_classifier.EXAMPLES)(train_classifier.train_classifier)
train_app.command("renderer", epilog=train_generators.RENDERER_EXAMPLES)(
    train_generators.train_renderer
)
tune_app = console.make_app("Search for better hyperparameters.")
app.add_typer(tune_app, name="tune")
tune_app.command("classifier", epilog=tune.EXAMPLES)(tune.tune_classifier)
app.add_typer(
    evaluate.evaluate_app, name="evaluate", cls=evaluate.EvaluateGroup, epilog=evaluate.EXAMPLES
)
app.command(epilog=evaluate.EXPORT_EXAMPLES)(evaluate.export)
app.command("options", epilog=list_options.EXAMPLES)(list_options.list_training_options)
app.command(epilog=generate.EXAMPLES)(generate.generate)
app.command(epilog=generate.PREDICT_EXAMPLES)(generate.predict)


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


def main() -> None:
    sys.exit(console.run(app, "punkmodels"))
