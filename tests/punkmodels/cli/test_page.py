from __future__ import annotations

from pathlib import Path

import pytest
from support.classifiers import save_exact_classifier, tiny_config
from support.gallery_page import unpack_data
from support.punkmodels_cli import run

from punkdata import PunkDataset
from punkdata.splits import SPLITS
from punkmodels.classifier.collection import predict_collection
from punkmodels.classifier.train import train_classifier

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def exact(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_exact_classifier(built_root, tmp_path_factory.mktemp("weights") / "exact")


def test_page_has_the_predictions_of_a_model(
    exact: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "page.html"
    assert run("page", exact, "--root", built_root, "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    data = unpack_data(out.read_text("utf-8"))
    predictions = data["predictions"]
    assert predictions["model"] == "exact"
    assert not any(predictions["wrong"])
    assert not any(predictions["missed"])
    assert min(predictions["confidence"]) > 0.99
    assert predictions["split"] == data["split"]


def test_page_of_the_latest_run_uses_its_splits(built_root: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    config = tiny_config(split_scheme="fold-2", task="type")
    folder = train_classifier(built_root, runs, config, threads=1)
    out = tmp_path / "site"
    assert run("page", "--root", built_root, "--runs", runs, "--out", out) == 0
    predictions = unpack_data((out / "index.html").read_text("utf-8"))["predictions"]
    assert predictions["model"] == folder.name
    assert predictions["splitScheme"] == "fold-2"
    assert predictions["typesOnly"]
    found = predict_collection(folder, built_root, "latest", name="x")
    for number, split in enumerate(SPLITS):
        punks = PunkDataset(built_root, split=split, split_scheme="fold-2")  # type: ignore[arg-type]
        assert found.punk_ids[found.splits == number].tolist() == punks.punk_ids.tolist()
    assert found.labels.shape == (60, 5)
    assert (found.labels.sum(axis=1) == 1).all()
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("latest",), "no classifier run found"),
        (("bundled-gan",), "a classifier is needed"),
        (("bundled-classifier", "--site-url", "https://example.org/"), "needs a folder"),
    ],
)
def test_wrong_arguments_get_one_clear_line(
    args: tuple[str, ...], message: str, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", tmp_path, "--out", tmp_path / "page.html")
    assert run("page", *args, *options) == 2
    assert message in capsys.readouterr().err


def test_model_of_other_punks_is_refused(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "page.html"
    assert run("page", "bundled-classifier", "--root", built_root, "--out", out) == 6
    assert "differ from those that the run was trained on" in capsys.readouterr().err
    assert not out.exists()
