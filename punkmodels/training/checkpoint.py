"""Checkpoints: the nested state dict of a training run, such as checkpoints/step_000500.pt.

Files are read with `weights_only=True`, so a file from elsewhere cannot execute code.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from punkdata.errors import DataError, DivergedError
from punkdata.files import translate_os_errors, write_atomic
from punkmodels.training.distributed import all_reduce_mean, is_main
from punkmodels.training.run_dir import RESTORE_HINT

if TYPE_CHECKING:
    from torch.distributed.checkpoint.stateful import Stateful

logger = logging.getLogger(__name__)

CHECK_INTERVAL = 20
"""Steps between two checks of the losses, which wait for the device."""

State = dict[str, Any]
"""Nested dictionary of tensors and plain values; `step` is the number of optimizer steps."""


def save_checkpoint(run: Path, state: State) -> Path:
    """Write a checkpoint atomically on rank 0, then delete older ones, and return its path."""
    folder = run / "checkpoints"
    path = folder / f"step_{state['step']:06d}.pt"
    if not is_main():
        return path
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())
    logger.debug("wrote %s", path)
    with translate_os_errors(folder):
        for older in folder.glob("step_*.pt"):
            if older != path:
                older.unlink()
    return path


def check_finite(run: Path, losses: torch.Tensor, state: Stateful | None = None) -> None:
    """Raise DivergedError unless the losses are finite, and all tensors of a training state.

    All processes of a training must call it at the same steps.
    """
    total = losses.detach().float().sum()
    if state is not None and not is_finite(state.state_dict()):
        total = total * torch.nan
    all_reduce_mean([total])
    if total.isfinite():
        return
    kept = "no checkpoint was written yet"
    if checkpoints := sorted((run / "checkpoints").glob("step_*.pt"), key=parse_step):
        kept = f"the checkpoint of step {parse_step(checkpoints[-1])} is kept"
    raise DivergedError(
        f"the training of '{run}' has diverged: its loss or its weights are no longer finite "
        f"numbers; {kept}",
        hint="start a new run with a lower learning rate",
    )


def is_finite(state: State) -> bool:
    """Return whether no tensor of a state contains NaN or infinite values."""
    return all(bool(tensor.isfinite().all()) for tensor in _tensors(state))


def has_checkpoint(run: Path) -> bool:
    return any((run / "checkpoints").glob("step_*.pt"))


def load_checkpoint(run: Path) -> State:
    """Load the newest checkpoint of a run, with its tensors on the CPU.

    Raises DataError if there is none, or if it is damaged, no checkpoint, or not finite.
    """
    files = sorted((run / "checkpoints").glob("step_*.pt"), key=parse_step)
    if not files:
        raise DataError(f"'{run}' has no checkpoint", hint="train again: punkmodels train")
    try:
        state = torch.load(files[-1], map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001  # torch raises many types for damaged and for hostile files
        raise DataError(f"'{files[-1]}' is damaged or no checkpoint", hint=RESTORE_HINT) from None
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise DataError(f"'{files[-1]}' is no checkpoint of punkmodels", hint=RESTORE_HINT)
    if not is_finite(state):
        raise DataError(f"'{files[-1]}' contains NaN or infinite values", hint=RESTORE_HINT)
    return state


def restore_checkpoint(run: Path, state: Stateful) -> None:
    """Load the newest checkpoint of a run into a training state.

    Raises DataError as `load_checkpoint` does, and if the checkpoint does not match the state.
    """
    saved = load_checkpoint(run)
    try:
        state.load_state_dict(saved)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        raise DataError(
            f"the checkpoint of '{run}' does not match the network that its config.json describes",
            hint=RESTORE_HINT,
        ) from None


def load_optimizer(optimizer: torch.optim.Optimizer, saved: State) -> None:
    """Load the `state_dict` of an Adam or AdamW optimizer, for a method `load_state_dict`.

    Hyperparameters, such as the learning rate, keep their current values. Raises ValueError if the
    state does not match the parameters; an optimizer that has taken no step has none.
    """
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})
    for parameter, values in optimizer.state.items():
        shapes = {name: tuple(tensor.shape) for name, tensor in values.items()}
        expected = tuple(parameter.shape)
        if shapes != {"step": (), "exp_avg": expected, "exp_avg_sq": expected}:
            raise ValueError("the state of the optimizer does not match its parameters")


def parse_step(path: Path) -> int:
    """Return the step in a file name such as step_000500.pt, or -1 if it has none."""
    digits = path.stem.removeprefix("step_")
    return int(digits) if digits.isdecimal() else -1


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)
