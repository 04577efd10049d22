"""The command `punkmodels export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import Json
from punkdata.extras import require_packages
from punkdata.files import shell_quote
from punkmodels.cli.options import Runs
from punkmodels.models import GENERATOR_TASKS, find_model, warn_if_unfinished
from punkmodels.runs import load_torch
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels export latest --out my-weights\n\n"
    "For ONNX Runtime, with scores in the model card: punkmodels evaluate latest && punkmodels "
    "export latest --onnx"
)


def export(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help='A run (its path, its number, or "latest"), a folder of exported weights, a '
            'bundled model ("bundled-classifier", "bundled-label-sets", '
            '"bundled-conditional", "bundled-gan" or "bundled-vae-gan"), or '
            "owner/name on the Hugging Face Hub.",
        ),
    ] = "latest",
    out: Annotated[
        Path, typer.Option(help="Folder to write to; files of an earlier export are replaced.")
    ] = Path("weights"),
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also write model.onnx, for ONNX Runtime. (default: off)")
    ] = False,
    runs: Runs = DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Export a model: weights in half precision, config.json, and a model card.

    The card shows the scores that `punkmodels evaluate` has saved for these weights.
    """
    folder = find_model(run, runs, *GENERATOR_TASKS, "classifier")
    if onnx:
        require_packages("exporting to ONNX", "onnx", "onnxscript")
    console.check_output(out, is_folder=True)
    load_torch()
    from punkmodels.export.folder import export_model

    config = export_model(folder, out, onnx=onnx)
    warn_if_unfinished(folder)
    if as_json:
        console.emit_json({"path": str(out), "scores": config.get("scores")})
        return
    console.emit(str(out))
    if "scores" not in config:
        console.say(
            "the model card has no scores; to add them, run: punkmodels evaluate "
            f"{shell_quote(folder)}, then export again"
        )
    command = "generate"
    if config["task"] == "classifier":
        command = "predict punk.png"
    elif config["task"] == "renderer" or config["options"].get("conditional", "none") != "none":
        command = "generate --type Ape"
    console.say(f"next: punkmodels {command} --model {shell_quote(out)}")
