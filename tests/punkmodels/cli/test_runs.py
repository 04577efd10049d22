from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.punkmodels_cli import run

Capture = pytest.CaptureFixture[str]
LOSSES = [0.5, 0.1, 0.2]


def write_run(folder: Path, task: str, options: dict[str, Any], *metrics: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    config = {"task": task, "options": {"preset": "quick", **options}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"epochs": 3, "patience": 0}, "finished"),
        ({"epochs": 40, "patience": 0}, "3 of 40 epochs"),
        ({"epochs": 40, "patience": 2}, "3 of 40 epochs"),
        ({"epochs": 40, "patience": 1}, "stopped early"),
    ],
)
def test_classifier_has_the_score_of_the_weights_that_it_kept(
    options: dict[str, int], status: str, tmp_path: Path, capsys: Capture
) -> None:
    metrics = [{"val_loss": loss, "val_exact_match": 1 - loss} for loss in LOSSES]
    write_run(tmp_path / "00007-classifier-quick", "classifier", options, *metrics)
    assert run("runs", "--runs", tmp_path) == 0
    path = tmp_path / "00007-classifier-quick"
    expected = f"7  classifier  quick  {status}  val exact match 0.900  {path}\n"
    assert capsys.readouterr().out == expected


def test_generators_have_the_score_of_their_last_step(tmp_path: Path, capsys: Capture) -> None:
    gan = [{"images_seen": n, "frechet_distance_to_training": 1e5 / n} for n in (1000, 2000)]
    write_run(tmp_path / "00001-dcgan", "dcgan", {"total_images": 4000}, *gan)
    renderer = {"images_seen": 64, "val_pixel_exact_match": 0.25}
    write_run(tmp_path / "00002-renderer", "renderer", {"total_images": 64}, renderer)
    write_run(tmp_path / "00003-renderer", "renderer", {"total_images": 64})
    assert run("runs", "--runs", tmp_path, "--json") == 0
    runs = json.loads(capsys.readouterr().out)
    assert [r["number"] for r in runs] == [1, 2, 3]
    assert [r["status"] for r in runs] == ["2,000 of 4,000 images", "finished", "0 of 64 images"]
    assert [r["score"] for r in runs] == [50, 0.25, None]
    assert runs[1]["score_name"] == "val pixel-exact match"


def test_damaged_run_is_skipped_with_a_warning(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "00001-classifier").mkdir()
    write_run(tmp_path / "00002-dcgan", "dcgan", {"total_images": 64})
    assert run("runs", "--runs", tmp_path) == 0
    out, err = capsys.readouterr()
    assert out.startswith("2  dcgan")
    assert "warning: skipped" in err


def test_no_runs_suggest_a_training(tmp_path: Path, capsys: Capture) -> None:
    assert run("runs", "--runs", tmp_path) == 0
    assert (
        capsys.readouterr().err
        == f"no runs in '{tmp_path}'; train a model with: punkmodels train\n"
    )


def test_unknown_run_suggests_the_list(tmp_path: Path, capsys: Capture) -> None:
    assert run("predict", __file__, "--model", "9", "--runs", tmp_path) == 2
    assert f"list the runs with: punkmodels runs --runs {tmp_path}" in capsys.readouterr().err


def test_list_has_a_trained_run(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    options = ("--epochs", 1, "--threads", 1)
    assert run("train", "classifier", "--root", built_root, "--runs", tmp_path, *options) == 0
    closing_line = capsys.readouterr().err.splitlines()[-2]
    assert run("runs", "--runs", tmp_path) == 0
    out = capsys.readouterr().out
    assert out.startswith("1  classifier  quick  finished  val exact match ")
    assert closing_line.partition(": ")[2] in out
