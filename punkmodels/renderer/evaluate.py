"""Evaluation of a renderer against the real punks of its conditions.

evaluation/conditional/metrics.json
evaluation/conditional/metrics.md   the same scores as tables
evaluation/conditional/conditional_samples.png
                            one row per sample: its condition, the rendered sprite, the
                            ground-truth punk, and wrong pixels in red; the 12 worst samples of
                            unseen label sets, followed by 12 from the middle

Type, accessories and skin tone determine every pixel, so there is one ground truth per condition,
and errors can be counted exactly.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from punkdata.errors import DataError
from punkdata.images.image_grid import compose_grid
from punkdata.images.palette import PALETTE
from punkdata.report import Report, Row
from punkdata.traits import LABELS, decode_labels
from punkmodels.choices import HELD_OUT_SPLITS, HeldOutSplit
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.palette import detect_skin_tones
from punkmodels.data.splits import load_split
from punkmodels.renderer.network import conditions_from_labels, load_renderer, read_renderer_config
from punkmodels.renderer.suites import SUITE_SEEDS, load_suites, make_suites_table, score_suites
from punkmodels.renderer.train import find_seen
from punkmodels.training.pretrained import hash_weights
from punkmodels.training.run_dir import Evaluation

CPU = torch.device("cpu")
SCORE_NAMES = {
    "num_samples": "samples",
    "label_exact_match": "label exact match (classifier)",
    "label_exact_match_by_rules": "label exact match (pixel rules)",
    "pixel_exact_match": "pixel-exact match",
    "wrong_pixels_median": "wrong pixels, median",
    "wrong_pixels_mean": "wrong pixels, mean",
}


def evaluate_renderer(
    run: Path,
    root: Path,
    *,
    version: str | None = None,
    split: HeldOutSplit = "held-out",
    device: torch.device = CPU,
) -> Evaluation:
    """Render the conditions of held-out punks, and compare the sprites with these punks.

    Two judges compare the visible labels: the bundled classifier, and `PixelRules`. Scores are
    computed for label sets that no training punk has (unseen) and for the others (seen), and for
    suites of outfits that no punk has, unless the snapshot has too few punks to draw them.
    The suites of the validation split are other ones than those of the test split and of both.
    `version` is by default the snapshot of the training. Raises UsageError if the run or the
    snapshot does not exist, and DataError if they are damaged or there are too few punks.
    """
    model, classifier = load_renderer(run, device), load_classifier(BUNDLED_CLASSIFIER, device)
    saved = read_renderer_config(run)
    version, scheme = version or saved.data.version, saved.options.split_scheme
    splits = {name: load_split(root, version, scheme, name) for name in ("train", "val", "test")}
    train, (description, names) = splits["train"], HELD_OUT_SPLITS[split]
    held_out = [splits[name] for name in names]

    def render(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
        sprites: torch.Tensor = model(conditions_from_labels(labels, skin_tones).to(device))
        return sprites.cpu()

    images = torch.cat([punks.images for punks in held_out])
    labels = torch.cat([punks.labels for punks in held_out])
    visible = torch.cat([punks.visible for punks in held_out]).bool()
    is_seen = find_seen(labels.bool(), train.labels)
    if is_seen.all() or not is_seen.any():
        raise DataError(
            f"'{train.path}' has too few punks: {description} must have some label sets that occur "
            "in the training split and some that do not"
        )
    skin_tones = detect_skin_tones(images)
    sprites = render(labels, skin_tones)
    rules = PixelRules(
        torch.cat([punks.images for punks in splits.values()]),
        torch.cat([punks.visible for punks in splits.values()]).bool(),
    )
    predicted = logits_to_labels(predict_logits(classifier, sprites))
    is_decided_right = (rules.predict(sprites) == visible)[:, rules.decidable].all(dim=1)
    wrong_pixels = (sprites != images).flatten(1).sum(dim=1).double()

    def score(rows: torch.Tensor) -> dict[str, float]:
        return {
            "num_samples": int(rows.sum()),
            "label_exact_match": _mean((predicted == visible).all(dim=1)[rows]),
            "label_exact_match_by_rules": _mean(is_decided_right[rows]),
            "pixel_exact_match": _mean(wrong_pixels[rows] == 0),
            "wrong_pixels_median": float(wrong_pixels[rows].quantile(0.5)),
            "wrong_pixels_mean": _mean(wrong_pixels[rows]),
        }

    scores = {
        "version": train.version,
        "split": split,
        "decidable_labels": int(rules.decidable.sum()),
        "unseen": score(~is_seen),
        "seen": score(is_seen),
        "suites": score_suites(
            render, load_suites(*splits.values(), seed=SUITE_SEEDS[split]), train
        ),
        "labels": recall_per_label(visible[~is_seen], predicted[~is_seen]),
        "weights_sha256": hash_weights(model),
    }
    # Draw the worst sprites of unseen label sets, and some from the middle.
    rows = torch.argsort(torch.where(is_seen, -1, wrong_pixels), descending=True, stable=True)
    middle = int((~is_seen).sum()) // 2
    rows = torch.cat([rows[:12], rows[middle : middle + 12]])
    picture = draw_samples(labels[rows], skin_tones[rows], sprites[rows], images[rows])
    return Evaluation(scores, make_tables(scores), {"conditional_samples.png": picture})


class PixelRules:
    """Rules that decide labels from pixels alone, without a network.

    The marks of a label are the pixels that are equal on all female, or on all other, punks with
    this label. A sprite has the label if it has all of these marks. A label is `decidable`, bool
    (92,), if this rule is correct for all real punks.
    """

    def __init__(self, sprites: torch.Tensor, visible: torch.Tensor) -> None:
        is_female = visible[:, LABELS.index("Female")]
        self.marks: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        for label in range(len(LABELS)):
            for is_group in (is_female, ~is_female):
                group = sprites.flatten(1)[is_group & visible[:, label]]
                if len(group):
                    positions = (group == group[0]).all(dim=0).nonzero()[:, 0]
                    self.marks.append((label, positions, group[0, positions]))
        self.decidable: torch.Tensor = (self._match(sprites) == visible).all(dim=0) & visible.any(
            dim=0
        )

    def predict(self, sprites: torch.Tensor) -> torch.Tensor:
        """Return labels, bool (N, 92); False for labels that are not decidable."""
        return self._match(sprites) & self.decidable

    def _match(self, sprites: torch.Tensor) -> torch.Tensor:
        flat = sprites.flatten(1)
        matches = torch.zeros(len(sprites), len(LABELS), dtype=torch.bool)
        for label, positions, colors in self.marks:
            matches[:, label] |= (flat[:, positions] == colors).all(dim=1)
        return matches


def recall_per_label(expected: torch.Tensor, predicted: torch.Tensor) -> list[dict[str, Any]]:
    """Return each label, (N, 92), with its samples and its recall, the worst first."""
    rows = [
        {"label": label, "samples": int(has.sum()), "recall": _mean(predicted[has, i])}
        for i, (label, has) in enumerate(zip(LABELS, expected.T, strict=True))
        if has.any()
    ]
    return sorted(rows, key=lambda row: (row["recall"], row["samples"]))


def make_tables(scores: dict[str, Any]) -> list[Report]:
    """Return tables of the scores, of the suites, if any, and of the recall of each label."""
    rows = [
        Row(name, (scores["unseen"][key], scores["seen"][key])) for key, name in SCORE_NAMES.items()
    ]
    note = (
        f"Conditions of the punks of {HELD_OUT_SPLITS[scores['split']][0]}: unseen label sets are "
        "those that no training punk has. "
        f"Pixel rules decide {scores['decidable_labels']} of {len(LABELS)} labels. "
        f"Snapshot {scores['version']}."
    )
    labels = [Row(row["label"], (row["samples"], row["recall"])) for row in scores["labels"]]
    return [
        Report(rows, ("score", "unseen", "seen"), (note,)),
        *([make_suites_table(scores["suites"])] if scores["suites"] else []),
        Report(labels, ("label (unseen sets)", "samples", "recall")),
    ]


def draw_samples(
    labels: torch.Tensor, skin_tones: torch.Tensor, sprites: torch.Tensor, images: torch.Tensor
) -> Image.Image:
    """Return a picture with a row per sample: condition, sprite, punk, and wrong pixels in red."""
    red = int(np.abs(PALETTE.astype(int) - (255, 0, 0, 255)).sum(axis=1).argmin())
    wrong = torch.where(sprites != images, red, 0).to(torch.uint8)
    captions = []
    for row, tone, num_wrong in zip(labels, skin_tones, (wrong > 0).sum(dim=(1, 2)), strict=True):
        punk_type, accessories = decode_labels(row.numpy())
        skin_tone = f", skin tone {tone}" if tone else ""
        lines = [punk_type + skin_tone, *accessories, f"{num_wrong} wrong pixels"]
        captions.append("\n".join(lines))
    tiles = PALETTE[torch.stack([sprites, images, wrong], dim=1).flatten(0, 1).numpy()]
    return compose_grid(tiles, columns=3, scale=4, captions=captions, caption_px=180)


def _mean(values: torch.Tensor) -> float:
    return float(values.double().mean())
