"""What a CUDA graph does to a training step, on a CPU: refuse synchronization, record, and replay.

A CUDA graph records the operations of a step with the addresses of their tensors and the values of
their other arguments, and replays them without running Python. A step that reads a tensor on the
CPU cannot be recorded, and a number that Python computes is the same in every replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SYNCHRONIZING_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""Tags of operations that return a number to Python, such as `item()`, or a tensor whose shape
depends on values, such as `nonzero()`."""


class SynchronizationError(AssertionError):
    """An operation would wait for the device."""


class RefuseSynchronization(TorchDispatchMode):
    """Raises `SynchronizationError` where an operation would wait for the device.

    On the device "meta", whose tensors have no values, it also refuses operations that use tensors
    of another device, except for those without dimensions, which are passed by value.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        is_index = func.overloadpacket in (torch.ops.aten.index, torch.ops.aten.index_put_)
        if is_index and not any(t.dtype in (torch.bool, torch.uint8) for t in _tensors(args[1])):
            pass  # The shape of the result depends only on masks.
        elif SYNCHRONIZING_TAGS & set(func.tags) or is_index:
            raise SynchronizationError(f"{func} depends on values")
        out = self.execute(func, args, kwargs)
        found = {t.device.type for t in _tensors([args, kwargs, out]) if t.ndim or t.is_meta}
        if len(found) > 1:
            raise SynchronizationError(f"{func} uses tensors on {' and '.join(sorted(found))}")
        return out

    def execute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return func(*args, **kwargs)


class RecordedStep(RefuseSynchronization):
    """Records the operations of a step when it is created, and repeats them when it is called.

    The results of a repetition are written to the tensors of the recording, as a CUDA graph does.
    """

    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__()
        self.operations: list[Callable[[], None]] = []
        with self:
            step()

    def execute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs = func(*args, **kwargs)

        def repeat() -> None:
            repeated = func(*args, **kwargs)
            for old, new in zip(_tensors(outputs), _tensors(repeated), strict=True):
                # The results of views and of operations in place are where they should be.
                if new is not old and new.data_ptr() != old.data_ptr():
                    old.copy_(new)

        self.operations.append(repeat)
        return outputs

    @torch.no_grad()
    def __call__(self) -> None:
        for repeat in self.operations:
            repeat()


def _tensors(tree: Any) -> Iterable[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
