from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from punkdata.cli import console
from punkmodels.cli import app
from punkmodels.gan import evaluate, evaluate_conditional, generate, networks
from punkmodels.gan import train as training

Capture = pytest.CaptureFixture[str]


def run(*args: object) -> int:
    return console.run(app.app, "punkmodels", [str(a) for a in args])


@pytest.fixture(scope="module")
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs: of types, and the latest of labels and tone."""
    folder = tmp_path_factory.mktemp("runs")
    options = (
        "--root",
        built_root,
        "--runs",
        folder,
        "--width",
        4,
        "--total-images",
        64,
        "--threads",
        1,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOOKS", 2)
        patch.setattr(training, "DRAWN", 64)
        patch.setattr(networks, "BATCHES", 5)
        patch.setattr(generate, "BATCH", 100)
        assert run("train", "dcgan", "--conditional", "type", *options) == 0
        assert run("train", "dcgan", "--conditional", "labels", "--skin-tone", *options) == 0
        yield folder


def test_a_punk_is_drawn_by_name(runs: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "drawings"
    wish = ("--type", "male", "--accessory", "Pipe", "--accessory", "vr", "--skin-tone", 2)
    mine = ("--model", "latest", "--runs", runs)
    assert run("generate", *wish, "--count", 3, "--out", out, "--json", *mine) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["type"], told["accessories"], told["skin_tone"]) == ("male", ["Pipe", "vr"], 2)
    assert json.loads((out / "index.json").read_text())["type"] == "male"
    assert len(list(out.glob("*.png"))) == 3


def test_types_are_drawn_by_a_generator_of_types(runs: Path, tmp_path: Path) -> None:
    mine = ("--model", 1, "--runs", runs, "--count", 4, "--scale", 1)
    assert run("generate", "--type", "Ape", "--out", tmp_path / "ape.png", *mine) == 0
    assert run("generate", "--type", "Female", "--out", tmp_path / "female.png", *mine) == 0
    with Image.open(tmp_path / "ape.png") as ape, Image.open(tmp_path / "female.png") as female:
        assert ape.size == female.size == (48, 48)
        assert ape.tobytes() != female.tobytes()


def test_a_part_of_a_snapshot_says_what_is_drawn_and_how_many(
    runs: Path, built_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "drawings"
    mine = ("--model", "latest", "--runs", runs, "--root", built_root, "--out", out)
    assert run("generate", "--labels-from", "latest:val", *mine) == 0
    index = json.loads((out / "index.json").read_text())
    assert index["labels_from"] == "latest:val"
    assert len(index["images"]) > 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), "draws what it is asked for; add --type"),
        (("--accessory", "Pipe"), "a type is missing"),
        (("--type", "Robot"), 'no type "Robot"'),
        (
            ("--type", "Female", "--accessory", "Goat"),
            "or draw it all the same with --allow-impossible",
        ),
        (("--type", "Male", "--accessory", "Cap", "--accessory", "Mohawk"), "cannot be worn"),
        (("--type", "Zombie", "--skin-tone", 1), "tones are of Female and Male"),
        (("--labels-from", "test"), "for example latest:test"),
        (("--labels-from", "latest:test", "--type", "Ape"), "leave those out"),
        (("--type", "Ape", "--accessory", "Pipe", "--model", 1), "knows types only"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_exit_code_2(
    args: tuple[object, ...], told: str, runs: Path, capsys: Capture
) -> None:
    model = () if "--model" in args else ("--model", "latest")
    assert run("generate", *args, *model, "--runs", runs) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.strip().splitlines()) == 1


def test_what_was_asked_for_is_scored_with_the_rest(
    runs: Path, built_root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "DRAW", 100)
    assert run("evaluate", "latest", "--root", built_root, "--runs", runs) == 0
    out, err = capsys.readouterr()
    for name in ("Fréchet distance", "the very punk", "unseen", "label drawn worst: "):
        assert name in out
    written = next(runs.glob("00002-*")) / "evaluation" / "conditional"
    assert str(written) in err
    assert {p.name for p in written.iterdir()} == {
        "metrics.json",
        "metrics.md",
        "conditional_samples.png",
    }


def test_a_generator_of_types_is_scored_by_the_types_it_draws(
    runs: Path, built_root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "DRAW", 100)
    monkeypatch.setattr(evaluate_conditional, "DRAWS", 200)
    options = ("--root", built_root, "--runs", runs)
    assert run("evaluate", 1, "--json", *options) == 0
    told = json.loads(capsys.readouterr().out)
    assert 0 <= told["types_right"] <= 1
    assert run("evaluate", 1, *options) == 0
    assert f"type that was asked for: {told['types_right']:.4f}" in capsys.readouterr().out


def test_weights_are_exported_with_how_well_they_obey(
    runs: Path, built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "DRAW", 100)
    out = tmp_path / "weights"
    assert run("export", "latest", "--out", out, "--root", built_root, "--runs", runs) == 0
    condition = json.loads((out / "config.json").read_text())["conditional"]
    assert condition["unseen"]["draws"] == condition["seen"]["draws"] == 2000
    picture = tmp_path / "grid.png"
    assert run("generate", "--type", "Ape", "--model", out, "--out", picture) == 0


def test_force_draws_what_no_punk_can_have(runs: Path, tmp_path: Path) -> None:
    wish = ("--type", "Female", "--accessory", "Goat", "--allow-impossible")
    mine = ("--model", "latest", "--runs", runs, "--out", tmp_path / "grid.png")
    assert run("generate", *wish, *mine) == 0
