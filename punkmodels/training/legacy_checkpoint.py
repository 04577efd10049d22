"""The checkpoints that punkmodels.gan uses until it is converted."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, Field, ValidationError

from punkdata.errors import DataError
from punkdata.files import translate_os_errors
from punkmodels.training.checkpoint import parse_step
from punkmodels.training.pretrained import Tensors, read_tensors, write_tensors
from punkmodels.training.run_dir import RESTORE_HINT, write_json


class CheckpointMetadata(BaseModel):
    """The JSON file of a checkpoint; models add fields in subclasses."""

    step: int = Field(ge=0)
    """Number of optimizer steps so far."""
    finished: bool
    """Whether training is complete."""


Metadata = TypeVar("Metadata", bound=CheckpointMetadata)


def save_checkpoint(run: Path, tensors: Tensors, metadata: CheckpointMetadata) -> Path:
    """Write a checkpoint, then delete older ones. Returns the path of the safetensors file.

    Raises:
        StorageError: The disk is full or not writable; the previous checkpoint is still there.
    """
    folder = run / "checkpoints"
    path = folder / f"step_{metadata.step:06d}.safetensors"
    with translate_os_errors(path):
        write_json(path.with_suffix(".json"), metadata.model_dump())
        write_tensors(path, tensors)
        for older in folder.glob("step_*"):
            if older.stem != path.stem:
                older.unlink()
    return path


def load_checkpoint(run: Path, kind: type[Metadata]) -> tuple[Tensors, Metadata]:
    """Load the newest checkpoint of a run, with its tensors on the CPU.

    Args:
        run: The run folder.
        kind: The class of the metadata.

    Raises:
        DataError: There is no checkpoint, or it is damaged.
    """
    files = sorted((run / "checkpoints").glob("step_*.safetensors"), key=parse_step)
    if not files:
        raise DataError(f"{run} has no checkpoint", hint="train again: punkmodels train")
    json_file = files[-1].with_suffix(".json")
    try:
        metadata = kind.model_validate_json(json_file.read_bytes())
    except OSError as error:
        raise DataError(f"{json_file} cannot be read ({error.strerror})") from None
    except ValidationError:
        raise DataError(f"{json_file} is damaged", hint=RESTORE_HINT) from None
    return read_tensors(files[-1]), metadata


def has_checkpoint(run: Path) -> bool:
    return any((run / "checkpoints").glob("step_*.safetensors"))


def add_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Return the tensors with "<prefix>." in front of their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def strip_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Return the tensors whose names start with "<prefix>.", without that prefix."""
    start = f"{prefix}."
    return {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}


def flatten_optimizer_state(optimizer: torch.optim.Optimizer) -> Tensors:
    """Return the state of an optimizer as {"<parameter>.<state>": tensor}."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Load the state that `flatten_optimizer_state` returned.

    Hyperparameters, such as the learning rate, are not changed.

    Raises:
        DataError: The tensors are not the state of an Adam optimizer with these parameters.
    """
    if set(tensors) != _adam_state_names(optimizer):
        raise DataError("the optimizer state in the checkpoint does not match the network")
    state: dict[int, Tensors] = {}
    for name, tensor in tensors.items():
        parameter, key = name.split(".", 1)
        state.setdefault(int(parameter), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _adam_state_names(optimizer: torch.optim.Optimizer) -> set[str]:
    """Return the names that `flatten_optimizer_state` gives the state of Adam and AdamW."""
    n = sum(len(group["params"]) for group in optimizer.param_groups)
    return {f"{i}.{key}" for i in range(n) for key in ("step", "exp_avg", "exp_avg_sq")}
