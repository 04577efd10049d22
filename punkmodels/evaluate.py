"""Score a run on held-out punks, and predict single images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from punkdata.dataset import PunkDataset
from punkdata.errors import DataError, ImageError
from punkdata.images import decode_image
from punkdata.traits import LABELS, TYPES, decode_labels
from punkmodels.checkpoint import load_checkpoint
from punkmodels.classifier import decide, to_indices
from punkmodels.classifier_run import load_classifier, read_classifier_config
from punkmodels.metrics import average_precision, exact_match, f1, gain_over_majority
from punkmodels.runs import write_json

BATCH = 1000


@dataclass(frozen=True)
class LabelScore:
    label: str
    support: int
    """punks of the split that carry it"""
    average_precision: float | None
    """None where no punk of the split carries it; so are recall and precision"""
    recall: float | None
    precision: float | None
    """None also where it was never predicted"""
    accuracy: float
    gain: float
    """accuracy less that of always guessing the label's more frequent value"""


@dataclass(frozen=True)
class Evaluation:
    run: str
    split: str
    version: str
    epochs: int
    """epochs trained so far"""
    finished: bool
    """False for a run that was stopped"""
    punks: int
    macro_average_precision: float
    """mean over the labels that occur in the split"""
    labels_with_support: int
    micro_f1: float
    macro_f1: float
    """mean over the labels that occur in the split; one never predicted counts 0"""
    exact_match: float
    """share of punks with all 92 labels right"""
    type_accuracy: float
    labels: tuple[LabelScore, ...]
    """the least gain first"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_classifier(
    run: Path,
    root: Path,
    split: Literal["val", "test"],
    *,
    version: str | None = None,
    device: torch.device | None = None,
) -> Evaluation:
    """Score a run, and write the scores to its folder as evaluation/<split>.json.

    Args:
        version: the snapshot to score on; by default the one the run was trained on. It
            must have the same labels, splits and pixels, or held-out punks would not be.

    Raises:
        UsageError: there is no such snapshot.
        DataError: the snapshot is another data set than the run's, or a file is damaged.
    """
    device = device or torch.device("cpu")
    model = load_classifier(run, device)
    trained_on = read_classifier_config(run).data
    data = PunkDataset(root, version or trained_on.version, split)
    if data.manifest.labels_hash != trained_on.labels_hash:
        raise DataError(
            f"snapshot {data.version} has other labels or splits than the one {run} was "
            f"trained on ({trained_on.version})",
            try_next="train a new run on it: punkmodels train",
        )
    images, labels = data.as_tensors()
    logits = predict_logits(model, images, device)
    truth = labels.numpy() > 0
    _, facts = load_checkpoint(run)
    done = {"epochs": facts.epoch + 1, "finished": facts.finished}
    result = score(truth, logits, run=str(run), split=split, version=data.version, **done)
    write_json(run / "evaluation" / f"{split}.json", result.to_json())
    return result


def predict_logits(model: nn.Module, images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """float32 (N, 92) on the CPU, of uint8 (N, 4, 24, 24)."""
    indices = to_indices(images)
    with torch.inference_mode():
        parts = [model(part.to(device)).cpu() for part in torch.split(indices, BATCH)]
    return torch.cat(parts)


def score(
    truth: np.ndarray[Any, np.dtype[np.bool_]],
    logits: torch.Tensor,
    **about: Any,
) -> Evaluation:
    """All scores of logits (N, 92) against the truth, bool (N, 92).

    Args:
        about: the fields of the result that are no scores: run, split, version, …
    """
    predicted = decide(logits).numpy()
    gains = gain_over_majority(truth, predicted)
    hits = (truth & predicted).sum(axis=0)
    rows = []
    for i, label in enumerate(LABELS):
        support, chosen = int(truth[:, i].sum()), int(predicted[:, i].sum())
        rows.append(
            LabelScore(
                label=label,
                support=support,
                average_precision=average_precision(truth[:, i], logits[:, i].numpy())
                if support
                else None,
                recall=float(hits[i] / support) if support else None,
                precision=float(hits[i] / chosen) if support and chosen else None,
                accuracy=float((truth[:, i] == predicted[:, i]).mean()),
                gain=float(gains[i]),
            )
        )
    occurring = truth.any(axis=0)
    types = slice(0, len(TYPES))
    return Evaluation(
        **about,
        punks=len(truth),
        macro_average_precision=float(
            np.mean([r.average_precision for r in rows if r.average_precision is not None])
        ),
        labels_with_support=int(occurring.sum()),
        micro_f1=float(f1(truth, predicted, axis=None)),
        macro_f1=float(f1(truth, predicted)[occurring].mean()),
        exact_match=exact_match(truth, predicted),
        type_accuracy=exact_match(truth[:, types], predicted[:, types]),
        labels=tuple(sorted(rows, key=lambda r: (r.gain, r.label))),
    )


@dataclass(frozen=True)
class Prediction:
    path: str
    type: str
    accessories: tuple[str, ...]
    image_confidence: float
    """the probability that the sprite was read rightly; 1 from a lossless picture"""
    scores: dict[str, float]
    """label -> probability, all 92 of them, the likeliest first"""


def predict_images(
    run: Path, paths: list[Path], device: torch.device
) -> Iterator[Prediction | ImageError]:
    """A prediction for each image, or why there is none, in the order given.

    Raises:
        DataError: the run has no whole checkpoint.
    """
    model = load_classifier(run, device)
    for path in paths:
        try:
            decoded = decode_image(path.read_bytes())
        except OSError as error:
            yield ImageError(f"{path} cannot be read ({error.strerror})")
            continue
        except ImageError as error:
            yield ImageError(f"{path} {error.message}", try_next=error.try_next)
            continue
        image = torch.from_numpy(decoded.sprite).permute(2, 0, 1)[None]
        logits = predict_logits(model, image, device)
        punk_type, accessories = decode_labels(decide(logits)[0].numpy().astype(np.uint8))
        scores = dict(zip(LABELS, logits[0].sigmoid().tolist(), strict=True))
        ranked = dict(sorted(scores.items(), key=lambda item: -item[1]))
        yield Prediction(str(path), punk_type, accessories, decoded.confidence, ranked)
