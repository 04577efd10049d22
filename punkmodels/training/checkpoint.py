"""Checkpoints: tensors in safetensors, all else in JSON beside them. Nothing is pickled.

    checkpoints/step_000500.safetensors   model.*, ema.*, best.*, and
                                          optimizer.<parameter>.<state>
    checkpoints/step_000500.json          step, epoch, and what else the loop needs

The JSON is written first and both are renamed into place, so whoever finds the tensors
finds a whole checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from punkdata.errors import DataError
from punkdata.files import translate_os_errors, write_atomic
from punkmodels.training.run_dir import write_json

Tensors = dict[str, torch.Tensor]


def add_prefix(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def strip_prefix(prefix: str, tensors: Tensors) -> Tensors:
    start = f"{prefix}."
    return {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}


def flatten_optimizer_state(optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimizer's state, flat: {"<parameter>.<state>": tensor}."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def optimizer_state_names(optimizer: torch.optim.Optimizer) -> set[str]:
    """The names that `optimizer_tensors` has for Adam and its kin."""
    n = sum(len(group["params"]) for group in optimizer.param_groups)
    return {f"{i}.{key}" for i in range(n) for key in ("step", "exp_avg", "exp_avg_sq")}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` gave; the options stay the optimizer's own."""
    state: dict[int, Tensors] = {}
    wanted = optimizer_state_names(optimizer)
    if wanted != set(tensors):
        raise DataError("the checkpoint does not hold the state of this optimizer")
    for name, tensor in tensors.items():
        parameter, key = name.split(".", 1)
        state.setdefault(int(parameter), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def save_checkpoint(run: Path, tensors: Tensors, facts: CheckpointMetadata) -> Path:
    """Write a checkpoint, then remove older ones.

    Raises:
        StorageError: the disk is full or refuses; the older checkpoint stays.
    """
    folder = run / "checkpoints"
    path = folder / f"step_{facts.step:06d}.safetensors"
    with translate_os_errors(path):
        write_json(path.with_suffix(".json"), facts.model_dump())
        write_tensors(path, tensors)
        for older in folder.glob("step_*"):
            if older.stem != path.stem:
                older.unlink()
    return path


def parse_step(path: Path) -> int:
    """Of a file named step_000500.*, 500."""
    digits = path.stem.removeprefix("step_")
    return int(digits) if digits.isdecimal() else -1


def write_tensors(path: Path, tensors: Tensors) -> None:
    # safetensors refuses views that share memory or are not laid out in order.
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    write_atomic(path, save(plain))


def read_tensors(path: Path) -> Tensors:
    """Raises:
    DataError: the file is damaged.
    """
    try:
        return load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"{path} is damaged ({error})") from None


def has_checkpoint(run: Path) -> bool:
    return any((run / "checkpoints").glob("step_*.safetensors"))


class CheckpointMetadata(BaseModel):
    """The JSON beside a checkpoint's tensors; models have more to tell."""

    step: int = Field(ge=0)
    finished: bool


Facts = TypeVar("Facts", bound=CheckpointMetadata)


def load_checkpoint(run: Path, kind: type[Facts]) -> tuple[Tensors, Facts]:
    """The newest checkpoint of a run: its tensors on the CPU, and its facts.

    Raises:
        DataError: there is none, or it is damaged.
    """
    found = sorted((run / "checkpoints").glob("step_*.safetensors"), key=parse_step)
    if not found:
        raise DataError(f"{run} has no checkpoint", hint="train again: punkmodels train")
    try:
        text = found[-1].with_suffix(".json").read_bytes()
        facts = kind.model_validate_json(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{found[-1]} is damaged ({error})") from None
    return read_tensors(found[-1]), facts
