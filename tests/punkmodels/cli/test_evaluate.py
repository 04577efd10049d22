from __future__ import annotations

import json
from pathlib import Path

import pytest

from punkdata.cli import console
from punkmodels.cli import app

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("quick_looks")


def run(*args: object) -> int:
    return console.run(app.app, "punkmodels", [str(a) for a in args])


def test_the_generator_that_comes_along_and_is_asked_is_scored_by_name(
    built_root: Path, capsys: Capture
) -> None:
    assert run("evaluate", "bundled-conditional", "--root", built_root) == 0
    assert "the very punk" in capsys.readouterr().out


def test_a_run_and_a_folder_are_scored_by_the_same_command(
    generator_runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", generator_runs)
    assert run("evaluate", "latest", *options) == 0
    out, err = capsys.readouterr()
    for name in (
        "Fréchet distance",
        "recall",
        "exact copies",
        "perfect generator",
        "train reference",
    ):
        assert name in out
    written = next(generator_runs.iterdir()) / "evaluation" / "generated"
    assert str(written) in err
    assert {p.name for p in written.iterdir()} == {
        "metrics.json",
        "metrics.md",
        "nearest_neighbors.png",
    }
    folder = tmp_path / "drawings"
    mine = ("--model", "latest", "--runs", generator_runs)
    assert run("generate", "--count", 120, "--out", folder, *mine) == 0
    capsys.readouterr()
    assert run("evaluate", folder, "--json", *options) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["source"], told["sprites"]) == ("drawings", 100)  # one draw


def test_a_generator_is_exported_with_its_scores(
    generator_runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "weights"
    assert (
        run("export", "latest", "--out", out, "--root", built_root, "--runs", generator_runs) == 0
    )
    assert "punkmodels generate --model" in capsys.readouterr().err
    config = json.loads((out / "config.json").read_text())
    assert config["scores"]["scores"]["train_copy_rate"] <= 1
    assert {p.name for p in out.iterdir()} == {"config.json", "model.safetensors"}
    assert run("generate", "--model", out, "--out", tmp_path / "grid.png") == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("evaluate", "nowhere.png"), "no run nowhere.png"),
        (("evaluate", "latest", "--split", "val"), "leave out --split"),
        (("evaluate", "latest", "--tile-size", "48"), "leave out --tile-size"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    args: tuple[str, ...], told: str, generator_runs: Path, capsys: Capture
) -> None:
    assert run(*args, "--runs", generator_runs) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.strip().splitlines()) == 1
