"""Answers of any model: arrays, tables or files, checked against what a track asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from punkdata.errors import DataError, NoFileError, UsageError
from punkdata.paths import expand_user
from punkdata.traits import LABELS
from punkmodels.bench.inputs import TrackInputs
from punkmodels.bench.scores import (
    CorruptionScorer,
    DrawingScorer,
    LabelScorer,
    RealnessScorer,
    TrackScorer,
    score_saliency,
)
from punkmodels.bench.tracks import Track
from punkmodels.data.array_files import load_arrays, load_images
from punkmodels.predictions import (
    Predictions,
    align,
    check_ids,
    read_predictions,
    read_table,
    to_logits,
)

if TYPE_CHECKING:
    import pandas as pd

    AnswersLike: TypeAlias = ArrayLike | torch.Tensor | pd.DataFrame | str | Path


def make_scorer(
    track: Track,
    inputs: TrackInputs,
    answers: AnswersLike,
    ids: ArrayLike | None = None,
    rare: list[int] | None = None,
    pairs: list[tuple[int, int]] | None = None,
) -> TrackScorer:
    """Read the answers of one model, and return what scores them.

    Raises UsageError if their kind, shape, values or ids are not what the track expects, and
    DataError if a file is damaged.
    """
    where = f"the track {track.name}"
    if track.answer == "labels":
        logits = _read_logits(inputs, answers, ids, where)
        if track.name == "corruptions":
            return CorruptionScorer(inputs.truth["visible"], logits)
        return LabelScorer(inputs.truth["visible"], logits, rare or (), pairs or ())
    if track.answer == "realness":
        return RealnessScorer(inputs.truth["kind"], _read_realness(inputs, answers, ids, where))
    if track.answer == "saliency":
        maps = _read_array(answers, "saliency", inputs.truth["masks"].shape)
        return score_saliency(inputs.truth["masks"], maps, inputs.arrays["label_ids"])
    sprites = _read_sprites(answers, inputs.truth["sprites"].shape)
    return DrawingScorer(inputs.truth["sprites"], sprites)


def _read_logits(
    inputs: TrackInputs, answers: AnswersLike, ids: ArrayLike | None, where: str
) -> torch.Tensor:
    predictions = read_predictions(answers, ids)
    if predictions.values.shape[1] != len(LABELS):
        raise UsageError(f"{where} needs scores of all {len(LABELS)} labels, not of types only")
    logits, _ = to_logits(predictions.values)
    return logits[torch.tensor(align(predictions, inputs.ids, where))]


def _read_realness(
    inputs: TrackInputs, answers: AnswersLike, ids: ArrayLike | None, where: str
) -> NDArray[np.float64]:
    """Read a score for each image: a column `score`, or an array `scores`."""
    values: Any = answers
    if isinstance(answers, str | Path):
        values, ids = _read_score_file(expand_user(answers))
    elif hasattr(answers, "columns"):
        values, ids = _split_table(answers)
    scores = _to_floats(values)
    if scores.ndim != 1:
        raise UsageError(f"{where} needs one score for each image, not the shape {scores.shape}")
    found = Predictions(scores, None if ids is None else check_ids(ids, len(scores)))
    return scores[list(align(found, inputs.ids, where))]


def _read_score_file(path: Path) -> tuple[Any, Any]:
    if not path.is_file():
        raise NoFileError(f"'{path}' does not exist or is not a file")
    if path.suffix.lower() in (".csv", ".parquet"):
        return _split_table(read_table(path))
    if path.suffix.lower() != ".npz":
        raise UsageError(
            f"'{path}' is not a file of scores", hint="accepted are: .csv, .parquet, .npz"
        )
    arrays = load_arrays(path)
    if "scores" not in arrays:
        raise UsageError(f"'{path}' has no array named scores")
    return arrays["scores"], arrays.get("image_ids")


def _split_table(frame: Any) -> tuple[Any, Any]:
    if "score" not in frame.columns:
        raise UsageError("there is no column named score")
    return frame["score"].to_numpy(), frame["image_id"].to_numpy() if "image_id" in frame else None


def _read_array(answers: AnswersLike, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    values: Any = answers
    if isinstance(answers, str | Path):
        values, _ = load_images(_existing(answers), defaults=(name,))
    array = _to_floats(values)
    if array.shape != shape:
        raise UsageError(f"{name} must have the shape {shape}, not {array.shape}")
    return array


def _read_sprites(answers: AnswersLike, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    values: Any = answers
    if isinstance(answers, str | Path):
        values, _ = load_images(_existing(answers))
    array = np.asarray(values.cpu() if isinstance(values, torch.Tensor) else values)
    if array.shape != shape or array.dtype != np.uint8:
        raise UsageError(
            f"sprites must be uint8 {shape}, RGBA in the order of the label sets, not "
            f"{array.dtype} {array.shape}"
        )
    return array


def _existing(path: str | Path) -> Path:
    found = expand_user(path)
    if not found.is_file():
        raise NoFileError(f"'{path}' does not exist or is not a file")
    if found.suffix.lower() not in (".npy", ".npz"):
        raise UsageError(f"'{path}' is not a file of arrays", hint="accepted are: .npy, .npz")
    return found


def _to_floats(values: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(values.cpu() if isinstance(values, torch.Tensor) else values)
        floats: NDArray[np.float64] = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"answers must be numbers ({error})") from None
    if np.isnan(floats).any():
        raise DataError("the answers contain NaN or empty cells")
    return floats
