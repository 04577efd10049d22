"""Output of `punkmodels evaluate` and `punkmodels export` for classifiers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from punkdata.cli import console
from punkdata.files import translate_os_errors, write_atomic
from punkmodels.cli.options import DeviceName
from punkmodels.training.run_dir import read_config, write_json


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

    torch_device, _ = pick_device(device)
    out = out or run / "evaluation" / split
    evaluation = evaluate_classifier(run, root, split, version=version, device=torch_device)
    evaluation.save(out)
    if as_json:
        console.emit_json(evaluation.scores)
        return
    for table in reversed(evaluation.tables):  # The most important one is next to the prompt.
        console.emit(table.to_text() + "\n")
    console.say(f"wrote metrics.json, metrics.md and errors.png to {out}")


def export_classifier_run(
    run: Path, out: Path, root: Path, version: str | None, *, as_json: bool
) -> None:
    """Export a classifier with its scores on the test split, and print the path of the folder."""
    from punkmodels.classifier.evaluate import evaluate_classifier
    from punkmodels.classifier.pretrained import export_classifier
    from punkmodels.training.pretrained import WEIGHTS_FILE

    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder)
        export_classifier(run, exported)
        evaluation = evaluate_classifier(exported, root, version=version)
        scores = evaluation.summary()
        write_json(exported / "config.json", read_config(exported) | {"scores": scores})
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in exported.iterdir():
                write_atomic(out / file.name, file.read_bytes())
    size_bytes = (out / WEIGHTS_FILE).stat().st_size
    if as_json:
        console.emit_json({"path": str(out), "bytes": size_bytes, "scores": scores})
        return
    console.emit(str(out))
    console.say(f"{size_bytes / 1e6:.1f} MB; next: punkmodels predict punk.png --model {out}")
