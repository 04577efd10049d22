from __future__ import annotations

from pathlib import Path

import pytest

from punkdata.errors import StoppedError, UsageError
from punkmodels.cli.options import check_no_other_options, handle_interrupt
from punkmodels.training.run_dir import create_run


def test_a_stopped_run_says_how_to_go_on(tmp_path: Path) -> None:
    create_run(tmp_path, "older")
    root = tmp_path / "elsewhere"

    def train() -> None:
        create_run(tmp_path, "dcgan-modern-quick")
        raise KeyboardInterrupt

    with pytest.raises(StoppedError) as stopped, handle_interrupt("dcgan", root, tmp_path, None):
        train()
    new = tmp_path / "00002-dcgan-modern-quick"
    assert f"punkmodels train dcgan --resume {new} --root {root}" in str(stopped.value.hint)


def test_stopped_before_its_run_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    with (
        pytest.raises(StoppedError) as stopped,
        handle_interrupt("dcgan", tmp_path, tmp_path, None),
    ):
        raise KeyboardInterrupt
    assert stopped.value.hint is None


def test_a_resumed_run_takes_no_other_options() -> None:
    check_no_other_options(True)
    with pytest.raises(UsageError, match="keeps its own options"):
        check_no_other_options(False)
