from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.gan import QUICK_SIZES, train_quickly
from support.punkmodels_cli import run

from punkmodels.cli.evaluate import evaluate_generated, export_generated
from punkmodels.gan.config import make_config
from punkmodels.renderer.config import make_config as make_renderer_config
from punkmodels.renderer.train import train_renderer
from punkmodels.training.run_dir import find_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def conditional_runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: a GAN that is conditioned on the type, and a renderer."""
    folder = tmp_path_factory.mktemp("runs")
    train_quickly(built_root, folder, make_config(width=4, total_images=64, conditional="type"))
    train_renderer(built_root, folder, make_renderer_config(total_images=64))
    return folder


def evaluate(source: object, root: Path, runs: Path, **options: Any) -> None:
    """Evaluate like the command, but with few samples."""
    options = {"tile_size": None, "out": None, "version": None, "as_json": False} | options
    evaluate_generated(
        str(source), root=root, runs=runs, device="cpu", sizes=QUICK_SIZES, **options
    )


def test_run_is_scored_and_results_are_written(
    generator_runs: Path, built_root: Path, capsys: Capture
) -> None:
    evaluate("latest", built_root, generator_runs)
    out, err = capsys.readouterr()
    for name in (
        "Fréchet distance",
        "recall",
        "train copy rate",
        "of a perfect generator",
        "most misrepresented label",
        "train reference",
    ):
        assert name in out
    folder = next(generator_runs.iterdir()) / "evaluation" / "generated"
    assert str(folder) in err
    files = {path.name for path in folder.iterdir()}
    assert files == {"metrics.json", "metrics.md", "nearest_neighbors.png"}


def test_folder_of_generated_images_is_scored(
    generator_runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "generated"
    model = ("--model", "latest", "--runs", generator_runs)
    assert run("generate", "--count", 120, "--out", folder, *model) == 0
    capsys.readouterr()
    evaluate(folder, built_root, generator_runs, as_json=True)
    result = json.loads(capsys.readouterr().out)
    assert (result["source"], result["num_samples"]) == ("generated", 100), "one subset"


def test_command_warns_if_there_are_too_few_images_for_distances(
    generator_runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "generated"
    model = ("--model", "latest", "--runs", generator_runs)
    assert run("generate", "--count", 120, "--out", folder, *model) == 0
    assert run("evaluate", folder, "--root", built_root) == 0
    assert "120 sprites are fewer than 2,000" in capsys.readouterr().err


def test_bundled_renderer_is_scored_by_name(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    evaluate("bundled-conditional", built_root, tmp_path)
    assert "pixel-exact match" in capsys.readouterr().out


def test_renderer_is_scored_against_the_punks_of_its_conditions(
    conditional_runs: Path, built_root: Path, capsys: Capture
) -> None:
    evaluate("latest", built_root, conditional_runs)
    out, err = capsys.readouterr()
    for name in ("pixel-exact match", "unseen", "lowest recall: "):
        assert name in out
    folder = next(conditional_runs.glob("00002-*")) / "evaluation" / "conditional"
    assert str(folder) in err
    files = {path.name for path in folder.iterdir()}
    assert files == {"metrics.json", "metrics.md", "conditional_samples.png"}


def test_run_conditioned_on_types_is_scored_by_type_accuracy(
    conditional_runs: Path, built_root: Path, capsys: Capture
) -> None:
    evaluate(1, built_root, conditional_runs, as_json=True)
    accuracy = json.loads(capsys.readouterr().out)["type_accuracy"]
    assert 0 <= accuracy <= 1
    evaluate(1, built_root, conditional_runs)
    assert f"type accuracy: {accuracy:.4f}" in capsys.readouterr().out


def test_exported_generator_has_its_scores(
    generator_runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "weights"
    folder = find_run(generator_runs, "latest")
    export_generated(folder, out, built_root, None, as_json=False, sizes=QUICK_SIZES)
    assert "punkmodels generate --model" in capsys.readouterr().err
    config = json.loads((out / "config.json").read_text())
    assert config["scores"]["scores"]["train_copy_rate"] <= 1
    assert {path.name for path in out.iterdir()} == {"config.json", "model.safetensors"}
    assert run("generate", "--model", out, "--out", tmp_path / "grid.png") == 0


def test_exported_renderer_has_its_scores(
    conditional_runs: Path, built_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "weights"
    folder = find_run(conditional_runs, "latest")
    export_generated(folder, out, built_root, None, as_json=False, sizes=QUICK_SIZES)
    scores = json.loads((out / "config.json").read_text())["scores"]
    assert scores["unseen"]["num_samples"] > 0
    grid = tmp_path / "grid.png"
    assert run("generate", "--type", "Ape", "--model", out, "--out", grid) == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("missing.png",), "no run missing.png"),
        (("latest", "--split", "val"), "remove --split"),
        (("latest", "--tile-size", "48"), "remove --tile-size"),
    ],
)
def test_wrong_option_prints_one_line_and_exits_with_2(
    args: tuple[str, ...], message: str, generator_runs: Path, capsys: Capture
) -> None:
    assert run("evaluate", *args, "--runs", generator_runs) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
