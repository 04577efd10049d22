from __future__ import annotations

import time

import pytest
import torch

from punkdata.errors import UsageError
from punkmodels.training import device
from punkmodels.training.device import (
    benchmark_bf16,
    benchmark_threads,
    choose_precision_and_threads,
    pick_device,
)


def test_auto_says_what_it_took_and_why() -> None:
    picked, reason = pick_device()
    assert picked.type in ("cpu", "cuda", "mps")
    assert reason.startswith("auto: ")


def test_the_cpu_can_be_asked_for() -> None:
    assert pick_device("cpu") == (torch.device("cpu"), "asked for: the CPU")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"device cuda is not on this machine \(there: .*cpu"):
        pick_device("cuda")


def test_the_faster_number_of_threads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    slow_with_two = lambda: time.sleep(0.02 * torch.get_num_threads() - 0.015)  # noqa: E731
    try:
        threads, reason = benchmark_threads(slow_with_two)
        assert threads == 1
        assert "1 thread " in reason
        assert "2 threads " in reason
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("half_is_faster", [True, False])
def test_half_precision_is_taken_where_it_is_faster(half_is_faster: bool) -> None:
    def work(half: bool) -> None:
        time.sleep(0.002 if half == half_is_faster else 0.02)

    half, reason = benchmark_bf16(work, torch.device("cpu"))
    assert half is half_is_faster
    assert "bfloat16" in reason


def test_threads_that_are_asked_for_are_not_measured() -> None:
    before = torch.get_num_threads()
    tried: list[bool] = []
    try:
        assert choose_precision_and_threads(tried.append, torch.device("cpu"), 1) == (
            False,
            ", 1 thread (as asked for)",
        )
        assert choose_precision_and_threads(
            tried.append, torch.device("cpu"), None, began=(1, True)
        ) == (
            True,
            ", 1 thread (as the run began)",
        )
        assert torch.get_num_threads() == 1
        assert not tried
        _, how = choose_precision_and_threads(tried.append, torch.device("cpu"), None)
    finally:
        torch.set_num_threads(before)
    assert set(tried) == {False, True}
    assert how.count("measured a step") == 2
