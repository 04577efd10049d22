"""The command `punkmodels evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.progress import progress_bar
from punkmodels.cli.options import DeviceName, DeviceOption, Runs, Snapshot
from punkmodels.models import BUNDLED_NAMES, find_model, is_shared
from punkmodels.training.run_dir import DEFAULT_RUNS, read_config

if TYPE_CHECKING:
    from punkmodels.training.run_dir import Evaluation

HELP = """Evaluate a model on held-out punks, or compare generated punks with real ones.

Without the name of a subcommand, `run` is called."""
EXAMPLES = "Example: punkmodels evaluate latest"
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help='A run (its path, its number, or "latest"), a folder of exported weights, a bundled '
        'model ("bundled" or "bundled-conditional"), or owner/name on the Hugging Face Hub.',
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder to write to. (default: evaluation/ in a run, or none)")
]


class EvaluateGroup(TyperGroup):
    """Subcommands by kind of model, and a default for arguments without the name of one."""

    default_command = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in [*self.commands, *ctx.help_option_names]:
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


evaluate_app: typer.Typer = console.make_app(HELP, no_args_is_help=False)


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
    out: Out = None,
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Compare punks that a GAN or a renderer generates with real punks."""
    folder = find_model(run, runs, "dcgan", "renderer")
    _evaluate_model(folder, out, root, version, device, as_json=as_json)


@evaluate_app.command(epilog="Example: punkmodels evaluate images grid.png --tile-size 96")
def images(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            metavar="PATH",
            help="A folder of PNG files with one punk each, or a PNG file with a grid of punks.",
        ),
    ],
    tile_size: Annotated[
        int, typer.Option(min=24, help="Side of a punk in pixels, a multiple of 24.")
    ] = 24,
    out: Out = None,
    root: Root = ROOT,
    version: Snapshot = None,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Compare generated punks in PNG files with real punks."""
    from punkmodels.data.image_files import read_sprites
    from punkmodels.gan.evaluate import RealPunks, evaluate_sprites
    from punkmodels.training.device import pick_device

    with progress_bar("reading", "images") as progress:
        sprites = read_sprites(path, tile_size, progress)
    with progress_bar("evaluating", "subsets") as progress:
        real = RealPunks(root, version or "latest", pick_device(device)[0])
        evaluation = evaluate_sprites(path.name, sprites, real, progress=progress)
    _show(evaluation, out, as_json=as_json)


@evaluate_app.command("run", epilog="Example: punkmodels evaluate run latest")
def run_or_images(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="What one of the other subcommands accepts: a run, or images."
        ),
    ] = "latest",
    out: Out = None,
    root: Root = ROOT,
    version: Snapshot = None,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Evaluate a run of any model, or images; the word `run` can be left out."""
    path, is_bundled = Path(run), run in BUNDLED_NAMES.values()
    if not is_bundled and path.exists() and not (path / "config.json").exists():
        images(path, out=out, root=root, version=version, device=device, as_json=as_json)
        return
    folder = find_model(run, runs, "dcgan", "renderer", "classifier")
    _evaluate_model(folder, out, root, version, device, as_json=as_json)


def _evaluate_model(
    run: Path,
    out: Path | None,
    root: Path,
    version: str | None,
    device: DeviceName,
    split: Literal["val", "test"] = "test",
    *,
    as_json: bool,
) -> None:
    """Evaluate a model, and save and print the results; those of shared models are only printed.

    By default, the snapshot is the one used for training, or the latest for a shared model.
    """
    is_elsewhere = is_shared(run)
    version = version or ("latest" if is_elsewhere else None)
    evaluation, name = _compute_scores(run, root, version, device, split)
    default_out = None if is_elsewhere else run / "evaluation" / name
    _show(evaluation, out or default_out, as_json=as_json)


def _compute_scores(
    run: Path,
    root: Path,
    version: str | None,
    device: DeviceName,
    split: Literal["val", "test"] = "test",
) -> tuple[Evaluation, str]:
    """Return the evaluation of a model, and the name of its folder in evaluation/."""
    from punkmodels.training.device import pick_device

    torch_device, _ = pick_device(device)
    task = read_config(run).get("task")
    if task == "classifier":
        from punkmodels.classifier.evaluate import evaluate_classifier

        return evaluate_classifier(run, root, split, version=version, device=torch_device), split
    if task == "renderer":
        from punkmodels.renderer.evaluate import evaluate_renderer

        return evaluate_renderer(run, root, version=version, device=torch_device), "conditional"
    from punkmodels.gan.evaluate import evaluate_generator

    with progress_bar("evaluating", "subsets") as progress:
        return evaluate_generator(
            run, root, version=version, device=torch_device, progress=progress
        ), "generated"


def _show(evaluation: Evaluation, out: Path | None, *, as_json: bool) -> None:
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
