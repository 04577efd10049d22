"""Evaluation of a classifier on a held-out split, with results as files.

evaluation/test/metrics.json   all scores
evaluation/test/metrics.md     the same as tables
evaluation/test/errors.png     every punk with a wrong label: missed and falsely predicted labels
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from PIL import Image, ImageDraw

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.config import (
    export_classifier,
    load_classifier,
    read_classifier_config,
    read_training_status,
)
from punkmodels.classifier.networks import Classifier, logits_to_labels
from punkmodels.classifier.scores import Evaluation, score_logits
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.training.run_dir import read_config, write_json

BATCH_SIZE = 1000
SCORE_NAMES = {
    "exact_match": "exact match",
    "macro_average_precision": "macro-AP",
    "macro_auroc": "macro-AUROC",
    "micro_auroc": "micro-AUROC",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
}
"""Display names of the scores, by field of `Scores`."""
RANKING_SCORES = ("macro_average_precision", "macro_auroc", "micro_auroc")
"""Scores of a ranking. Predicting exactly the visible labels does not bound them."""
EXPORTED_SCORES = (
    "version",
    "split",
    "punks",
    "visible",
    "visible_95",
    "raw",
    "ceiling_visible_only",
)
"""Fields of the evaluation that are stored with exported weights."""
ERROR_TEXT_PX = 420
"""Width of the text in errors.png."""


def evaluate_classifier(
    run: Path,
    root: Path,
    split: Literal["val", "test"],
    *,
    version: str | None = None,
    device: torch.device | None = None,
    out: Path | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> Evaluation:
    """Evaluate a classifier on a held-out split of the scheme that it was trained with.

    Args:
        run: A run folder, or a folder of exported weights.
        root: Data root or snapshot folder.
        split: The split to evaluate on.
        version: Version of the snapshot, by default the one used for training. It must have the
            same pixels, labels and splits; otherwise the split could contain training data.
        device: The device to compute on, by default the CPU.
        out: The folder to write the results to; by default nothing is written.
        progress: Called with the number of bootstrap resamples and their total.

    Raises:
        UsageError: The snapshot does not exist or does not list hidden labels.
        DataError: The snapshot differs from the training data, or a file is damaged.
        StorageError: The disk is full or not writable.
    """
    device = device or torch.device("cpu")
    model = load_classifier(run, device)
    saved = read_classifier_config(run)
    tensors = load_split(root, version or saved.data.version, saved.options.split_scheme, split)
    if tensors.labels_hash != saved.data.labels_hash:
        raise DataError(
            f"the pixels, labels or splits of snapshot {tensors.version} differ from those of "
            f"{saved.data.version}, on which {run} was trained",
            hint="train a new run on it: punkmodels train",
        )
    if saved.options.visible_only and not tensors.has_hidden_labels:
        raise UsageError(
            f"{tensors.path} does not list hidden labels",
            hint="rebuild it with: punkdata build-dataset",
        )
    logits = predict_logits(model, tensors.images, device)
    num_outputs = logits.shape[1]
    visible, raw = (t[:, :num_outputs].numpy() > 0 for t in (tensors.visible, tensors.labels))
    epochs, finished = read_training_status(run)
    result = score_logits(
        visible,
        raw,
        logits,
        tensors.punk_ids,
        progress,
        run=str(run),
        task=saved.options.task,
        split=split,
        version=tensors.version,
        epochs=epochs,
        finished=finished,
    )
    if out:
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", format_markdown(result).encode())
            draw_errors(tensors, logits).save(out / "errors.png")
    return result


def export_with_scores(
    run: Path,
    root: Path,
    out: Path,
    *,
    version: str | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> Evaluation:
    """Export weights together with their scores on the test split.

    Nothing is written to `out` if the evaluation fails. For arguments and errors see
    `export_classifier` and `evaluate_classifier`.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder)
        export_classifier(run, exported)
        result = evaluate_classifier(exported, root, "test", version=version, progress=progress)
        fields = result.to_json()
        scores = {name: fields[name] for name in EXPORTED_SCORES}
        write_json(exported / "config.json", read_config(exported) | {"scores": scores})
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in exported.iterdir():
                write_atomic(out / file.name, file.read_bytes())
    return result


def predict_logits(model: Classifier, indices: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Compute logits in batches.

    Args:
        model: A classifier in evaluation mode.
        indices: Palette indices, uint8 (N, 24, 24).
        device: The device of the model.

    Returns:
        float32 (N, num_outputs) on the CPU.
    """
    batches = torch.split(indices, BATCH_SIZE)
    with torch.inference_mode():
        return torch.cat([model(batch.to(device)).cpu() for batch in batches])


def score_rows(result: Evaluation) -> list[tuple[str, float, tuple[float, float], float, str]]:
    """Return a row for each score.

    A row has the score's name, its value on visible labels, the 95 % interval of that value, its
    value on raw labels, and the ceiling of the latter as text, which is "-" for `RANKING_SCORES`.
    """
    ceiling = result.ceiling_visible_only
    return [
        (
            name,
            getattr(result.visible, field),
            result.visible_95[field],
            getattr(result.raw, field),
            "-" if field in RANKING_SCORES else f"{getattr(ceiling, field):.4f}",
        )
        for field, name in SCORE_NAMES.items()
    ]


def format_markdown(result: Evaluation) -> str:
    """Format the scores as a Markdown document."""
    lines = [
        f"# {result.run} on {result.punks:,} punks, {result.split} split of {result.version}",
        "",
        f"Means over labels (macro) include the {result.labels_counted} labels with at least 20 "
        "punks. *Visible* labels are those that at least one pixel shows, *raw* labels are those "
        "as published. The *ceiling* is the score on raw labels of a classifier that predicts "
        "exactly the visible labels; AP and AUROC, which score a ranking, have none.",
        "",
        "| score | visible | 95 % interval | raw | ceiling (visible labels only) |",
        "|---|---|---|---|---|",
    ]
    for name, visible, (low, high), raw, ceiling in score_rows(result):
        lines.append(
            f"| {name} | {visible:.4f} | {low:.4f} to {high:.4f} | {raw:.4f} | {ceiling} |"
        )
    lines += [
        "",
        f"Expected calibration error: {result.calibration_error:.5f}. Labels at or below the "
        f"majority baseline: {', '.join(result.at_or_below_majority) or 'none'}.",
        "",
        "| true type (rows), predicted type (columns) | " + " | ".join(TYPES) + " |",
        "|---" * (len(TYPES) + 1) + "|",
    ]
    for name, counts in zip(TYPES, result.type_confusion, strict=True):
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + " |")
    lines += [
        "",
        "| label | punks | hidden | AP | recall | precision | accuracy | gain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result.labels:
        numbers = (
            row.average_precision,
            row.recall,
            row.precision,
            row.accuracy,
            row.gain_vs_majority,
        )
        cells = " | ".join("-" if n is None else f"{n:.3f}" for n in numbers)
        lines.append(f"| {row.label} | {row.support} | {row.hidden} | {cells} |")
    return "\n".join(lines) + "\n"


def draw_errors(split: SplitTensors, logits: torch.Tensor, scale: int = 4) -> Image.Image:
    """Draw each punk with a wrong visible label, with its missed (-) and false (+) labels.

    Args:
        split: N punks.
        logits: (N, num_outputs).
        scale: Enlargement factor of the sprites.
    """
    num_outputs = logits.shape[1]
    predicted, truth = logits_to_labels(logits), split.visible[:, :num_outputs] > 0
    rows = (predicted != truth).any(dim=1).nonzero().flatten().tolist()
    side = SIDE_PX * scale
    size = (side + ERROR_TEXT_PX, max(1, len(rows)) * side)
    image = Image.new("RGBA", size, BACKGROUND_COLOR)
    draw = ImageDraw.Draw(image)
    if not rows:
        draw.text((side, side // 3), "no errors", fill="white")
    for y, row in enumerate(rows):
        sprite = Image.fromarray(PALETTE[split.images[row].numpy()])
        tile = sprite.resize((side, side), Image.Resampling.NEAREST)
        image.alpha_composite(tile, (0, y * side))
        is_type_only = num_outputs == len(TYPES)
        probabilities = logits[row].softmax(0) if is_type_only else logits[row].sigmoid()
        errors = [
            f"{'+' if predicted[row, i] else '-'} {LABELS[i]} ({float(probabilities[i]):.2f})"
            for i in (predicted[row] != truth[row]).nonzero().flatten().tolist()
        ]
        expected = ", ".join(LABELS[i] for i in truth[row].nonzero().flatten().tolist())
        text = f"punk {split.punk_ids[row]}: {expected}\n" + "\n".join(errors)
        draw.multiline_text((side + 8, y * side + 8), text, fill="white")
    return image.convert("RGB")
