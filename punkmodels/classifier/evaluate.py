"""Score a classifier on held-out punks, and write what was found where people look.

evaluation/test/metrics.json
evaluation/test/metrics.md       the same as tables
evaluation/test/errors.png    every punk with a wrong label: what was missed, what was seen
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
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.config import (
    export_classifier,
    load_classifier,
    read_classifier_config,
    trained_epochs,
)
from punkmodels.classifier.networks import Classifier, logits_to_labels
from punkmodels.classifier.scores import Evaluation, score
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.training.run_dir import read_config, write_json

BATCH = 1000
NAMES = {
    "exact_match": "exact match",
    "macro_average_precision": "macro-AP",
    "macro_auroc": "macro-AUROC",
    "micro_auroc": "micro-AUROC",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
}


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
    """Score a run on a part of the split that it was trained by.

    Args:
        run: a run, or a folder of exported weights.
        out: the folder to write to; by default nothing is written.
        version: the snapshot to score on; by default the one the run was trained on. It
            must have the same labels, splits and pixels, or held-out punks would not be.
        report: progress in steps.

    Raises:
        UsageError: there is no such snapshot, or it does not tell what is hidden.
        DataError: the snapshot is another data set than the run's, or a file is damaged.
    """
    device = device or torch.device("cpu")
    model = load_classifier(run, device)
    saved = read_classifier_config(run)
    part = load_split(root, version or saved.data.version, saved.options.split_scheme, split)
    if part.labels_hash != saved.data.labels_hash:
        raise DataError(
            f"snapshot {part.version} has other labels or splits than the one {run} was "
            f"trained on ({saved.data.version})",
            hint="train a new run on it: punkmodels train",
        )
    if saved.options.visible_only and not part.has_hidden_labels:
        raise UsageError(
            f"{part.path} does not tell which labels no pixel shows",
            hint="build it anew with: punkdata build-dataset",
        )
    logits = predict_logits(model, part.images, device)
    width = logits.shape[1]
    visible, raw = (t[:, :width].numpy() > 0 for t in (part.visible, part.labels))
    about = {"run": str(run), "task": saved.options.task, "version": part.version}
    epochs, finished = trained_epochs(run)
    done = {"epochs": epochs, "finished": finished}
    result = score(visible, raw, logits, part.punk_ids, progress, split=split, **about, **done)
    if out:
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", markdown(result).encode())
            draw_errors(part, logits).save(out / "errors.png")
    return result


def export_with_scores(
    run: Path,
    root: Path,
    out: Path,
    *,
    version: str | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> Evaluation:
    """Export a run's weights (see `export_classifier`) with their scores on the test part; all or
    nothing. Raises as both.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder)
        export_classifier(run, exported)
        result = evaluate_classifier(exported, root, "test", version=version, progress=progress)
        facts = result.to_json()
        kept = ("version", "split", "punks", "visible", "visible_95", "raw", "ceiling_visible_only")
        scores = {name: facts[name] for name in kept}
        write_json(exported / "config.json", read_config(exported) | {"scores": scores})
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in exported.iterdir():
                write_atomic(out / file.name, file.read_bytes())
    return result


def predict_logits(model: Classifier, indices: torch.Tensor, device: torch.device) -> torch.Tensor:
    """float32 (N, outputs) on the CPU, of palette indices uint8 (N, 24, 24)."""
    with torch.inference_mode():
        return torch.cat([model(part.to(device)).cpu() for part in torch.split(indices, BATCH)])


def summary(result: Evaluation) -> list[tuple[str, float, tuple[float, float], float, float]]:
    """Of each score: its name, on visible labels, its 95 % interval, on raw ones, their ceiling."""
    return [
        (
            name,
            getattr(result.visible, key),
            result.visible_95[key],
            getattr(result.raw, key),
            getattr(result.ceiling_visible_only, key),
        )
        for key, name in NAMES.items()
    ]


def markdown(result: Evaluation) -> str:
    """The scores as a page."""
    lines = [
        f"# {result.run} on {result.punks:,} punks, {result.split} of {result.version}",
        "",
        f"Means over labels are over the {result.labels_counted} that at least 20 punks "
        "carry. *Visible* labels are those that a pixel shows. *Perfect sight* is what somebody "
        "scores on *raw* labels who sees all that can be seen, and does not guess the rest.",
        "",
        "| score | visible | 95 % interval | raw | perfect sight |",
        "|---|---|---|---|---|",
    ]
    for name, visible, (low, high), raw, ceiling in summary(result):
        lines.append(
            f"| {name} | {visible:.4f} | {low:.4f} to {high:.4f} | {raw:.4f} | {ceiling:.4f} |"
        )
    lines += [
        "",
        f"Calibration error {result.calibration_error:.5f}. Labels told no better than by always "
        f"guessing the majority: {', '.join(result.at_or_below_majority) or 'none'}.",
        "",
        "| true type | " + " | ".join(TYPES) + " |",
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


def draw_errors(part: SplitTensors, logits: torch.Tensor, scale: int = 4) -> Image.Image:
    """Each punk with a wrong visible label, with what was missed (−) and wrongly seen (+)."""
    width = logits.shape[1]
    told, truth = logits_to_labels(logits), part.visible[:, :width] > 0
    rows = (told != truth).any(dim=1).nonzero().flatten().tolist()
    side, text_px = 24 * scale, 420
    sheet = Image.new("RGBA", (side + text_px, max(1, len(rows)) * side), "#638596")
    draw = ImageDraw.Draw(sheet)
    if not rows:
        draw.text((side, side // 3), "no mistakes", fill="white")
    for y, row in enumerate(rows):
        sprite = Image.fromarray(PALETTE[part.images[row].numpy()])
        tile = sprite.resize((side, side), Image.Resampling.NEAREST)
        sheet.alpha_composite(tile, (0, y * side))
        chance = logits[row].softmax(0) if width == len(TYPES) else logits[row].sigmoid()
        wrong = [
            f"{'+' if told[row, i] else '-'} {LABELS[i]} ({float(chance[i]):.2f})"
            for i in (told[row] != truth[row]).nonzero().flatten().tolist()
        ]
        expected = ", ".join(LABELS[i] for i in truth[row].nonzero().flatten().tolist())
        text = f"punk {part.punk_ids[row]}: {expected}\n" + "\n".join(wrong)
        draw.multiline_text((side + 8, y * side + 8), text, fill="white")
    return sheet.convert("RGB")
