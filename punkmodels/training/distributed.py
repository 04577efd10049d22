"""Data-parallel training in several processes, with averaged gradients.

torchrun starts the processes. Each holds the whole data set and samples its own part of every
batch from its own random stream, as in NVIDIA's EDM (torch_utils/distributed.py). Outside of
`init_process_group` there is a single process, and all functions work without communication.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import distributed

from punkdata.errors import NetworkError, UsageError

Value = TypeVar("Value")


@contextmanager
def init_process_group() -> Iterator[None]:
    """Join the processes that torchrun started, if any, and leave them at the end.

    With GPUs, each process selects one of its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    # When this module is imported, its functions take the current process group as a default
    # argument, and creating an optimizer imports it. Importing it before a group exists prevents
    # that reference from keeping the group's threads alive after `destroy_process_group`, where
    # they would abort the process at exit.
    importlib.import_module("torch.distributed.nn.functional")
    distributed.init_process_group()
    try:
        yield
    finally:
        distributed.destroy_process_group()


def get_rank() -> int:
    """Return the number of this process, counted from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def get_world_size() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_main() -> bool:
    """Return whether this is rank 0, the only process that writes files and prints."""
    return get_rank() == 0


def threads_per_process() -> int | None:
    """Return the CPU threads of each process if several share a machine, or None for one."""
    if get_world_size() == 1:
        return None
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def local_batch_size(batch_size: int) -> int:
    """Return this process's part of a batch; raises UsageError if the parts would not be equal."""
    if batch_size % get_world_size():
        raise UsageError(
            f"a batch of {batch_size} cannot be divided among {get_world_size()} processes",
            hint=f"start a number of processes that divides {batch_size}",
        )
    return batch_size // get_world_size()


def random_seed(seed: int, step: int = 0) -> int:
    """Return a seed for `torch.Generator.manual_seed` that differs between ranks and steps.

    Processes start with step 0. Where the state of a generator is not in the checkpoint, as that
    of all ranks but 0, a resumed run continues with the seed of its step. The result has 32 bits,
    because PyTorch's generator on the CPU ignores the others.
    """
    return int(np.random.SeedSequence((seed, get_rank(), step)).generate_state(1)[0])


def all_reduce_mean(tensors: Iterable[torch.Tensor | None]) -> None:
    """Replace each tensor by its mean over all processes, with a single all-reduce.

    The tensors have one floating-point type; None is skipped. Raises NetworkError if another
    process has ended.
    """
    if get_world_size() == 1:
        return
    present = [t for t in tensors if t is not None]
    flat = torch.cat([t.detach().flatten() for t in present])
    with _lost_processes_as_errors():
        distributed.all_reduce(flat)
    flat /= get_world_size()
    means = torch.split(flat, [t.numel() for t in present])
    with torch.no_grad():
        for tensor, mean in zip(present, means, strict=True):
            tensor.copy_(mean.view_as(tensor))


def broadcast(value: Value) -> Value:
    """Return the value that rank 0 passed. Raises NetworkError if another process has ended."""
    values = [value]
    if get_world_size() > 1:
        with _lost_processes_as_errors():
            distributed.broadcast_object_list(values)
    return values[0]


@contextmanager
def _lost_processes_as_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError:
        raise NetworkError(
            "another process of this training run has ended",
            hint="resume it with --resume latest",
        ) from None
