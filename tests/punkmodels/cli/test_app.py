from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.sprites import FakePunk, png_bytes

from punkdata.cli import console
from punkmodels.cli import app

Capture = pytest.CaptureFixture[str]


def run(*args: object) -> int:
    return console.run(app.app, "punkmodels", [str(a) for a in args])


@pytest.fixture(scope="module")
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    options = ("--root", built_root, "--runs", folder, "--epochs", 1)
    assert run("train", "classifier", *options) == 0
    return folder


def test_training_prints_the_run_and_says_what_it_does(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--epochs", 1, "--seed", 3)
    assert run("train", "classifier", *options) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "00001-classifier-quick")
    assert "epochs on" in err
    assert "next: punkmodels evaluate" in err


def test_train_alone_trains_the_quick_classifier_and_says_so(
    built_root: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUNKDATA_ROOT", str(built_root))
    assert run("train") == 0
    err = capsys.readouterr().err
    assert "training the classifier, preset quick" in err
    assert "a generator: punkmodels train dcgan" in err
    assert (tmp_path / "runs" / "00001-classifier-quick" / "checkpoints").is_dir()


def test_evaluate_prints_scores_and_the_label_table(
    built_root: Path, runs: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", runs)
    assert run("evaluate", "latest", "--split", "val", *options) == 0
    out = capsys.readouterr().out
    for name in ("macro-AP", "micro-F1", "macro-F1", "exact match", "micro-AUROC", "Earring"):
        assert name in out
    assert run("evaluate", "1", "--tile-size", "48", *options) == 2
    assert "leave out --tile-size" in capsys.readouterr().err
    assert run("evaluate", "1", "--split", "test", "--json", *options) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["split"] == "test"
    assert len(result["labels"]) == 92


def test_predict_prints_words_or_json(
    runs: Path, punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png_bytes(punks[0].sprite, 2))
    mine = ("--runs", runs, "--model", "latest")
    assert run("predict", path, *mine) == 0
    assert capsys.readouterr().out.startswith(f"{path}: ")
    assert run("predict", path, tmp_path, *mine, "--json") == 0
    predictions = json.loads(capsys.readouterr().out)
    assert len(predictions) == 2
    assert set(predictions[0]) == {
        "path",
        "type",
        "accessories",
        "image_confidence",
        "unknown_pixels",
        "scores",
    }
    assert len(predictions[0]["scores"]) == 92


def test_a_bad_picture_is_exit_code_6_after_the_good_ones(
    runs: Path, punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(png_bytes(punks[0].sprite))
    bad.write_bytes(b"GIF89a")
    mine = ("--runs", runs, "--model", "latest")
    assert run("predict", bad, good, *mine, "--json") == 6
    out, err = capsys.readouterr()
    assert [p["path"] for p in json.loads(out)] == [str(good)]
    assert "bad.png is not a PNG, JPEG, WebP, AVIF or SVG but GIF" in err
    assert run("predict", bad, bad, *mine) == 6
    assert "2 of 2 pictures could not be told" in capsys.readouterr().err


def test_a_name_with_brackets_is_told_as_it_is(runs: Path, tmp_path: Path, capsys: Capture) -> None:
    bad = tmp_path / "[bold]a["
    bad.mkdir()
    for name in ("1.png", "2.png"):
        (bad / name).write_bytes(b"GIF89a")
    assert run("predict", bad, "--runs", runs, "--model", "latest") == 6
    assert f"{bad / '2.png'} is not" in capsys.readouterr().err


def test_the_weights_that_ship_say_what_is_no_punk(
    punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png_bytes(punks[0].sprite, 2))
    assert run("predict", path) == 6
    assert "p.png is not a punk" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run("predict", tmp_path / "empty") == 2
    assert "holds no pictures" in capsys.readouterr().err


def test_a_run_is_exported_with_its_scores(
    built_root: Path, runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "mine"
    assert run("export", "latest", "--out", out, "--runs", runs, "--root", built_root) == 0
    assert capsys.readouterr().out.strip() == str(out)
    scores = json.loads((out / "config.json").read_text())["scores"]
    assert scores["split"] == "test"
    assert run("export", "latest", "--out", tmp_path / "x", "--runs", runs, "--root", tmp_path) == 2
    assert not (tmp_path / "x").exists()
    capsys.readouterr()
    assert run("export", "1", "--out", runs / "00001-classifier-quick", "--runs", runs) == 2
    assert "is the run itself" in capsys.readouterr().err
    assert 0 <= scores["visible"]["exact_match"] <= 1
    before = sorted(out.iterdir())
    assert run("train", "classifier", "--resume", out, "--root", built_root) == 2
    assert "exported weights, which cannot be trained further" in capsys.readouterr().err
    assert sorted(out.iterdir()) == before


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("evaluate",), "no run found in"),
        (("evaluate", "5"), "no run 5"),
        (("evaluate", "--split", "train"), "not one of"),
        (("predict",), "Missing argument"),
        (("predict", "x.png"), "does not exist"),
        (("train", "--resume", "latest"), "No such option"),
        (("train", "classifier"), "no complete snapshot found"),
        (("train", "classifier", "--device", "abacus"), "not one of"),
        (("train", "classifier", "--epochs", "0"), "--epochs"),
        (
            ("train", "classifier", "--augment-fraction", "1"),
            "add --augment-with bundled-conditional",
        ),
        (("train", "classifier", "--resume", "latest"), "no run found in"),
        (("train", "classifier", "--preset", "best", "--model", "linear"), "is of --model cnn"),
        (("train", "gpt"), "No such command"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    args: tuple[str, ...],
    says: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_a_resumed_run_keeps_its_options(built_root: Path, runs: Path, capsys: Capture) -> None:
    options = ("--runs", runs, "--root", built_root, "--resume", "latest")
    assert run("train", "classifier", *options, "--epochs", 9) == 2
    assert "keeps its own options" in capsys.readouterr().err
    assert run("train", "classifier", *options, "--version", "s2-000000000000") == 2
    assert "keeps its own options" in capsys.readouterr().err
    assert run("train", "classifier", *options) == 0
    assert "is finished already" in capsys.readouterr().err


def test_every_command_has_an_example(capsys: Capture) -> None:
    for command in (("train", "classifier"), ("evaluate",), ("export",), ("predict",)):
        assert run(*command, "--help") == 0
        assert f"Example: punkmodels {command[0]}" in capsys.readouterr().out
    assert run("--version") == 0


def test_python_dash_m_works() -> None:
    command = [sys.executable, "-m", "punkmodels", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "predict" in done.stdout
