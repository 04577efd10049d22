"""The commands `punkmodels train classifier` and `punkmodels tune classifier`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import StoppedError
from punkdata.files import shell_quote
from punkdata.split_names import SPLIT_SCHEME_HELP, SplitScheme
from punkmodels.choices import (
    COUNT,
    MAX_AUGMENT_FRACTION,
    MIN_AUGMENT_FRACTION,
    TRIAL_EPOCHS,
    ClassifierModel,
    ClassifierPreset,
    ClassifierTask,
)
from punkmodels.cli.options import (
    DeviceOption,
    LoggerOption,
    Resume,
    Runs,
    Seed,
    Set,
    Threads,
    arguments_as_options,
    find_resumed_run,
    given_options,
    print_run,
    train_model,
)
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels train classifier --seed 1 --set batch_size=32\n\n"
    "Resume a stopped run: punkmodels train classifier --resume latest"
)
TUNE_EXAMPLES = (
    "Example: punkmodels tune classifier --trials 20\n\n"
    "Resume a stopped search: the same command. More trials: the same command with more --trials"
)
MODEL_HELP = (
    "mlp: ridge regression plus a fully connected layer, the most accurate. ridge: ridge "
    "regression alone, without epochs. cnn: convolutional network. published: baseline modeled on "
    "a public Keras script (docs/reference/citing.md). features: small network for the metrics of "
    "generators."
)
TASK_HELP = "labels: all 92 labels. type: the 5 types only."
EPOCHS_HELP = "Number of epochs. (default: depends on --preset and --model)"
PRESET_HELP = "quick: half a minute on one core. best: a minute, only for --model mlp."
AUGMENT_HELP = (
    "Add punks of this renderer to the training data: a run of train renderer, or "
    '"bundled-conditional". For a fair comparison, the renderer must be trained on the same '
    "split. (default: off)"
)
FRACTION_HELP = "Number of generated punks for each real one. (default: 0.5)"
TUNE_MODEL_HELP = (
    "Model and options to search. mlp: batch size, learning rate, dropout, hidden units, weight "
    "decay, sampling and the penalty of the ridge regression. published: batch size, learning "
    "rate, dropout, filters and depth."
)
TRIALS_HELP = "Total number of trials, including those of a resumed study."
TRIAL_EPOCHS_HELP = "Epochs of a trial that is not pruned. (default: depends on --model)"


def train_classifier(
    context: typer.Context,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[ClassifierModel, typer.Option(help=MODEL_HELP)] = "mlp",
    task: Annotated[ClassifierTask, typer.Option(help=TASK_HELP)] = "labels",
    preset: Annotated[ClassifierPreset, typer.Option(help=PRESET_HELP)] = "quick",
    split_scheme: Annotated[SplitScheme, typer.Option(help=SPLIT_SCHEME_HELP)] = "default",
    epochs: Annotated[
        int | None, typer.Option(min=COUNT.low, max=COUNT.high, help=EPOCHS_HELP)
    ] = None,
    augment_with: Annotated[str | None, typer.Option(help=AUGMENT_HELP)] = None,
    augment_fraction: Annotated[
        float | None,
        typer.Option(min=MIN_AUGMENT_FRACTION, max=MAX_AUGMENT_FRACTION, help=FRACTION_HELP),
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
    resumed = find_resumed_run(context, runs, resume, "classifier")
    named = {
        "task": task,
        "split_scheme": split_scheme,
        "epochs": epochs,
        "augment_with": augment_with,
        "augment_fraction": augment_fraction,
        "seed": seed,
    }
    options: dict[str, Any] = {}
    if resumed is None:
        options = given_options(named, assignments, *context.params)
        options |= {"preset": preset, "model": model, "version": version}
        options |= {"device": device, "threads": threads}
    run = train_model("classifier", root, runs, resumed, logger, options)
    print_run(run, f"punkmodels evaluate {shell_quote(run)}", as_json=as_json)


def tune_classifier(
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    model: Annotated[Literal["mlp", "published"], typer.Option(help=TUNE_MODEL_HELP)] = "mlp",
    trials: Annotated[int, typer.Option(min=COUNT.low, max=COUNT.high, help=TRIALS_HELP)] = 20,
    epochs: Annotated[
        int | None,
        typer.Option(min=TRIAL_EPOCHS.low, max=TRIAL_EPOCHS.high, help=TRIAL_EPOCHS_HELP),
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
    from punkmodels import tune_models

    study = study or runs / f"tune-{model}"
    try:
        with arguments_as_options("model", "trials", "epochs", "study", "seed"):
            run = tune_models.tune_classifier(
                root,
                model=model,
                trials=trials,
                epochs=epochs,
                study=study,
                seed=seed or 0,
                runs=runs,
                version=version,
                device=device,
                threads=threads,
            )
    except KeyboardInterrupt:
        raise StoppedError(
            f"stopped; the trials so far are stored in '{study}'",
            hint="to resume, run the same command again",
        ) from None
    result = json.loads((run.path.parents[1] / "best.json").read_bytes())
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
