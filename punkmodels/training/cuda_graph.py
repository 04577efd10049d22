"""A step of training as one CUDA graph: small networks spend most of their time on launches."""

from __future__ import annotations

from collections.abc import Callable

import torch

WARM_UPS = 3
"""steps that are taken one operation at a time, before one is captured"""


class CapturedStep:
    """A step that is captured once and then replayed, on a GPU; elsewhere it is called.

    All steps are taken, the first few included, so a captured training is the same as any other.
    What a step reads and writes must be tensors on the device that stay where they are, and it may
    not ask for their values.

    Args:
        generator: of the random numbers that the step draws.
    """

    def __init__(
        self, step: Callable[[], None], device: torch.device, generator: torch.Generator
    ) -> None:
        self.step, self.device, self.generator = step, device, generator
        self.graph: torch.cuda.CUDAGraph | None = None
        self.taken = 0

    def __call__(self) -> None:
        if self.device.type != "cuda":
            self.step()
            return
        if self.taken < WARM_UPS:
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                self.step()
            torch.cuda.current_stream().wait_stream(aside)
            self.taken += 1
            return
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            self.graph.register_generator_state(self.generator)
            with torch.cuda.graph(self.graph):
                self.step()
        self.graph.replay()
