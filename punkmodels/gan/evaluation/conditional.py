"""Evaluation of a conditional generator against the ground-truth punks of its conditions.

evaluation/conditional/metrics.json
evaluation/conditional/metrics.md   the same scores as tables
evaluation/conditional/conditional_samples.png
                            one row per sample: its condition, the generated sprite, the
                            ground-truth punk, and wrong pixels in red; the worst samples of unseen
                            label sets, followed by some from the middle
"""

from __future__ import annotations

from collections.abc import Callable
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
from punkdata.traits import LABELS, TYPES, decode_labels
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import Classifier, logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.image_grid import make_grid
from punkmodels.data.skin_tones import detect_skin_tones
from punkmodels.data.splits import load_split
from punkmodels.gan.config import load_generator, read_dcgan_config
from punkmodels.gan.evaluation.conditional_targets import (
    ConditionalTargets,
    build_targets,
    find_seen,
)
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.label_conditions import conditions_from_split
from punkmodels.gan.metrics.conditional import (
    ConditionalScores,
    PixelRules,
    conditional_scores,
    recall_per_label,
)
from punkmodels.gan.mlp import AnyGenerator
from punkmodels.training.run_dir import write_json

Progress = Callable[..., None]
NUM_SAMPLES = 2000
"""Default number of samples for unseen label sets, and also for seen ones."""
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
    """Scores of a conditional generator."""

    version: str
    """Version of the snapshot."""
    skin_tone: bool
    """Whether the conditions include the skin tone."""
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
    """Generated sprites and their comparison with the targets."""

    targets: ConditionalTargets
    """Targets of the sprites."""
    sprites: torch.Tensor
    """Palette indices, uint8 (N, 24, 24)."""
    wrong_pixels: torch.Tensor
    """Pixels that differ from the closest variant, int64 (N,)."""
    predicted: torch.Tensor
    """Labels predicted by the classifier, bool (N, 92)."""

    def scores(self, rules: PixelRules) -> ConditionalScores:
        """Return the scores of all sprites."""
        return conditional_scores(
            self.targets.visible, self.predicted, rules, self.sprites, self.wrong_pixels
        )


def evaluate_conditional(
    run: Path,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    num_samples: int = NUM_SAMPLES,
    out: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> ConditionalEvaluation:
    """Generate sprites for the conditions of held-out punks, and compare them with these punks.

    Args:
        run: A run, or exported weights, of a generator that is conditioned on labels.
        root: Data root with the snapshot.
        version: Version of the snapshot.
        device: Device to compute on; the CPU by default.
        num_samples: Number of samples for unseen label sets, and also for seen ones.
        out: Folder to write to; None writes nothing.
        progress: Called with the number of finished parts and their total.

    Raises:
        UsageError: The run or the snapshot does not exist.
        DataError: The run or the snapshot is damaged, or has too few punks.
    """
    device = device or torch.device("cpu")
    config = read_dcgan_config(run).options
    model = load_generator(run, device)
    classifier = load_classifier(BUNDLED_CLASSIFIER, device)
    progress(0, 6)
    all_punks = load_split(root, version, "default", "all")
    rules = PixelRules(all_punks.images, all_punks.visible.bool())
    progress(1, 6)
    train = load_split(root, version, "default", "train")
    held_out = [load_split(root, version, "default", name) for name in ("val", "test")]
    targets = build_targets(config.condition_spec, all_punks, held_out)
    progress(2, 6)
    is_seen = find_seen(targets.labels, train)
    if is_seen.all() or not is_seen.any():
        raise DataError(
            f"{train.path} has too few punks: val and test need some label sets that occur in the "
            "training split and some that do not"
        )
    samples = []
    for is_selected in (~is_seen, is_seen):
        rows = is_selected.nonzero()[:, 0]
        rows = rows[torch.arange(num_samples) % len(rows)]
        samples.append(_generate_samples(model, classifier, targets.take(rows)))
        progress(3 + len(samples), 6)
    unseen, seen = samples
    result = ConditionalEvaluation(
        version=train.version,
        skin_tone=config.skin_tone,
        decidable_labels=int(rules.decidable.sum()),
        unseen=unseen.scores(rules),
        seen=seen.scores(rules),
        labels=recall_per_label(unseen.targets.visible, unseen.predicted),
    )
    if out:
        num_targets = int((~is_seen).sum())
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", format_markdown(result).encode())
            _render_worst(unseen, num_targets).save(out / "conditional_samples.png")
    progress(6, 6)
    return result


def measure_type_accuracy(
    run: Path,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    num_samples: int = NUM_SAMPLES,
    progress: Progress = lambda done, total: None,
) -> float:
    """Return the fraction of samples that the bundled classifier assigns to the requested type.

    The requested types are those of the test split. This is the score for generators that are
    conditioned on the type only. Arguments and errors are those of `evaluate_conditional`.
    """
    device = device or torch.device("cpu")
    test = load_split(root, version, "default", "test")
    spec = read_dcgan_config(run).options.condition_spec
    condition = conditions_from_split(spec, test, num_samples)
    model = load_generator(run, device)
    sprites, _ = generate_sprites(
        model, num_samples, 0, progress, condition=condition, keep_raw=False
    )
    logits = predict_logits(load_classifier(BUNDLED_CLASSIFIER, device), sprites)
    predicted = logits_to_labels(logits)[:, : len(TYPES)].int().argmax(dim=1)
    requested = condition[:, : len(TYPES)].argmax(dim=1)
    return float((predicted == requested).double().mean())


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
    if result.skin_tone:
        skin_tone = "The conditions include the skin tone"
    else:
        skin_tone = "Each sprite is compared with the closest of the four skin tones"
    lines += [
        "",
        "Conditions of held-out punks: unseen label sets are those that no training punk has. "
        f"{skin_tone}. Pixel rules decide {result.decidable_labels} of {len(LABELS)} labels. "
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


def _render_worst(samples: _Samples, num_targets: int) -> Image.Image:
    """Render the worst samples and some from the middle, with at most one sample per target."""
    order = torch.argsort(samples.wrong_pixels[:num_targets], descending=True, stable=True)
    middle = len(order) // 2
    rows = torch.cat([order[:SHOWN_SAMPLES], order[middle : middle + SHOWN_SAMPLES]])
    targets = samples.targets.take(rows)
    return render_conditional_samples(
        targets.labels, detect_skin_tones(targets.images), samples.sprites[rows], targets.images
    )


def _generate_samples(
    model: AnyGenerator, classifier: Classifier, targets: ConditionalTargets
) -> _Samples:
    sprites, _ = generate_sprites(
        model, len(targets.labels), 0, condition=targets.condition, keep_raw=False
    )
    differing = (sprites[:, None] != targets.variants).flatten(2).sum(dim=2)
    predicted = logits_to_labels(predict_logits(classifier, sprites)).bool()
    return _Samples(targets, sprites, differing.amin(dim=1), predicted)
