from __future__ import annotations

from pathlib import Path

import pytest

from punkdata.errors import StoppedError, UsageError
from punkmodels.cli.options import handle_interrupt, parse_set
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


def test_parse_set_returns_nested_options() -> None:
    assignments = ["optimizer.lr=0.1", "width=8", "optimizer.beta=0", "width=9", "name=a=b"]
    expected = {"optimizer": {"lr": "0.1", "beta": "0"}, "width": "9", "name": "a=b"}
    assert parse_set(assignments, ()) == expected
    assert parse_set(None, ()) == {}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("width", "--set width is not of the form KEY=VALUE"),
        ("=3", "not of the form"),
        ("optimizer..lr=3", "not of the form"),
        ("split_scheme=by_id", "use --split-scheme instead of --set"),
    ],
)
def test_parse_set_refuses_other_text(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_set([assignment], {"split_scheme"})
