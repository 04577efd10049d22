"""Predictions of any classifier: reading them from a file, and their conversion to logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from punkdata.errors import DataError, NoFileError, UsageError
from punkdata.paths import expand_user
from punkdata.traits import LABELS, TYPES, find_label
from punkmodels.data.array_files import list_arrays, load_arrays

if TYPE_CHECKING:
    import pandas as pd

    ScoresLike: TypeAlias = ArrayLike | torch.Tensor | pd.DataFrame | str | Path

Kind = Literal["auto", "probabilities", "logits"]
SUFFIXES = (".csv", ".parquet", ".npz")
ID_COLUMNS = ("punk_id", "image_id")
"""Columns that name the row of a prediction; arrays in a .npz have the plural."""
MAX_ROWS = 100_000  # of a file
TOLERANCE = 1e-6  # of probabilities, which can be rounded in float32
SUPPORTED = (
    f"predictions must have the shape (N, {len(LABELS)}), in the order of punkdata.LABELS, or "
    f"(N, {len(TYPES)}) for types only"
)


@dataclass(frozen=True)
class Predictions:
    """Scores of labels, float64 (N, 92) or (N, 5), and the punks they belong to, if known."""

    values: NDArray[np.float64]
    punk_ids: NDArray[np.int64] | None = None


def read_predictions(scores: ScoresLike, punk_ids: ArrayLike | None = None) -> Predictions:
    """Return predictions from an array, a tensor, a DataFrame or a file.

    Raises UsageError if their shape, columns or ids are not usable, and DataError if a file is
    damaged.
    """
    if isinstance(scores, str | Path):
        return _read_file(expand_user(scores))
    found = _from_frame(scores) if hasattr(scores, "columns") else Predictions(to_floats(scores))
    ids = found.punk_ids if punk_ids is None else punk_ids
    return _check(found.values, ids)


def is_predictions_file(path: Path) -> bool:
    """Return whether a file has predictions, and not images, by its extension or its arrays."""
    if path.suffix.lower() == ".npz" and path.is_file():
        return "scores" in list_arrays(path)
    return path.suffix.lower() in SUFFIXES


def to_logits(values: NDArray[np.float64], kind: Kind = "auto") -> tuple[torch.Tensor, str]:
    """Return logits, float64 (N, L), and whether the values are "probabilities" or "logits".

    With "auto", values from 0 to 1 are probabilities, and values of which some are negative are
    logits; others, for example percentages, are refused with UsageError, as are probabilities
    outside [0, 1].
    """
    if kind not in ("auto", "probabilities", "logits"):
        raise UsageError(f"kind must be auto, probabilities or logits, not {kind!r}")
    low, high = values.min(), values.max()
    is_unit = low >= -TOLERANCE and high <= 1 + TOLERANCE
    if kind == "probabilities" and not is_unit:
        raise UsageError(f"probabilities must be from 0 to 1, not from {low:g} to {high:g}")
    if kind == "auto" and not is_unit and low > -0.01:
        raise UsageError(
            f"values from {low:g} to {high:g} are neither probabilities nor clearly logits",
            hint='pass kind="logits" for logits, or divide percentages by 100',
        )
    if kind == "logits" or not is_unit:
        return torch.from_numpy(values), "logits"
    probabilities = torch.from_numpy(values.clip(0, 1))
    if probabilities.shape[1] == len(TYPES):  # A softmax, of which the logarithm is the inverse.
        if not (probabilities.sum(dim=1) > 0).all():
            raise UsageError("the probabilities of the types are all 0 in some rows")
        return probabilities.log(), "probabilities"
    return probabilities.logit(), "probabilities"


def _read_file(path: Path) -> Predictions:
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"'{path}' is not a file of predictions", hint=f"accepted are: {', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise NoFileError(f"'{path}' does not exist or is not a file")
    try:
        if path.suffix.lower() != ".npz":
            found = _from_frame(read_table(path))
            return _check(found.values, found.punk_ids)
        arrays = load_arrays(path)
        if "scores" not in arrays:
            raise UsageError(
                "there is no array named scores",
                hint="save it with: numpy.savez(path, scores=scores, punk_ids=punk_ids)",
            )
        return _check(to_floats(arrays["scores"]), find_ids(arrays))
    except UsageError as error:
        raise UsageError(f"'{path}': {error.message}", hint=error.hint) from None


def read_table(path: Path) -> pd.DataFrame:
    """Read a .csv or a .parquet with at most `MAX_ROWS` rows."""
    import pandas as pd
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() == ".parquet":
            num_rows = pq.read_metadata(path).num_rows
            frame = pd.read_parquet(path) if num_rows <= MAX_ROWS else pd.DataFrame()
        else:
            frame = pd.read_csv(path, nrows=MAX_ROWS + 1)
            num_rows = len(frame)
    except Exception as error:  # noqa: BLE001  # pandas and pyarrow raise many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"'{path}' cannot be read as a table ({reason})") from None
    if num_rows > MAX_ROWS:
        raise UsageError(f"there are more than {MAX_ROWS:,} rows")
    return frame


def _from_frame(frame: Any) -> Predictions:
    """Return the columns of a pandas DataFrame that are named after labels, and its punk ids."""
    columns: dict[str, Any] = {}
    for column in frame.columns:
        label = find_label(str(column))
        if label in columns:
            raise UsageError(f"several columns belong to the label {label}")
        if label:
            columns[label] = column
    has_accessories = bool(columns.keys() - set(TYPES))
    names = LABELS if has_accessories or not columns else TYPES
    if missing := [name for name in names if name not in columns]:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise UsageError(
            f"{len(missing)} of {len(names)} columns are missing: {shown}",
            hint="name one column after each label of punkdata.LABELS",
        )
    return Predictions(to_floats(frame[[columns[name] for name in names]]), find_ids(frame))


def find_ids(table: Any) -> Any:
    """Return the column or index of a DataFrame, or the array of a .npz, that has ids, or None."""
    ids = None
    for name in ID_COLUMNS:
        if isinstance(table, dict):
            ids = table.get(f"{name}s", ids)
        elif name in table.columns:
            ids = table[name].to_numpy()
        elif table.index.name == name:
            ids = table.index.to_numpy()
    return ids


def to_floats(values: Any, name: str = "predictions") -> NDArray[np.float64]:
    """Return an array, a tensor or a sequence as float64; raises UsageError without numbers."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.double() if values.is_floating_point() else values
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "cmM":
            return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers ({error})") from None
    raise UsageError(f"{name} must be real numbers, not {array.dtype}")


def _check(values: NDArray[np.float64], ids: Any) -> Predictions:
    if values.ndim != 2 or values.shape[1] not in (len(LABELS), len(TYPES)) or not len(values):
        raise UsageError(f"{SUPPORTED}, not {values.shape}")
    refuse_nan(values)
    return Predictions(values, None if ids is None else check_ids(ids, len(values)))


def refuse_nan(values: NDArray[np.float64]) -> None:
    """Raise UsageError if values contain NaN, as which empty cells are read."""
    if np.isnan(values).any():
        raise UsageError("predictions contain NaN or empty cells")


def check_ids(ids: Any, count: int) -> NDArray[np.int64]:
    """Return ids as int64 (count,); raises UsageError if they are not so many integers."""
    numbers = to_floats(ids, "ids")
    # Larger integers are not exact in float64; the comparison is also false for NaN.
    is_id = (numbers == np.rint(numbers)) & (abs(numbers) < 2**53)
    if numbers.shape != (count,) or not is_id.all():
        raise UsageError(f"ids must be {count:,} integers, one for each row")
    return numbers.astype(np.int64)


def align(predictions: Predictions, punk_ids: NDArray[np.integer], where: str) -> Sequence[int]:
    """Return the row of the predictions for each punk or image, of what errors call `where`.

    Without ids, the rows must be in the same order. Raises UsageError if the predictions are of
    others.
    """
    count = len(predictions.values)
    if predictions.punk_ids is None:
        if count != len(punk_ids):
            raise UsageError(
                f"there are {count:,} rows of predictions, but {where} needs {len(punk_ids):,}",
                hint="pass one row for each punk or image in its order, or with ids",
            )
        return range(count)
    row_by_id = {int(punk_id): row for row, punk_id in enumerate(predictions.punk_ids)}
    if len(row_by_id) < count:
        raise UsageError("some ids occur more than once in the predictions")
    missing = [punk_id for punk_id in punk_ids.tolist() if punk_id not in row_by_id]
    num_others = count - (len(punk_ids) - len(missing))
    if missing or num_others:
        example = f", for example {missing[0]}" if missing else ""
        raise UsageError(
            f"the predictions lack {len(missing):,} of the {len(punk_ids):,} ids of {where}"
            f"{example}, and have {num_others:,} others",
            hint="predict exactly these punks or images",
        )
    return [row_by_id[punk_id] for punk_id in punk_ids.tolist()]
