"""The command `punkmodels bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, Version
from punkdata.errors import UsageError
from punkdata.files import write_atomic
from punkdata.report import Report, Row
from punkmodels.bench.tracks import BENCH_VERSION, TRACKS, TrackName
from punkmodels.cli.evaluate import OutOfFile, check_output, show
from punkmodels.cli.options import DeviceOption, Runs, arguments_as_options
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    from punkmodels.bench.inputs import Arrays

EXAMPLES = (
    "Example: punkmodels bench compositional --predictions scores.csv\n\n"
    "Our own models: punkmodels train classifier --split-scheme compositional && "
    "punkmodels bench compositional --model latest\n\n"
    "What a model gets: punkmodels bench open-set --write-inputs open-set.npz"
)


def bench(
    track: Annotated[
        TrackName | None,
        typer.Argument(metavar="TRACK", help="Track to score; without one, the tracks are listed."),
    ] = None,
    predictions: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            help="Answers of one training, in the order of the inputs; for labels and open-set, "
            "ids allow any order. Repeat it for trainings with other seeds. Labels: .csv or "
            ".parquet with punk_id (corruptions: image_id) and a column for each label, or .npz "
            "with scores and punk_ids. open-set: .csv or .parquet with score and image_id, or .npz "
            "with scores and image_ids. generate: 10,000 sprites in a folder or .npz. "
            "generate-unseen: .npz with images. explain: .npz with saliency.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN",
            help="A run, exported weights or a bundled model, trained on the training split of the "
            "track. Repeat it for other seeds; long-tail needs a run of each fold.",
        ),
    ] = None,
    write_inputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what a model gets to a .npz, and score nothing."),
    ] = None,
    split: Annotated[
        Literal["val", "test"],
        typer.Option(help="val to choose options of a model, test to report its scores."),
    ] = "test",
    out: OutOfFile = None,
    root: Root = ROOT,
    version: Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Score a model on a track of PunkBench, and compare it with the published baselines."""
    if track is None:
        rows = [Row(name, found.question) for name, found in TRACKS.items()]
        title = f"Tracks of PunkBench {BENCH_VERSION}"
        console.emit_report(Report(rows, notes=[title]), as_json=as_json)
        return
    if sum(map(bool, (predictions, model, write_inputs))) != 1:
        raise UsageError(
            "choose one of --predictions, --model and --write-inputs",
            hint=f"punkmodels bench {track} --predictions FILE",
        )
    from punkdata.snapshots.reader import open_snapshot
    from punkmodels.runs import load_torch

    check_output(out)
    open_snapshot(root, version)  # Without one, fail before PyTorch is loaded.
    load_torch()
    from punkmodels.bench.evaluator import Evaluator

    evaluator = Evaluator(track, root, version=version, split=split)
    if write_inputs:
        _write_arrays(write_inputs, evaluator.inputs, track, as_json=as_json)
        return
    with arguments_as_options("version"):
        if predictions:
            name = predictions[0].name if len(predictions) == 1 else f"{len(predictions)} trainings"
            evaluation = evaluator.score(*predictions, name=name)
        else:
            evaluation = evaluator.score_models(*(model or ()), runs=runs, device=device)
    show(evaluation, out, as_json=as_json)


def _write_arrays(path: Path, arrays: Arrays, track: str, *, as_json: bool) -> None:
    """Write the inputs of a track; raises UsageError if it has none."""
    import io

    import numpy as np

    if not arrays:
        raise UsageError(
            f"the track {track} has no inputs",
            hint=f"score generated sprites with: punkmodels bench {track} --predictions FILE",
        )
    console.check_output(path)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # also named allow_pickle
    write_atomic(path, file.getvalue())
    if as_json:
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        console.emit_json({"path": str(path), "shapes": shapes})
        return
    console.emit(str(path))
    sizes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    console.say(f"wrote {sizes}")
