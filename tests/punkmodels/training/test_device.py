from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from punkdata.errors import UsageError
from punkmodels.training.device import choose_precision_and_threads, pick_device

CPU = torch.device("cpu")


class FakeClock:
    """A clock that advances only when `advance` is called."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_pick_device_auto_selects_an_available_device() -> None:
    device, reason = pick_device()
    assert device.type in ("cpu", "cuda", "mps")
    assert reason.endswith("(auto)")


def test_pick_device_returns_the_requested_device() -> None:
    assert pick_device("cpu") == (CPU, "CPU (as requested)")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_pick_device_lists_available_devices_in_its_error() -> None:
    with pytest.raises(UsageError, match=r"cuda is not available .*; available devices: .*cpu"):
        pick_device("cuda")


@pytest.mark.parametrize(
    ("seconds", "faster"),
    [(lambda threads: 0.1 * threads, "1 thread"), (lambda threads: 0.1 / threads, "2 threads")],
    ids=["1", "2"],
)
def test_the_faster_number_of_threads_is_chosen(
    seconds: Callable[[int], float], faster: str
) -> None:
    clock = FakeClock()
    _, reason, summary = choose_precision_and_threads(
        lambda use_bf16: clock.advance(seconds(torch.get_num_threads())),
        CPU,
        None,
        clock=clock,
        cores=2,
    )
    assert torch.get_num_threads() == int(faster[0])
    assert reason.startswith(f", {faster} (benchmarked: 1 thread 100 ms/step, 2 threads ")
    assert summary == f", {faster}, float32 (benchmarked)"


@pytest.mark.parametrize(("bf16_s", "use_bf16"), [(0.05, True), (0.095, False), (0.2, False)])
def test_bf16_requires_a_clear_speedup(bf16_s: float, use_bf16: bool) -> None:
    clock = FakeClock()
    choices = choose_precision_and_threads(
        lambda use_bf16: clock.advance(bf16_s if use_bf16 else 0.1), CPU, None, clock=clock, cores=1
    )
    assert choices.use_bf16 is use_bf16
    assert "float32 100 ms/step, bfloat16" in choices.reason
    precision = "bfloat16" if use_bf16 else "float32"
    assert choices.summarize("CPU (auto)") == f"CPU, 1 thread, {precision} (benchmarked)"


def test_given_threads_are_not_benchmarked() -> None:
    tried: list[bool] = []
    chosen = choose_precision_and_threads(tried.append, CPU, 1)
    assert not chosen.use_bf16
    assert chosen.summarize("CPU (auto)") == "CPU, 1 thread (as requested)"
    assert torch.get_num_threads() == 1
    assert not tried


def test_a_resumed_run_keeps_threads_and_precision() -> None:
    tried: list[bool] = []
    chosen = choose_precision_and_threads(tried.append, CPU, None, resumed=(1, True))
    assert chosen.use_bf16
    assert chosen.summarize("CPU (auto)") == "CPU, 1 thread (as when the run started)"
    assert torch.get_num_threads() == 1
    assert not tried
