"""Training steps as CUDA graphs, which avoid the launch overhead that dominates small networks."""

from __future__ import annotations

from collections.abc import Callable

import torch


class CapturedStep:
    """A training step that is captured once as a CUDA graph and then replayed.

    On other devices, each call simply calls the step. The first `warmup_steps` calls run eagerly;
    they are real steps, so captured and eager training take the same steps. The step must read and
    write tensors that stay at the same place on the device, and must not synchronize with the CPU
    (no `.item()`). Its random numbers come from `generator`.
    """

    def __init__(
        self,
        step: Callable[[], None],
        device: torch.device,
        generator: torch.Generator,
        warmup_steps: int = 3,
    ) -> None:
        self.step, self.device, self.generator = step, device, generator
        self.warmup_steps = warmup_steps
        self.graph: torch.cuda.CUDAGraph | None = None
        self.num_warmups = 0

    def __call__(self) -> None:
        if self.device.type != "cuda":
            self.step()
            return
        if self.num_warmups < self.warmup_steps:
            # PyTorch requires warm-up on a side stream.
            side_stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # untyped in torch
            side_stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side_stream):
                self.step()
            torch.cuda.current_stream().wait_stream(side_stream)
            self.num_warmups += 1
            return
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            self.graph.register_generator_state(self.generator)
            with torch.cuda.graph(self.graph):
                self.step()
        self.graph.replay()
