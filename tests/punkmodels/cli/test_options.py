from __future__ import annotations

from pathlib import Path

import pytest

from punkdata.errors import UsageError
from punkmodels.cli.options import given_options, print_run


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
def test_only_rank_0_prints_the_run(
    rank: str, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", rank)
    print_run(Path("runs/00001-x"), "punkmodels evaluate", as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_given_options_are_nested_and_without_none() -> None:
    named = {"epochs": 3, "seed": None}
    assignments = ["optimizer.lr=0.1", "width=8", "optimizer.beta=0", "width=9", "name=a=b"]
    nested = {"optimizer": {"lr": "0.1", "beta": "0"}, "width": "9", "name": "a=b"}
    assert given_options(named, assignments) == {"epochs": 3} | nested
    assert given_options({}, None) == {}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("width", "--set width is not of the form KEY=VALUE"),
        ("=3", "not of the form"),
        ("optimizer..lr=3", "not of the form"),
        ("split_scheme=by_id", "use --split-scheme instead of --set"),
        ("preset=best", "use --preset instead of --set"),
    ],
)
def test_set_refuses_other_text(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        given_options({"split_scheme": None}, [assignment], "preset")
