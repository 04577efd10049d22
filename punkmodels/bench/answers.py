"""Answers of any model: arrays, tables or files, checked against what a track asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from punkdata.errors import NoFileError, PunkError, UsageError
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
    find_ids,
    read_predictions,
    read_table,
    refuse_nan,
    to_floats,
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
    if ids is not None and isinstance(answers, str | Path):
        raise UsageError("ids= belongs to arrays; a file has its own ids", hint="remove ids=")
    where = f"the track {track.name}"
    if track.answer == "labels":
        logits = _read_logits(inputs, answers, ids, where)
        if track.name == "corruptions":
            return CorruptionScorer(inputs.truth["visible"], logits)
        return LabelScorer(inputs.truth["visible"], logits, rare or (), pairs or ())
    if track.answer == "realness":
        return RealnessScorer(inputs.truth["kind"], _read_realness(inputs, answers, ids, where))
    if ids is not None:
        raise UsageError(f"{where} needs answers in the order of its inputs", hint="remove ids=")
    if track.answer == "saliency":
        maps = _read_maps(inputs, answers)
        return score_saliency(inputs.truth["masks"], maps, inputs.arrays["label_ids"])
    return DrawingScorer(inputs.truth["sprites"], _read_sprites(inputs, answers))


@contextmanager
def name_in_errors(answers: AnswersLike, number: int, count: int) -> Iterator[None]:
    """Say in errors which answers are wrong, by their file or their number."""
    try:
        yield
    except PunkError as error:
        is_file = isinstance(answers, str | Path)
        name = f"'{answers!s}'" if is_file else f"answers {number} of {count}"
        if name not in error.message and (is_file or count > 1):
            error.message = f"{name}: {error.message}"
        if "image_array=" in (error.hint or ""):
            error.hint = "name the array of sprites images"
        raise


def _read_logits(
    inputs: TrackInputs, answers: AnswersLike, ids: ArrayLike | None, where: str
) -> torch.Tensor:
    predictions = read_predictions(answers, ids)
    if predictions.values.shape[1] != len(LABELS):
        raise UsageError(f"{where} needs scores of all {len(LABELS)} labels, not of types only")
    rows = align(predictions, inputs.ids, where)
    try:
        logits, _ = to_logits(predictions.values)
    except UsageError as error:
        hint = "probabilities are from 0 to 1, and logits of labels that are absent are below 0"
        raise UsageError(error.message, hint=hint) from None
    return logits[torch.tensor(rows)]


def _read_realness(
    inputs: TrackInputs, answers: AnswersLike, ids: ArrayLike | None, where: str
) -> NDArray[np.float64]:
    """Read a score for each image: a column `score`, or an array `scores`."""
    values: Any = answers
    own_ids: Any = None
    if isinstance(answers, str | Path):
        values, own_ids = _read_score_file(expand_user(answers))
    elif hasattr(values, "to_frame"):  # A Series
        values, own_ids = _split_table(values.to_frame("score"))
    elif hasattr(values, "columns"):
        values, own_ids = _split_table(values)
    scores = to_floats(values)
    if scores.ndim != 1:
        raise UsageError(f"{where} needs one score for each image, not the shape {scores.shape}")
    refuse_nan(scores)
    ids = own_ids if ids is None else ids
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
        raise UsageError(
            f"'{path}' has no array named scores",
            hint="save it with: numpy.savez(path, scores=scores, image_ids=image_ids)",
        )
    return arrays["scores"], find_ids(arrays)


def _split_table(frame: Any) -> tuple[Any, Any]:
    """Return the column `score`, and the column or index with ids if there is one."""
    if "score" not in frame.columns:
        raise UsageError("there is no column named score")
    return frame["score"].to_numpy(), find_ids(frame)


def _read_maps(inputs: TrackInputs, answers: AnswersLike) -> NDArray[np.float64]:
    shape = inputs.truth["masks"].shape
    maps = to_floats(_read_in_order(inputs, answers, "saliency"), "saliency maps")
    if maps.shape != shape:
        raise UsageError(f"saliency maps must have the shape {shape}, not {maps.shape}")
    refuse_nan(maps)
    return maps


def _read_sprites(inputs: TrackInputs, answers: AnswersLike) -> NDArray[np.uint8]:
    values, shape = _read_in_order(inputs, answers, "images"), inputs.truth["sprites"].shape
    if isinstance(values, torch.Tensor) and values.dtype == torch.uint8:
        values = values.cpu().numpy()
    is_array = isinstance(values, np.ndarray | torch.Tensor)
    found = f"{values.dtype} {tuple(values.shape)}" if is_array else type(values).__name__
    if not isinstance(values, np.ndarray) or values.dtype != np.uint8 or values.shape != shape:
        raise UsageError(
            f"sprites must be uint8 {shape}, RGBA in the order of the label sets, not {found}"
        )
    return values


def _read_in_order(inputs: TrackInputs, answers: AnswersLike, name: str) -> Any:
    """Return answers, or the array of a file, whose ids must be in the order of the inputs."""
    if not isinstance(answers, str | Path):
        return answers
    path = expand_user(answers)
    if not path.is_file():
        raise NoFileError(f"'{path}' does not exist or is not a file")
    if path.suffix.lower() == ".npy":
        return load_images(path)[0]
    if path.suffix.lower() != ".npz":
        raise UsageError(f"'{path}' is not a file of arrays", hint="accepted are: .npy, .npz")
    arrays = load_arrays(path)
    if name not in arrays:
        raise UsageError(
            f"'{path}' has no array named {name}",
            hint=f"save it with: numpy.savez(path, {name}={name})",
        )
    for key in arrays.keys() & {"punk_ids", "label_ids"} & inputs.arrays.keys():
        if not np.array_equal(arrays[key], inputs.arrays[key]):
            raise UsageError(
                f"'{path}' has other {key} than the inputs, or another order",
                hint="answer all rows of the inputs in their order",
            )
    return arrays[name]
