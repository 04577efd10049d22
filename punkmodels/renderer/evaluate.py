"""Evaluation of a renderer against the real punks of its conditions.

evaluation/conditional/metrics.json
evaluation/conditional/metrics.md   the same scores as tables
evaluation/conditional/conditional_samples.png
                            one row per sample: its condition, the rendered sprite, the
                            ground-truth punk, and wrong pixels in red; the worst samples of unseen
                            label sets, followed by some from the middle
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from punkdata.errors import DataError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR
from punkdata.progress import Progress
from punkdata.traits import LABELS, decode_labels
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.image_grid import make_grid
from punkmodels.data.skin_tones import detect_skin_tones
from punkmodels.data.splits import load_split
from punkmodels.renderer.conditions import conditions_from_labels
from punkmodels.renderer.pretrained import export_renderer, load_renderer, read_renderer_config
from punkmodels.renderer.scores import (
    ConditionalScores,
    PixelRules,
    conditional_scores,
    recall_per_label,
)
from punkmodels.renderer.train import find_seen
from punkmodels.training.run_dir import read_config, write_json

SHOWN_SAMPLES = 12
"""Number of worst samples in conditional_samples.png, and also of samples from the middle."""
TEXT_WIDTH_PX = 140
"""Width of the column of conditions in conditional_samples.png."""
NAMES = {
    "num_samples": "samples",
    "label_sets": "distinct label sets",
    "label_exact_match": "label exact match (classifier)",
    "label_exact_match_by_rules": "label exact match (pixel rules)",
    "pixel_exact_match": "pixel-exact match",
    "wrong_pixels_median": "wrong pixels, median",
    "wrong_pixels_mean": "wrong pixels, mean",
}
"""Names of the scores in tables."""


@dataclass(frozen=True)
class ConditionalEvaluation:
    """Scores of a renderer."""

    version: str
    """Version of the snapshot."""
    decidable_labels: int
    """Number of labels, of 92, that pixel rules can decide."""
    unseen: ConditionalScores
    """Scores for label sets that no training punk has."""
    seen: ConditionalScores
    """Scores for label sets of training punks."""
    labels: list[tuple[str, int, float]]
    """(label, number of samples, recall) for unseen label sets, lowest recall first."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Samples:
    """Rendered sprites and the punks of their conditions, one row per punk."""

    labels: torch.Tensor
    """All labels of the punks, bool (N, 92)."""
    visible: torch.Tensor
    """Visible labels of the punks, bool (N, 92)."""
    images: torch.Tensor
    """The punks as palette indices, uint8 (N, 24, 24)."""
    sprites: torch.Tensor
    """The rendered sprites as palette indices, uint8 (N, 24, 24)."""
    predicted: torch.Tensor
    """Labels that the classifier predicts for the sprites, bool (N, 92)."""

    @property
    def wrong_pixels(self) -> torch.Tensor:
        """Number of pixels that differ, int64 (N,)."""
        return (self.sprites != self.images).flatten(1).sum(dim=1)

    def take(self, rows: torch.Tensor) -> _Samples:
        """Return the given rows, int64 (M,)."""
        tensors = (self.labels, self.visible, self.images, self.sprites, self.predicted)
        return _Samples(*(tensor[rows] for tensor in tensors))

    def scores(self, rules: PixelRules) -> ConditionalScores:
        return conditional_scores(
            self.visible, self.predicted, rules, self.sprites, self.wrong_pixels
        )


def evaluate_conditional(
    run: Path,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    out: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> ConditionalEvaluation:
    """Render the conditions of held-out punks, and compare the sprites with these punks.

    Args:
        run: A run, or exported weights, of a renderer.
        root: Data root with the snapshot.
        version: Version of the snapshot.
        device: Device to compute on; the CPU by default.
        out: Folder to write to; None writes nothing.
        progress: Called with the number of finished parts and their total.

    Raises:
        UsageError: The run or the snapshot does not exist.
        DataError: The run or the snapshot is damaged, or has too few punks.
    """
    device = device or torch.device("cpu")
    model = load_renderer(run, device)
    classifier = load_classifier(BUNDLED_CLASSIFIER, device)
    progress(0, 4)
    all_punks = load_split(root, version, "default", "all")
    rules = PixelRules(all_punks.images, all_punks.visible.bool())
    progress(1, 4)
    train = load_split(root, version, "default", "train")
    held_out = [load_split(root, version, "default", name) for name in ("val", "test")]
    labels, visible, images = (
        torch.cat([getattr(split, name) for split in held_out])
        for name in ("labels", "visible", "images")
    )
    condition = conditions_from_labels(labels, detect_skin_tones(images))
    sprites = model(condition.to(device)).cpu()
    predicted = logits_to_labels(predict_logits(classifier, sprites)).bool()
    samples = _Samples(labels.bool(), visible.bool(), images, sprites, predicted)
    progress(2, 4)
    is_seen = find_seen(samples.labels, train.labels)
    if is_seen.all() or not is_seen.any():
        raise DataError(
            f"{train.path} has too few punks: val and test need some label sets that occur in the "
            "training split and some that do not"
        )
    unseen, seen = samples.take(~is_seen), samples.take(is_seen)
    result = ConditionalEvaluation(
        version=train.version,
        decidable_labels=int(rules.decidable.sum()),
        unseen=unseen.scores(rules),
        seen=seen.scores(rules),
        labels=recall_per_label(unseen.visible, unseen.predicted),
    )
    progress(3, 4)
    if out:
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", format_markdown(result).encode())
            _render_worst(unseen).save(out / "conditional_samples.png")
    progress(4, 4)
    return result


def export_with_scores(
    run: Path,
    root: Path,
    out: Path,
    *,
    version: str | None = None,
    progress: Progress = lambda done, total: None,
) -> ConditionalEvaluation:
    """Export a renderer with its scores in config.json; nothing is written if it has none.

    By default, the snapshot is the one that the run was trained on. See `evaluate_conditional` for
    the other arguments and the errors.
    """
    version = version or read_renderer_config(run).data.version
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder)
        export_renderer(run, exported)
        result = evaluate_conditional(exported, root, version=version, progress=progress)
        scores = result.to_json()
        del scores["labels"]
        write_json(exported / "config.json", read_config(exported) | {"scores": scores})
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in exported.iterdir():
                write_atomic(out / file.name, file.read_bytes())
    return result


def score_table(result: ConditionalEvaluation) -> list[tuple[str, str, str]]:
    """Return the scores as text: a header, then one row per score."""
    table = [("score", "unseen", "seen")]
    for key, name in NAMES.items():
        values = [getattr(scores, key) for scores in (result.unseen, result.seen)]
        unseen, seen = (f"{n:,}" if isinstance(n, int) else f"{n:.4f}" for n in values)
        table.append((name, unseen, seen))
    return table


def format_markdown(result: ConditionalEvaluation) -> str:
    """Return the scores, and the recall of each label, as Markdown tables with notes."""
    head, *body = score_table(result)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]
    lines += [
        "",
        "Conditions of held-out punks: unseen label sets are those that no training punk has. "
        f"Pixel rules decide {result.decidable_labels} of {len(LABELS)} labels. "
        f"Snapshot {result.version}.",
        "",
        "| label | samples | recall |",
        "| --- | --- | --- |",
        *(f"| {label} | {n:,} | {recall:.4f} |" for label, n, recall in result.labels),
        "",
    ]
    return "\n".join(lines)


def render_conditional_samples(
    labels: torch.Tensor,
    skin_tones: torch.Tensor,
    generated: torch.Tensor,
    expected: torch.Tensor,
) -> Image.Image:
    """Return an image with one row per sample.

    A row shows the labels, the generated sprite, the ground-truth punk, and wrong pixels in red.

    Args:
        labels: Labels in the conditions, bool (N, 92).
        skin_tones: Skin tones in the conditions, (N,), 1 to 4 or 0 for none.
        generated: Generated sprites as palette indices, uint8 (N, 24, 24).
        expected: Ground-truth punks as palette indices, uint8 (N, 24, 24).
    """
    red = int(np.abs(PALETTE.astype(int) - (255, 0, 0, 255)).sum(axis=1).argmin())
    wrong = torch.where(generated != expected, red, 0).to(torch.uint8)
    tiles = make_grid(torch.stack([generated, expected, wrong], dim=1).flatten(0, 1), columns=3)
    sheet = Image.new("RGBA", (TEXT_WIDTH_PX + tiles.width, tiles.height), BACKGROUND_COLOR)
    sheet.paste(tiles, (TEXT_WIDTH_PX, 0))
    draw, row_height = ImageDraw.Draw(sheet), tiles.height // len(labels)
    for i, row in enumerate(labels.numpy()):
        punk_type, accessories = decode_labels(row)
        skin_tone = f", skin tone {int(skin_tones[i])}" if skin_tones[i] else ""
        num_wrong = f"{int((wrong[i] > 0).sum())} wrong pixels"
        text = "\n".join([punk_type + skin_tone, *accessories, num_wrong])
        draw.multiline_text((8, i * row_height + 4), text, fill="white", spacing=1, font_size=9)
    return sheet.convert("RGB")


def _render_worst(samples: _Samples) -> Image.Image:
    """Render the worst samples and some from the middle."""
    order = torch.argsort(samples.wrong_pixels, descending=True, stable=True)
    middle = len(order) // 2
    shown = samples.take(torch.cat([order[:SHOWN_SAMPLES], order[middle : middle + SHOWN_SAMPLES]]))
    return render_conditional_samples(
        shown.labels, detect_skin_tones(shown.images), shown.sprites, shown.images
    )
