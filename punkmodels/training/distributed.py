"""Several processes, one training: whose rows of a batch are whose, and gradients averaged.

torchrun starts the processes and numbers them by ranks. Each holds the whole collection and draws
the random numbers of the whole batch, of which it uses its own rows: so two ranks compute just what
one would.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed

from punkdata.errors import NetworkError

Value = TypeVar("Value")


@dataclass(frozen=True)
class ProcessGroup:
    """By default this process is alone."""

    rank: int = 0
    world_size: int = 1
    """how many there are"""

    @property
    def is_main(self) -> bool:
        """Of all ranks one writes and speaks."""
        return self.rank == 0

    @property
    def threads(self) -> int | None:
        """CPU threads of each, where they share a machine; None if alone, and it is open."""
        if self.world_size == 1:
            return None
        return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))

    def local_shard(self, rows: torch.Tensor) -> torch.Tensor:
        """Of the rows of a whole batch."""
        share = len(rows) // self.world_size
        return rows[self.rank * share : (self.rank + 1) * share]

    def all_reduce_mean(self, tensors: Iterable[torch.Tensor | None]) -> None:
        """Replace each by its mean over all ranks, in one message.

        Raises:
            NetworkError: another rank has ended.
        """
        there = [t for t in tensors if t is not None]
        if self.world_size == 1:
            return
        flat = torch.cat([t.detach().flatten() for t in there])
        try:
            distributed.all_reduce(flat)
        except RuntimeError:
            raise _lost() from None
        flat /= self.world_size
        with torch.no_grad():
            for tensor, mean in zip(
                there, torch.split(flat, [t.numel() for t in there]), strict=True
            ):
                tensor.copy_(mean.view_as(tensor))

    def broadcast(self, value: Value) -> Value:
        """What the first rank says.

        Raises:
            NetworkError: another rank has ended.
        """
        if self.world_size == 1:
            return value
        said = [value]
        try:
            distributed.broadcast_object_list(said)
        except RuntimeError:
            raise _lost() from None
        return said[0]


SINGLE_PROCESS = ProcessGroup()


@dataclass(frozen=True)
class RandomStream:
    """Random numbers of a whole batch, of which each rank gets its rows."""

    generator: torch.Generator
    process_group: ProcessGroup = SINGLE_PROCESS

    def normal(self, n: int, *shape: int) -> torch.Tensor:
        """float32 (n, *shape) of N(0, 1)."""
        return self.process_group.local_shard(
            torch.randn(
                n * self.process_group.world_size,
                *shape,
                generator=self.generator,
                device=self.device,
            )
        )

    def uniform(self, n: int, *shape: int) -> torch.Tensor:
        """float32 (n, *shape) in [0, 1)."""
        return self.process_group.local_shard(
            torch.rand(
                n * self.process_group.world_size,
                *shape,
                generator=self.generator,
                device=self.device,
            )
        )

    def integers(self, low: int, high: int, n: int, *shape: int) -> torch.Tensor:
        """int64 (n, *shape), at least `low` and less than `high`."""
        size = (n * self.process_group.world_size, *shape)
        return self.process_group.local_shard(
            torch.randint(low, high, size, generator=self.generator, device=self.device)
        )

    @property
    def device(self) -> torch.device:
        return self.generator.device


def launched_world_size() -> int:
    """How many torchrun has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def init_process_group() -> Iterator[ProcessGroup]:
    """The ranks that torchrun has started, or this process alone. Each gets a GPU of its own, where
    there are any.
    """
    if launched_world_size() == 1:
        yield SINGLE_PROCESS
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    # Its functions take the group there is when they are imported, which the first optimizer does,
    # as their default: it would outlive its end below, and its threads would abort the process.
    importlib.import_module("torch.distributed.nn.functional")
    distributed.init_process_group()
    try:
        yield ProcessGroup(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _lost() -> NetworkError:
    return NetworkError(
        "another rank of this training has ended",
        hint="go on with the same command and --resume latest",
    )
