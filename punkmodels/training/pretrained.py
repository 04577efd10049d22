"""What a run of any kind keeps in config.json, and its weights, back from disk and out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import BaseModel, Field, ValidationError
from torch import nn

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors
from punkmodels.training.checkpoint import write_tensors
from punkmodels.training.run_dir import read_config, write_json

# The bounds are checked when a run's config.json is read again.
Count = Annotated[int, Field(ge=1, le=100_000)]
Dim = Annotated[int, Field(ge=1, le=4096)]
Fraction = Annotated[float, Field(ge=0, le=1)]
WEIGHTS_FILE = "model.safetensors"
"""in a folder of exported weights, beside config.json"""


class SavedData(BaseModel):
    version: str
    labels_hash: str
    pictures: str | None = None
    """where they were, of what learned from other pictures than punks"""


class SavedDevice(BaseModel):
    name: str
    threads: Annotated[int, Field(ge=1, le=1024)]
    bf16: bool = False


class SavedRun(BaseModel):
    """What is read again of every config.json."""

    data: SavedData
    device: SavedDevice


Saved = TypeVar("Saved", bound=SavedRun)


def read_run_config(run: Path, kind: type[Saved], name: str) -> Saved:
    """The config.json of a run.

    Args:
        name: of the kind, for people.

    Raises:
        DataError: it is missing, damaged, or of another kind.
    """
    try:
        return kind.model_validate(read_config(run))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{run} is not a {name} of this punkmodels (config.json, {where}: {first['msg']})"
        ) from None


def check_resumable(run: Path) -> None:
    """Raises:
    UsageError: these are weights without what it takes to go on with their training.
    """
    if (run / WEIGHTS_FILE).exists():
        raise UsageError(
            f"{run} holds exported weights, which cannot be trained further",
            hint="name the run that they come from",
        )


def restore_model(run: Path, model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put tensors into a model.

    Raises:
        DataError: they do not fit, or are not numbers.
    """
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise DataError(f"the checkpoint of {run} holds weights that are not numbers")
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DataError(f"the checkpoint of {run} does not fit ({error})") from None


def export_model(run: Path, model: nn.Module, trained: dict[str, Any], out: Path) -> None:
    """Write weights in half precision, and the run's config.json with what is said of them.

    Raises:
        StorageError: the disk is full or refuses.
    """
    tensors = model.state_dict()
    floats = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    with translate_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_tensors(out / WEIGHTS_FILE, floats)
        write_json(out / "config.json", read_config(run) | {"trained": trained})
