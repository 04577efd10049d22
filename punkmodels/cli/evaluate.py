"""The command `punkmodels evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import UsageError
from punkdata.paths import expand_name
from punkdata.split_names import SPLIT_SCHEME_HELP, SplitScheme
from punkmodels.choices import HeldOutSplit
from punkmodels.cli.options import DeviceName, DeviceOption, Runs, Snapshot, arguments_as_options
from punkmodels.models import BUNDLED_FOLDERS, GENERATOR_TASKS, find_model, is_shared
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    from punkmodels.training.run_dir import Evaluation

HELP = """Evaluate a model, images, or predictions: compare them with real punks.

Without the name of a subcommand, `run` is called."""
EXAMPLES = (
    "Example: punkmodels evaluate latest\n\n"
    "Images of any generator: punkmodels evaluate images/\n\n"
    "Predictions of any classifier: punkmodels evaluate predictions.npz"
)
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help='A run (its path, its number, or "latest"), a folder of exported weights, a bundled '
        'model ("bundled-classifier", "bundled-label-sets", "bundled-conditional", '
        '"bundled-gan" or "bundled-vae-gan"), or owner/name on the Hugging Face Hub.',
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder to write to. (default: evaluation/ in a run, or none)")
]
IMAGE_DIR_HELP = (
    "New location of the training images, if they were moved. Only for GANs that were trained on "
    "images other than punks. (default: the location during training)"
)
ImageDir = Annotated[Path | None, typer.Option("--image-dir", help=IMAGE_DIR_HELP)]
IMAGE_ARRAY_HELP = (
    'Name of the array to read from a .npz file with several arrays. (default: "images")'
)
ImageArray = Annotated[str | None, typer.Option("--image-array", help=IMAGE_ARRAY_HELP)]
SPLIT_HELP = (
    "Real punks to compare with: val to choose options of a model, test to report its scores, or "
    "held-out for both together. (default: held-out)"
)
SplitOption = Annotated[HeldOutSplit | None, typer.Option(help=SPLIT_HELP)]
OutOfFile = Annotated[Path | None, typer.Option(help="Folder to write to. (default: none)")]


class EvaluateGroup(console.Group):
    """Subcommands by kind of model, and a default for arguments without the name of one."""

    default_command = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in [*self.commands, *ctx.help_option_names]:
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


evaluate_app: typer.Typer = console.make_app(HELP, EXAMPLES, no_args_is_help=False)


@evaluate_app.command(epilog="Example: punkmodels evaluate classifier latest --split val")
def classifier(
    run: Run = "latest",
    split: Annotated[Literal["val", "test"], typer.Option(help="Split to evaluate on.")] = "test",
    out: Out = None,
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Evaluate a classifier on held-out punks."""
    folder = find_model(run, runs, "classifier")
    _evaluate_model(folder, out, root, version, device, split, as_json=as_json)


@evaluate_app.command(epilog="Example: punkmodels evaluate generator bundled")
def generator(
    run: Run = "latest",
    split: SplitOption = None,
    out: Out = None,
    root: Root = ROOT,
    version: Snapshot = None,
    image_dir: ImageDir = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Compare the punks of a model of label sets, a renderer or a GAN with real punks."""
    folder = find_model(run, runs, *GENERATOR_TASKS)
    _evaluate_model(folder, out, root, version, device, split, image_dir=image_dir, as_json=as_json)


@evaluate_app.command(epilog="Example: punkmodels evaluate images grid.png --tile-size 96")
def images(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            metavar="PATH",
            help="A folder of images with one punk each, an image with a grid of punks, or a .npz "
            "or .npy with an array (N, 24, 24, 4).",
        ),
    ],
    tile_size: Annotated[
        int, typer.Option(min=24, help="Side of a punk in pixels, a multiple of 24.")
    ] = 24,
    image_array: ImageArray = None,
    split: SplitOption = None,
    out: OutOfFile = None,
    root: Root = ROOT,
    version: Version = "latest",
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Compare generated punks in files with real punks."""
    from punkdata.snapshots.reader import open_snapshot
    from punkmodels.runs import load_torch

    check_output(out)
    open_snapshot(root, version)  # Without one, fail before PyTorch is loaded.
    load_torch()
    from punkmodels.evaluation import evaluate_images

    with arguments_as_options("tile_size", "image_array", "version"):
        evaluation = evaluate_images(
            path,
            root=root,
            version=version,
            split=split or "held-out",
            device=device,
            tile_size=tile_size,
            image_array=image_array,
        )
    show(evaluation, out, as_json=as_json)


@evaluate_app.command(epilog="Example: punkmodels evaluate predictions scores.csv --split val")
def predictions(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            metavar="FILE",
            help="A .csv or .parquet with one column for each label, by name, and optionally "
            "punk_id; or a .npz with an array scores, (N, 92) in the order of punkdata.LABELS, and "
            "optionally punk_ids. Without ids, the rows are in ascending order of the punks.",
        ),
    ],
    split: Annotated[
        Literal["train", "val", "test", "all"], typer.Option(help="Split of the predictions.")
    ] = "test",
    split_scheme: Annotated[SplitScheme, typer.Option(help=SPLIT_SCHEME_HELP)] = "default",
    kind: Annotated[
        Literal["auto", "probabilities", "logits"],
        typer.Option(
            help="What the values are: an accessory is predicted by a probability above 0.5, or a "
            "logit above 0, and the type by the largest value. auto: probabilities if all are from "
            "0 to 1, logits if some are below 0, otherwise an error."
        ),
    ] = "auto",
    out: OutOfFile = None,
    root: Root = ROOT,
    version: Version = "latest",
    as_json: Json = False,
) -> None:
    """Evaluate the predictions of any classifier on real punks."""
    from punkdata.snapshots.reader import open_snapshot
    from punkmodels.runs import load_torch

    check_output(out)
    open_snapshot(root, version)  # Without one, fail before PyTorch is loaded.
    load_torch()
    from punkmodels.evaluation import evaluate_predictions

    with arguments_as_options("kind"):
        evaluation = evaluate_predictions(
            path, split, root=root, version=version, split_scheme=split_scheme, kind=kind
        )
    show(evaluation, out, as_json=as_json)


@evaluate_app.command("run", epilog="Example: punkmodels evaluate run latest")
def run_or_images(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="What one of the other subcommands accepts: a run, images, or predictions.",
        ),
    ] = "latest",
    split: Annotated[
        HeldOutSplit | None,
        typer.Option(
            help="Real punks to compare with, see the other subcommands. (default: test for "
            "classifiers and predictions, held-out for generators and images)"
        ),
    ] = None,
    out: Out = None,
    root: Root = ROOT,
    version: Snapshot = None,
    image_dir: ImageDir = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Evaluate a run of any model, images, or predictions; the word `run` can be left out."""
    path, is_name = Path(expand_name(run)), run in ("bundled", *BUNDLED_FOLDERS)
    if not is_name and path.exists() and not (path / "config.json").exists():
        from punkmodels.predictions import is_predictions_file

        newest = version or "latest"
        options: dict[str, Any] = {"out": out, "root": root, "version": newest, "as_json": as_json}
        if not is_predictions_file(path):
            images(path, split=split, device=device, **options)
        elif split == "held-out":
            hint = (
                "choose --split val, --split test, or see: punkmodels evaluate predictions --help"
            )
            raise UsageError("predictions are evaluated on one split at a time", hint=hint)
        else:
            predictions(path, split=split or "test", **options)
        return
    folder = find_model(run, runs, *GENERATOR_TASKS, "classifier")
    _evaluate_model(folder, out, root, version, device, split, image_dir=image_dir, as_json=as_json)


def _evaluate_model(
    run: Path,
    out: Path | None,
    root: Path,
    version: str | None,
    device: DeviceName,
    split: HeldOutSplit | None,
    *,
    image_dir: Path | None = None,
    as_json: bool,
) -> None:
    """Evaluate a model, and save and print the results; those of shared models are only printed.

    By default, the snapshot is the one used for training, or the latest for a shared model.
    """
    from punkdata.snapshots.reader import open_snapshot
    from punkmodels.runs import Run

    check_output(out)
    if is_shared(run):
        open_snapshot(root, version or "latest")  # Without one, fail before PyTorch is loaded.
    model = Run(run, root)
    with arguments_as_options("image_dir", "version", "split"):
        evaluation = model.evaluate(split, version=version, image_dir=image_dir, device=device)
    name = {"dcgan": "generated", "label-sets": "generated", "renderer": "conditional"}.get(
        model.task, split or "test"
    )
    if model.task != "classifier" and split in ("val", "test"):
        name += f"-{split}"  # Model cards show the scores on all held-out punks.
    default_out = None if is_shared(run) else run / "evaluation" / name
    show(evaluation, out or default_out, as_json=as_json)


def check_output(out: Path | None) -> None:
    """Raise UsageError if the folder of the results cannot be written."""
    if out:
        console.check_output(out, is_folder=True)


def show(evaluation: Evaluation, out: Path | None, *, as_json: bool) -> None:
    """Save an evaluation to `out`, if there is one, and print it."""
    if out:
        evaluation.save(out)
    if as_json:
        console.emit_json(evaluation.scores)
        return
    for table in reversed(evaluation.tables):  # The most important one is next to the prompt.
        console.emit_report(table)
        console.emit("")
    if out:
        names = ["metrics.json", "metrics.md", *evaluation.pictures]
        console.say(f"wrote {', '.join(names)} to {out}")
