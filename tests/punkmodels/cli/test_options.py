from __future__ import annotations

from pathlib import Path

import pytest

from punkdata.errors import StoppedError, UsageError
from punkmodels.cli.options import check_no_other_options, handle_interrupt
from punkmodels.training.run_dir import create_run


def test_ctrl_c_shows_the_command_to_resume_the_new_run(tmp_path: Path) -> None:
    create_run(tmp_path, "older")
    root = tmp_path / "elsewhere"

    def train() -> None:
        create_run(tmp_path, "dcgan-modern-quick")
        raise KeyboardInterrupt

    with pytest.raises(StoppedError) as stopped, handle_interrupt("dcgan", root, tmp_path, None):
        train()
    run = tmp_path / "00002-dcgan-modern-quick"
    hint = stopped.value.hint or ""
    assert hint.startswith("resume with: punkmodels train dcgan --resume ")
    assert str(run) in hint
    assert str(root) in hint


def test_ctrl_c_before_a_run_exists_has_no_hint(tmp_path: Path) -> None:
    with (
        pytest.raises(StoppedError) as stopped,
        handle_interrupt("dcgan", tmp_path, tmp_path, None),
    ):
        raise KeyboardInterrupt
    assert stopped.value.hint is None


def test_other_options_are_refused_for_a_resumed_run() -> None:
    check_no_other_options(True)
    with pytest.raises(UsageError, match="keeps its own options"):
        check_no_other_options(False)
