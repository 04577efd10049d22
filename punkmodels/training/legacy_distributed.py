"""The process group and random streams that punkmodels.gan uses until it is converted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed

from punkdata.errors import NetworkError

Value = TypeVar("Value")


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train a model together; a single process by default."""

    rank: int = 0
    """Number of this process, counted from 0."""
    world_size: int = 1
    """Number of processes."""

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, the only process that writes files and logs."""
        return self.rank == 0

    @property
    def threads_per_process(self) -> int | None:
        """CPU threads of each process if several share a machine; None for a single process."""
        if self.world_size == 1:
            return None
        return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))

    def local_shard(self, rows: torch.Tensor) -> torch.Tensor:
        """Return this process's rows of a global batch."""
        shard_size = len(rows) // self.world_size
        return rows[self.rank * shard_size : (self.rank + 1) * shard_size]

    def all_reduce_mean(self, tensors: Iterable[torch.Tensor | None]) -> None:
        """Replace each tensor by its mean over all processes, with a single all-reduce.

        Args:
            tensors: Floating-point tensors of the same type; None is skipped.

        Raises:
            NetworkError: Another process has ended.
        """
        present = [t for t in tensors if t is not None]
        if self.world_size == 1:
            return
        flat = torch.cat([t.detach().flatten() for t in present])
        try:
            distributed.all_reduce(flat)
        except RuntimeError:
            raise _lost_process_error() from None
        flat /= self.world_size
        means = torch.split(flat, [t.numel() for t in present])
        with torch.no_grad():
            for tensor, mean in zip(present, means, strict=True):
                tensor.copy_(mean.view_as(tensor))

    def broadcast(self, value: Value) -> Value:
        """Return the value that rank 0 passed.

        Raises:
            NetworkError: Another process has ended.
        """
        if self.world_size == 1:
            return value
        values = [value]
        try:
            distributed.broadcast_object_list(values)
        except RuntimeError:
            raise _lost_process_error() from None
        return values[0]


SINGLE_PROCESS = ProcessGroup()


@dataclass(frozen=True)
class RandomStream:
    """Random numbers of the global batch, of which each process receives its own rows.

    In all methods, `n` is the number of rows for one process.
    """

    generator: torch.Generator
    """Generator with the same state in all processes."""
    process_group: ProcessGroup = SINGLE_PROCESS

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def normal(self, n: int, *shape: int) -> torch.Tensor:
        """Return float32 (n, *shape) of the standard normal distribution."""
        size = self._global_size(n, *shape)
        return self._local(torch.randn(size, generator=self.generator, device=self.device))

    def uniform(self, n: int, *shape: int) -> torch.Tensor:
        """Return float32 (n, *shape), uniform in [0, 1)."""
        size = self._global_size(n, *shape)
        return self._local(torch.rand(size, generator=self.generator, device=self.device))

    def integers(self, low: int, high: int, n: int, *shape: int) -> torch.Tensor:
        """Return int64 (n, *shape), uniform in `low` to `high` - 1."""
        size = self._global_size(n, *shape)
        values = torch.randint(low, high, size, generator=self.generator, device=self.device)
        return self._local(values)

    def _global_size(self, n: int, *shape: int) -> tuple[int, ...]:
        return (n * self.process_group.world_size, *shape)

    def _local(self, rows: torch.Tensor) -> torch.Tensor:
        return self.process_group.local_shard(rows)


def launched_world_size() -> int:
    """Return the number of processes that torchrun started, or 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _lost_process_error() -> NetworkError:
    return NetworkError(
        "another process of this training run has ended",
        hint="resume with the same command and --resume latest",
    )
