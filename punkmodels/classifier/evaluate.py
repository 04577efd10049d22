"""Evaluation of a classifier on a held-out split."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image

from punkdata.analysis.outfit_suites import HELD_OUT_PAIRS, SUITE_NAMES, OutfitSuite
from punkdata.images.image_grid import compose_grid
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import SIDE_PX
from punkdata.progress import Progress
from punkdata.report import Report, Row
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.classifier import Classifier, predict_logits
from punkmodels.classifier.metrics import MIN_SUPPORT, score_logits
from punkmodels.classifier.networks import logits_to_labels, logits_to_probabilities
from punkmodels.classifier.pretrained import load_classifier, read_classifier_config
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.suites import SUITE_SEEDS, load_suites
from punkmodels.training.pretrained import check_same_data, hash_weights
from punkmodels.training.run_dir import Evaluation

CPU = torch.device("cpu")
SCORE_NAMES = {
    "exact_match": "exact match",
    "macro_average_precision": "macro-AP",
    "macro_auroc": "macro-AUROC",
    "micro_auroc": "micro-AUROC",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
}
MAX_DRAWN = 100
"""Largest number of punks in errors.png; `misclassified` in metrics.json lists all."""
RANKING_SCORES = ("macro_average_precision", "macro_auroc", "micro_auroc")
"""Scores of a ranking. Predicting exactly the visible labels does not bound them."""
SUITES = ("new_sets", "unmet_pairs", "many_accessories", "foreign_types")
SUITES_NOTE = (
    "Outfits that no punk has, with all accessories visible, drawn from the layers of all punks. "
    "New sets: slots are filled as often as in punks, with any accessory. Unmet pairs: with two "
    "accessories that no training example has together, also none that is composed. Six and more: "
    "with six or seven accessories. Foreign types: Zombies, Apes and Aliens with an accessory that "
    "no training punk of the type has."
)


def evaluate_classifier(
    run: Path,
    root: Path,
    split: Literal["val", "test"] = "test",
    *,
    version: str | None = None,
    device: torch.device = CPU,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Evaluate a run or exported weights on a held-out split of the scheme of their training.

    `version` is by default the snapshot of the training. Another one must have the same pixels,
    labels and splits, because its split could otherwise contain training data. `progress` is called
    with the number of bootstrap resamples and their total. A classifier of all labels is also
    scored on suites of outfits that no punk has, unless the snapshot has too few punks to draw
    them; those of the validation split are other ones than those of the test split. Raises
    UsageError if the snapshot does not exist or lists no hidden labels, and DataError if it differs
    or a file is damaged.
    """
    model = load_classifier(run, device)
    saved = read_classifier_config(run)
    data = load_split(root, version or saved.data.version, saved.options.split_scheme, split)
    check_same_data(saved, data.data_config)
    if saved.options.visible_only:
        data.require_hidden_labels()
    title = f"{run} on {len(data):,} punks, {split} split of {data.version}"
    evaluation = evaluate_logits(data, predict_logits(model, data.images), split, title, progress)
    evaluation.scores["weights_sha256"] = hash_weights(model)
    if model.classes == LABELS:
        suites = _load_suites(root, data.version, saved.options.split_scheme, split)
        scores = evaluation.scores["suites"] = score_suites(model, suites)
        if scores:
            first, *others = evaluation.tables
            tables = [first, make_suites_table(scores), *others]
            evaluation = replace(evaluation, tables=tables)
    return evaluation


@lru_cache(maxsize=2)  # They take longer to draw than to classify.
def _load_suites(
    root: Path, version: str, scheme: str, split: Literal["val", "test"]
) -> dict[str, OutfitSuite]:
    splits = [load_split(root, version, scheme, name) for name in ("train", "val", "test")]
    return load_suites(*splits, seed=SUITE_SEEDS[split], pairs=HELD_OUT_PAIRS, names=SUITES)


def score_suites(
    model: Classifier, suites: Mapping[str, OutfitSuite]
) -> dict[str, dict[str, float]]:
    """Return the share of outfits of each suite whose labels are all predicted correctly."""
    scores = {}
    for name, suite in suites.items():
        images = torch.from_numpy(suite.sprites).view(-1, SIDE_PX, SIDE_PX)
        predicted = logits_to_labels(predict_logits(model, images)).numpy()
        is_right = (predicted == suite.labels).all(axis=1)
        scores[name] = {"num_samples": len(is_right), "exact_match": float(is_right.mean())}
    return scores


def make_suites_table(scores: Mapping[str, Mapping[str, Any]]) -> Report:
    """Return a table of `score_suites` with a column for each suite."""
    names = {"num_samples": "outfits", "exact_match": "exact match"}
    rows = [
        Row(name, tuple(suite[key] for suite in scores.values())) for key, name in names.items()
    ]
    return Report(rows, ("legal outfits", *(SUITE_NAMES[name] for name in scores)), (SUITES_NOTE,))


def evaluate_logits(
    data: SplitTensors,
    logits: torch.Tensor,
    split: str,
    title: str,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Compare logits, (N, 92) or (N, 5) for types only, with the labels of a split."""
    visible, raw = (t[:, : logits.shape[1]] > 0 for t in (data.visible, data.labels))
    is_wrong = (logits_to_labels(logits) != visible).any(dim=1).numpy()
    scores: dict[str, Any] = {
        "version": data.version,
        "split": split,
        "punks": len(data),
        **score_logits(visible.numpy(), raw.numpy(), logits, progress),
        "misclassified": data.punk_ids[is_wrong].tolist(),
    }
    return Evaluation(scores, make_tables(title, scores), {"errors.png": draw_errors(data, logits)})


def make_tables(title: str, scores: dict[str, Any]) -> list[Report]:
    rows = []
    for key, name in SCORE_NAMES.items():
        interval = "{:.4f} to {:.4f}".format(*scores["visible_95"][key])
        ceiling = "-" if key in RANKING_SCORES else scores["ceiling_visible_only"][key]
        rows.append(Row(name, (scores["visible"][key], interval, scores["raw"][key], ceiling)))
    notes = (
        title,
        f"Means over labels (macro) include the {scores['labels_counted']} labels with at least "
        f"{MIN_SUPPORT} punks. Visible labels are those that at least one pixel shows, raw labels "
        "are those as published. The ceiling is the score on raw labels of a classifier that "
        "predicts exactly the visible labels; AP and AUROC, which score a ranking, have none.",
        "Calibration error of the whole answer (confidence against exact match): "
        f"{scores['joint_calibration_error']:.4f}. Labels at or below the majority "
        f"baseline: {_shorten(scores['at_or_below_majority'])}.",
    )
    confusion = [
        Row(name, tuple(row)) for name, row in zip(TYPES, scores["type_confusion"], strict=True)
    ]
    is_perfect = {row["label"]: _is_perfect(row) for row in scores["labels"]}
    labels = [Row(label, tuple(row)) for label, *row in map(dict.values, scores["labels"])]
    labels.sort(key=lambda row: is_perfect[row.label])
    num_perfect = sum(is_perfect.values())
    columns = ("label", "punks", "hidden", "AP", "recall", "precision", "accuracy", "gain")
    gain = (
        f"{num_perfect} of {len(labels)} labels have no error (AP, recall, precision and accuracy "
        "1); metrics.md lists them, too. Gain: accuracy minus that of always predicting the "
        "majority value."
    )
    return [
        Report(rows, ("score", "visible", "95% interval", "raw", "ceiling"), notes),
        Report(confusion, ("true type (rows), predicted type (columns)", *TYPES)),
        Report(labels, columns, (gain,), num_brief_rows=len(labels) - num_perfect),
    ]


def _shorten(labels: list[str]) -> str:
    """Return the first labels of a list, and the number of the others."""
    others = len(labels) - 5
    return ", ".join(labels[:5]) + (f" and {others} others" if others > 0 else "") or "none"


def _is_perfect(scores: dict[str, Any]) -> bool:
    """Return whether the scores of a label, as far as they are defined, are shown as 1.0000."""
    names = ("average_precision", "recall", "precision", "accuracy")
    return all(scores[name] is None or scores[name] >= 0.99995 for name in names)


def draw_errors(data: SplitTensors, logits: torch.Tensor) -> Image.Image:
    """Draw each punk with a wrong visible label, with its missed and false labels."""
    probabilities, predicted = logits_to_probabilities(logits), logits_to_labels(logits)
    truth = data.visible[:, : logits.shape[1]] > 0
    rows = (predicted != truth).any(dim=1).nonzero()[:MAX_DRAWN, 0].tolist()
    captions = []
    for row in rows:
        expected = ", ".join(LABELS[i] for i in truth[row].nonzero()[:, 0].tolist())
        errors = [
            f"{'false' if predicted[row, i] else 'missed'}: {LABELS[i]}, probability "
            f"{float(probabilities[row, i]):.2f}"
            for i in (predicted[row] != truth[row]).nonzero()[:, 0].tolist()
        ]
        captions.append("\n".join([f"punk {data.punk_ids[row]}: {expected}", *errors]))
    sprites = PALETTE[data.images[rows].numpy()]
    return compose_grid(sprites, 1, 4, captions=captions or ["no errors"], caption_px=520)
