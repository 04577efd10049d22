"""Data-parallel training in processes that torchrun starts, with averaged gradients.

Each process holds the whole data set and samples its own part of every batch from its own random
stream, as in NVIDIA's EDM (torch_utils/distributed.py). Without torchrun, there is one process.
"""

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
    """Join the processes that torchrun started, if any, each with a GPU of its own."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    # An optimizer imports this module, whose functions then take the process group as a default
    # argument and keep its threads alive after `destroy_process_group`, where they would abort the
    # process at exit. Imported before a group exists, they do not.
    importlib.import_module("torch.distributed.nn.functional")
    distributed.init_process_group()
    try:
        yield
    finally:
        distributed.destroy_process_group()


def get_rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def get_world_size() -> int:
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
    """Return a seed of 32 bits (PyTorch ignores others) that differs between ranks and steps.

    Where the state of a generator is not in the checkpoint, as that of all ranks but 0, a resumed
    run continues with the seed of its step.
    """
    return int(np.random.SeedSequence((seed, get_rank(), step)).generate_state(1)[0])


def all_reduce_mean(tensors: Iterable[torch.Tensor | None]) -> None:
    """Replace each tensor, all of one type, by its mean over all processes; None is skipped.

    Raises NetworkError if another process has ended.
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
            "another process of this training run has ended", hint="resume the latest run"
        ) from None
