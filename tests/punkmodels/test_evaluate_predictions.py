from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.classifiers import save_exact_classifier
from support.punkmodels_cli import run

import punkmodels
from punkdata import LABELS, TYPES, PunkDataset
from punkdata.errors import DataError, UsageError
from punkmodels.predictions import to_logits

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(built_root: Path) -> PunkDataset:
    return PunkDataset(built_root, split="train")


@pytest.fixture(scope="module")
def logits(data: PunkDataset) -> torch.Tensor:
    """Random logits that are better than chance."""
    labels = data.as_tensors()[1]
    noise = torch.randn(labels.shape, generator=torch.Generator().manual_seed(0))
    return 2 * labels - 1 + noise


@pytest.fixture(scope="module")
def scores(built_root: Path, logits: torch.Tensor) -> dict[str, Any]:
    return punkmodels.evaluate_predictions(logits, "train", root=built_root).scores


def test_scores_equal_those_of_a_classifier(
    built_root: Path, tmp_path: Path, data: PunkDataset
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    expected = punkmodels.open_run(weights, root=built_root).evaluate("val").scores
    images = PunkDataset(built_root, split="val").as_tensors()[0]
    with torch.inference_mode():
        logits = punkmodels.load_classifier(weights)(images)
    found = punkmodels.evaluate_predictions(logits, "val", root=built_root)
    for key in ("visible", "visible_95", "raw", "ceiling_visible_only", "misclassified", "labels"):
        assert found.scores[key] == expected[key]
    assert (found.scores["kind"], found.scores["split"]) == ("logits", "val")
    assert list(found.pictures) == ["errors.png"]


FORMS: dict[str, Callable[[torch.Tensor], Any]] = {
    "tensor": lambda p: p.requires_grad_(),
    "float32": lambda p: p.float().numpy(),
    "list": lambda p: p.tolist(),
    "frame": lambda p: pd.DataFrame(p.numpy(), columns=list(LABELS)),
    "other names": lambda p: pd.DataFrame(p.numpy(), columns=[n.lower() for n in LABELS]),
    "other order": lambda p: pd.DataFrame(p.numpy(), columns=list(LABELS))[sorted(LABELS)[::-1]],
}


@pytest.mark.parametrize("form", list(FORMS))
def test_probabilities_have_the_scores_of_their_logits(
    built_root: Path, logits: torch.Tensor, scores: dict[str, Any], form: str
) -> None:
    probabilities = FORMS[form](logits.double().sigmoid())
    found = punkmodels.evaluate_predictions(probabilities, "train", root=built_root).scores
    assert found["kind"] == "probabilities"
    assert found["visible"]["exact_match"] == scores["visible"]["exact_match"]
    assert found["visible"] == pytest.approx(scores["visible"])
    assert found["joint_calibration_error"] == pytest.approx(
        scores["joint_calibration_error"], abs=1e-5
    )


def test_rows_are_matched_by_punk_id(
    built_root: Path, data: PunkDataset, logits: torch.Tensor, scores: dict[str, Any]
) -> None:
    order = np.random.default_rng(0).permutation(len(data))
    ids, rows = data.punk_ids[order], logits[torch.from_numpy(order)].numpy()
    frame = pd.DataFrame(rows, columns=list(LABELS), index=pd.Index(ids, name="punk_id"))
    for found in (
        punkmodels.evaluate_predictions(rows, "train", root=built_root, punk_ids=ids),
        punkmodels.evaluate_predictions(frame, "train", root=built_root),
        punkmodels.evaluate_predictions(frame.reset_index(), "train", root=built_root),
    ):
        assert found.scores == scores
    wrong = punkmodels.evaluate_predictions(rows, "train", root=built_root).scores
    assert wrong["visible"] != scores["visible"]


def test_predictions_of_types_only_are_scored(
    built_root: Path, data: PunkDataset, logits: torch.Tensor
) -> None:
    softmax = logits[:, :5].double().softmax(dim=1).numpy()
    by_kind = [
        punkmodels.evaluate_predictions(values, "train", root=built_root).scores
        for values in (logits[:, :5], softmax, pd.DataFrame(softmax, columns=list(TYPES)))
    ]
    expected = (logits[:, :5].argmax(1) == data.as_tensors()[1][:, :5].argmax(1)).double().mean()
    for found in by_kind:
        assert found["type_accuracy"] == float(expected)
        assert found["visible"] == pytest.approx(by_kind[0]["visible"])
    assert [found["kind"] for found in by_kind] == ["logits", "probabilities", "probabilities"]


def test_labels_themselves_are_perfect_predictions(built_root: Path, data: PunkDataset) -> None:
    labels = data.as_tensors()[1]
    for values in (labels.numpy().astype(np.uint8), labels.bool()):
        found = punkmodels.evaluate_predictions(values, "train", root=built_root).scores
        assert found["visible"]["exact_match"] == 1
        assert found["joint_calibration_error"] == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_command_reads_predictions_from_a_file(
    suffix: str, built_root: Path, data: PunkDataset, logits: torch.Tensor, tmp_path: Path,
    capsys: Capture, scores: dict[str, Any],
) -> None:  # fmt: skip
    file = tmp_path / f"predictions.{suffix}"
    frame = pd.DataFrame(logits.numpy(), columns=list(LABELS))
    frame.insert(0, "punk_id", data.punk_ids)
    if suffix == "csv":
        frame.to_csv(file, index=False)
    elif suffix == "parquet":
        frame.to_parquet(file)
    else:
        np.savez(file, scores=logits.numpy(), punk_ids=data.punk_ids)
    options = ("--split", "train", "--root", built_root)
    assert run("evaluate", "predictions", file, *options, "--out", tmp_path / "out") == 0
    out, err = capsys.readouterr()
    assert "read as logits, in the train split" in out
    assert "wrote metrics.json, metrics.md, errors.png to" in err
    found = punkmodels.evaluate_predictions(file, "train", root=built_root).scores
    assert found["visible"] == pytest.approx(scores["visible"])
    assert (
        run("evaluate", file, "--root", built_root) == 2
    )  # These are not those of the test split.
    assert "the predictions lack" in capsys.readouterr().err


def test_kinds_of_values() -> None:
    for values, kind in (([[0.0, 1]], "probabilities"), ([[-3.0, 0.5]], "logits")):
        assert to_logits(np.array(values))[1] == kind
    assert to_logits(np.array([[0.2, 1 + 1e-9]]))[1] == "probabilities"
    logits, kind = to_logits(np.array([[0.2, 0.7]]), "logits")
    assert (logits.tolist(), kind) == ([[0.2, 0.7]], "logits")
    for values in ([[0.0, 97]], [[0, 1.2]], [[0.0, np.inf]]):
        with pytest.raises(UsageError, match="neither probabilities nor clearly logits"):
            to_logits(np.array(values))
    with pytest.raises(UsageError, match="probabilities must be from 0 to 1, not from -1 to 0"):
        to_logits(np.array([[-1.0, 0]]), "probabilities")
    with pytest.raises(UsageError, match="kind must be auto"):
        to_logits(np.array([[-1.0, 0]]), "scores")  # type: ignore[arg-type]


def test_a_data_set_names_the_split(
    built_root: Path, data: PunkDataset, logits: torch.Tensor, scores: dict[str, Any]
) -> None:
    assert punkmodels.evaluate_predictions(logits, data, progress=False).scores == scores
    with pytest.raises(UsageError, match="is a folder, not a split; pass it as root='"):
        punkmodels.evaluate_predictions(logits, built_root)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="split must be one of train, .*, all, not ndarray"):
        punkmodels.evaluate_predictions(logits, data.punk_ids, root=built_root)  # type: ignore[arg-type]


def test_rows_in_another_order_are_suspected(
    built_root: Path, data: PunkDataset, logits: torch.Tensor
) -> None:
    random = torch.rand(logits.shape, generator=torch.Generator().manual_seed(0))
    calls: list[tuple[Any, ...]] = []
    found = punkmodels.evaluate_predictions(random, data, progress=lambda *c: calls.append(c))
    assert "hardly better than chance" in repr(found)
    assert "Are the rows in the order of PunkDataset.punk_ids of the train split" in repr(found)
    assert calls[-1] == (200, 200)
    named = punkmodels.evaluate_predictions(random, data, punk_ids=data.punk_ids, progress=False)
    assert "hardly better than chance" in repr(named)
    assert "Are the rows" not in repr(named)
    right = punkmodels.evaluate_predictions(logits, data, progress=False)
    assert "chance" not in repr(right)
    assert "AUROC" in repr(right.tables)
    assert "Row(" not in repr(right.tables)


FRAME = pd.DataFrame(np.zeros((2, 92)), columns=list(LABELS))


@pytest.mark.parametrize(
    ("predictions", "options", "message"),
    [
        (np.zeros((3, 91)), {}, r"must have the shape \(N, 92\), .* not \(3, 91\)"),
        (np.zeros((0, 92)), {}, r"not \(0, 92\)"),
        (np.full((3, 92), np.nan), {}, "contain NaN or empty cells"),
        (np.full((3, 92), "a"), {}, "must be numbers"),
        (np.zeros((3, 92)), {}, r"3 rows of predictions, but the test split .* needs \d+"),
        (np.zeros((2, 92)), {"punk_ids": [1]}, "ids must be 2 integers"),
        (np.zeros((2, 92)), {"punk_ids": [1, 1.5]}, "ids must be 2 integers"),
        (np.zeros((2, 92)), {"punk_ids": [1, np.inf]}, "ids must be 2 integers"),
        (np.zeros((2, 92)), {"punk_ids": ["1", "x"]}, "ids must be numbers"),
        (np.zeros((2, 92), complex), {}, "real numbers, not complex128"),
        (np.zeros((2, 92)), {"punk_ids": [1, 1]}, "more than once"),
        (
            np.zeros((2, 92)),
            {"punk_ids": [-1, -2]},
            r"lack (\d+) of the \1 ids .* and have 2 others",
        ),
        (FRAME[list(LABELS[:90])], {}, "2 of 92 columns are missing: "),
        (FRAME[["Alien", "Ape"]], {}, "3 of 5 columns are missing: Female, Male, Zombie"),
        (FRAME.assign(pipe=0), {}, "several columns belong to the label Pipe"),
        ("missing.csv", {}, "'missing.csv' does not exist"),
        ("scores.txt", {}, r"is not a file of predictions; accepted are: \.csv"),
    ],
)
def test_unusable_predictions_are_refused(
    predictions: Any, options: dict[str, Any], message: str, built_root: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        punkmodels.evaluate_predictions(predictions, root=built_root, **options)


@pytest.mark.parametrize(
    ("name", "data", "code", "message"),
    [
        ("a.csv", b"", 6, "a.csv' cannot be read as a table"),
        ("b.csv", b"\xff\xfe\x00", 6, "b.csv' cannot be read as a table"),
        ("c.csv", b"Alien,Ape\n1,x\n", 2, "3 of 5 columns are missing"),
        ("d.csv", b"Alien,Ape,Female,Male,Zombie\n1,x,0,0,0\n", 2, "d.csv': predictions must be"),
        ("e.csv", b"Alien,Ape,Female,Male,Zombie\n1,,0,0,0\n", 2, "NaN or empty cells"),
        ("f.parquet", b"PAR1", 6, "f.parquet' cannot be read as a table"),
        ("g.npz", b"PK", 6, "is not an array that numpy can read"),
    ],
)
def test_unusable_files_are_one_line(
    name: str, data: bytes, code: int, message: str, built_root: Path, tmp_path: Path,
    capsys: Capture,
) -> None:  # fmt: skip
    (tmp_path / name).write_bytes(data)
    assert run("evaluate", "predictions", tmp_path / name, "--root", built_root) == code
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_pickled_predictions_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", scores=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="cannot be loaded|allow_pickle"):
        punkmodels.evaluate_predictions(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", values=np.zeros((2, 92)))
    with pytest.raises(UsageError, match="no array named scores; save it with: numpy.savez"):
        punkmodels.evaluate_predictions(tmp_path / "b.npz")


def test_an_evaluation_shows_its_tables(
    scores: dict[str, Any], logits: torch.Tensor, built_root: Path, tmp_path: Path
) -> None:
    evaluation = punkmodels.evaluate_predictions(logits, "train", root=built_root)
    assert repr(evaluation).startswith("score")
    assert len(repr(evaluation).splitlines()) < 20
    page = evaluation._repr_html_()
    assert page.count("<table>") == len(evaluation.tables) == 3
    assert page.count("<details>") == 2
    evaluation.save(str(tmp_path / "out"))
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "metrics.json",
        "metrics.md",
        "errors.png",
    }
