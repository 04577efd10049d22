"""Output of `punkmodels evaluate` and `punkmodels export` for classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from punkdata.cli import console
from punkdata.cli.progress import progress_bar
from punkmodels.cli.options import DeviceName

if TYPE_CHECKING:
    from punkmodels.classifier.scores import Evaluation


def evaluate_classifier_run(
    run: Path,
    split: Literal["val", "test"],
    out: Path | None,
    root: Path,
    version: str | None,
    device: DeviceName,
    *,
    as_json: bool,
) -> None:
    """Evaluate a classifier, write the results to files, and print them."""
    from punkmodels.classifier.evaluate import evaluate_classifier
    from punkmodels.training.device import pick_device

    torch_device, _ = pick_device(device.value)
    out = out or run / "evaluation" / split
    with progress_bar("scoring", "resamples") as progress:
        result = evaluate_classifier(
            run, root, split, version=version, device=torch_device, out=out, progress=progress
        )
    if as_json:
        console.emit_json(result.to_json())
        return
    _print_labels(result)
    console.emit("")
    _print_scores(result)
    if not result.finished:
        console.say(f"this run is not finished; training stopped after {_format_epochs(result)}")
    console.say(f"wrote metrics.json, metrics.md and errors.png to {out}")


def export_classifier_run(
    run: Path, out: Path, root: Path, version: str | None, *, as_json: bool
) -> None:
    """Export a classifier with its scores on the test split, and print the path of the folder."""
    from punkmodels.classifier.evaluate import export_with_scores
    from punkmodels.training.pretrained import WEIGHTS_FILE

    with progress_bar("scoring", "resamples") as progress:
        result = export_with_scores(run, root, out, version=version, progress=progress)
    size_bytes = (out / WEIGHTS_FILE).stat().st_size
    if as_json:
        console.emit_json({"path": str(out), "bytes": size_bytes, "scores": result.to_json()})
        return
    console.emit(str(out))
    if not result.finished:
        console.warn(f"this run is not finished; training stopped after {_format_epochs(result)}")
    console.say(f"{size_bytes / 1e6:.1f} MB; next: punkmodels predict punk.png --model {out}")


def _print_labels(result: Evaluation) -> None:
    headers = ("AP", "recall", "prec.", "acc.", "gain")
    console.emit(f"{'label':22}{'punks':>6}{'hidden':>7}" + "".join(f"{h:>8}" for h in headers))
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


def _print_scores(result: Evaluation) -> None:
    from punkdata.traits import TYPES
    from punkmodels.classifier.evaluate import score_rows

    console.emit(
        f"{result.run} on {result.punks:,} punks, {result.split} split of {result.version}"
    )
    console.emit(f"{'':14}{'visible':>9}{'95 % interval':>19}{'raw':>9}{'ceiling':>9}")
    for name, visible, (low, high), raw, ceiling in score_rows(result):
        interval = f"{low:.4f} to {high:.4f}"
        console.emit(f"{name:14}{visible:9.4f}{interval:>19}{raw:9.4f}{ceiling:>9}")
    console.emit(f"calibration error: {result.calibration_error:.5f}")
    confusions = [
        f"{n} {true} as {predicted}"
        for true, row in zip(TYPES, result.type_confusion, strict=True)
        for predicted, n in zip(TYPES, row, strict=True)
        if n and predicted != true
    ]
    console.emit(f"type confusions: {', '.join(confusions) or 'none'}")
    majority = ", ".join(result.at_or_below_majority) or "none"
    console.emit(f"labels at or below the majority baseline: {majority}")
    console.emit("")
    console.emit(
        f"macro: mean over the {result.labels_counted} labels with at least 20 punks; visible: "
        "labels that a pixel shows; raw: labels as published"
    )
    console.emit(
        "ceiling: score on raw labels if exactly the visible labels are predicted; none for AP and "
        "AUROC, which score a ranking"
    )
    console.emit("gain: accuracy minus that of always predicting the majority value")


def _format_epochs(result: Evaluation) -> str:
    return "1 epoch" if result.epochs == 1 else f"{result.epochs} epochs"
