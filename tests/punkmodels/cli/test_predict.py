from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.classifiers import save_exact_classifier
from support.punkmodels_cli import run
from support.sprites import FakePunk, png_bytes

import punkmodels
from punkdata.images.palette import PALETTE
from punkmodels.cli.predict import BATCH_SIZE

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def weights(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_exact_classifier(built_root, tmp_path_factory.mktemp("weights") / "exact")


def test_predict_prints_a_line_for_each_image(
    weights: Path, punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png_bytes(punks[0].sprite, 2))
    assert run("predict", path, "--model", weights) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: {punks[0].type} ")
    assert all(f"{name} " in out for name in punks[0].accessories)


def test_predict_prints_json(
    weights: Path, punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png_bytes(punks[0].sprite, 2))
    assert run("predict", path, tmp_path, "--model", weights, "--json") == 0
    predictions = json.loads(capsys.readouterr().out)
    assert len(predictions) == 2
    assert set(predictions[0]) == {
        "path",
        "type",
        "accessories",
        "image_confidence",
        "unknown_pixels",
        "different_pixels",
        "different_positions",
        "box",
        "verified",
        "scores",
    }
    assert len(predictions[0]["scores"]) == 92


def test_a_damaged_image_is_exit_code_6_after_the_others(
    weights: Path, punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(png_bytes(punks[0].sprite))
    bad.write_bytes(b"GIF89a")
    assert run("predict", bad, good, "--model", weights, "--json") == 6
    out, err = capsys.readouterr()
    assert [p["path"] for p in json.loads(out)] == [str(good)]
    assert f"'{bad}' " in err


def test_several_damaged_images_are_listed_and_counted(
    weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"GIF89a")
    assert run("predict", bad, bad, "--model", weights) == 6
    err = capsys.readouterr().err
    assert err.count(f"'{bad}' ") == 2
    assert "2 of 2 images could not be classified" in err


def test_brackets_in_a_file_name_are_printed_literally(
    weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "[bold]a["
    folder.mkdir()
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes(b"GIF89a")
    assert run("predict", folder, "--model", weights) == 6
    assert f"'{folder / '2.png'}' is " in capsys.readouterr().err


def test_bundled_weights_refuse_a_sprite_that_is_not_a_punk(
    punks: list[FakePunk], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png_bytes(punks[0].sprite, 2))
    assert run("predict", path) == 6
    assert "p.png' is not a punk" in capsys.readouterr().err


def test_a_folder_without_images_is_a_usage_error(tmp_path: Path, capsys: Capture) -> None:
    assert run("predict", tmp_path) == 2
    assert "contains no images" in capsys.readouterr().err


@pytest.fixture
def drawn_and_edited(tmp_path: Path) -> Path:
    """A folder with a drawn punk, a.png, and the same one with another pixel, b.png."""
    sprite = np.array(punkmodels.draw("Zombie", "3D Glasses", scale=1))
    (tmp_path / "a.png").write_bytes(png_bytes(sprite, 2))
    sprite[2, 2] = PALETTE[7]
    (tmp_path / "b.png").write_bytes(png_bytes(sprite, 2))
    return tmp_path


def test_predict_says_which_images_differ_from_what_their_labels_draw(
    drawn_and_edited: Path, capsys: Capture
) -> None:
    assert run("predict", drawn_and_edited) == 0
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first == f"{drawn_and_edited / 'a.png'}: Zombie 1.00, 3D Glasses 1.00 (verified)"
    assert second.endswith(
        "(differs from the punk with these labels in 1 of 576 pixels: row 2, column 2)"
    )
    assert "1 of 2 images differ from the punks with the predicted labels\n" in err
    assert run("predict", drawn_and_edited / "a.png", drawn_and_edited / "a.png") == 0
    assert "differ" not in capsys.readouterr().err


def test_predict_prints_the_range_of_different_pixels(tmp_path: Path, capsys: Capture) -> None:
    sprite = np.array(punkmodels.draw("Zombie", "3D Glasses", scale=1))
    sprite[1, 3:5] = sprite[2, 20] = PALETTE[7]
    (tmp_path / "a.png").write_bytes(png_bytes(sprite))
    assert run("predict", tmp_path / "a.png") == 0
    out = capsys.readouterr().out
    assert out.endswith(" in 3 of 576 pixels: rows 1 to 2, columns 3 to 20)\n")


def test_predict_keeps_the_order_of_files_and_errors(
    drawn_and_edited: Path, capsys: Capture
) -> None:
    a, b, bad = (drawn_and_edited / name for name in ("a.png", "b.png", "bad.png"))
    bad.write_bytes(b"GIF89a")
    assert run("predict", b, bad, *[a] * BATCH_SIZE, b) == 6
    out, err = capsys.readouterr()
    files = [line.split(": ")[0] for line in out.splitlines()]
    assert files == [str(b), *[str(a)] * BATCH_SIZE, str(b)]
    assert f"'{bad}'" in err


def test_predict_reports_verified_images_as_json(drawn_and_edited: Path, capsys: Capture) -> None:
    assert run("predict", drawn_and_edited, "--json") == 0
    out, err = capsys.readouterr()
    keys = ("different_pixels", "different_positions", "verified")
    found = [[row[key] for key in keys] for row in json.loads(out)]
    assert found == [[0, [], True], [1, [[2, 2]], False]]
    assert "differ" not in err
