from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import punkmodels
from punkdata import LABELS, PunkDataset
from punkdata.errors import DataError, NoFileError, UsageError
from punkmodels import Evaluator
from punkmodels.bench.inputs import REAL, open_split, visible_labels
from punkmodels.bench.tracks import TRACKS

LABEL_TRACKS = [name for name, track in TRACKS.items() if track.answer == "labels"]
SCORED = [name for name in TRACKS if name != "generate"]


@pytest.fixture(scope="module")
def evaluators(layered_root: Path) -> dict[str, Evaluator]:
    return {name: Evaluator(name, layered_root) for name in TRACKS}  # type: ignore[arg-type]


def true_answers(evaluator: Evaluator) -> np.ndarray:
    """Return perfect answers."""
    truth = evaluator._inputs.truth
    if evaluator.track.name == "corruptions":
        return np.tile(truth["visible"], (30, 1)).astype(float)
    if evaluator.track.answer == "labels":
        return truth["visible"].astype(float)
    if evaluator.track.answer == "realness":
        return (truth["kind"] == REAL).astype(float)
    return truth["masks" if evaluator.track.answer == "saliency" else "sprites"]


@pytest.mark.parametrize("name", SCORED)
def test_perfect_answers_reach_the_ceiling(name: str, evaluators: dict[str, Evaluator]) -> None:
    evaluator = evaluators[name]
    answer = true_answers(evaluator)
    found = evaluator.score(answer, answer, answer, progress=False)
    for key, score in found.scores["scores"].items():
        if score["mean"] is not None:
            assert score["mean"] == found.scores["bounds"]["ceiling"][key]
            assert score["std"] == 0
            assert score["interval_95"] == [score["mean"], score["mean"]]
    assert found.scores["obstacles"] == [
        "its inputs differ from those of version 1: the snapshot has other punks, or the image "
        "codecs of Pillow are others"
    ]
    assert TRACKS[name].question in repr(found)


@pytest.mark.parametrize("name", [name for name in SCORED if name != "long-tail"])
def test_the_floor_is_below_the_ceiling(name: str, evaluators: dict[str, Evaluator]) -> None:
    found = evaluators[name].score(true_answers(evaluators[name]), progress=False)
    floor, ceiling = found.scores["bounds"].values()  # No layer of these punks is rare.
    main = TRACKS[name].main_score
    assert floor[main] < ceiling[main]


@pytest.mark.parametrize("name", ["compositional", "long-tail"])
def test_rows_are_matched_by_id(
    name: str, evaluators: dict[str, Evaluator], tmp_path: Path
) -> None:
    evaluator = evaluators[name]
    ids, answer = evaluator.inputs["punk_ids"], true_answers(evaluator)
    answer = np.clip(answer + np.random.default_rng(1).normal(0, 0.4, answer.shape), 0, 1)
    order = np.random.default_rng(0).permutation(len(ids))
    expected = evaluator.score(answer, progress=False).scores["scores"]
    shuffled = evaluator.score(answer[order], ids=ids[order], progress=False)
    assert shuffled.scores["scores"] == expected
    frame = pd.DataFrame(answer, columns=list(LABELS)).assign(punk_id=ids).iloc[order]
    for suffix, write in ((".csv", frame.to_csv), (".parquet", frame.to_parquet)):
        path = tmp_path / f"scores{suffix}"
        write(path, index=False)
        assert evaluator.score(path, progress=False).scores["scores"] == expected


def test_images_are_matched_by_id(evaluators: dict[str, Evaluator], tmp_path: Path) -> None:
    evaluator = evaluators["open-set"]
    answer = np.random.default_rng(0).normal(size=len(evaluator.inputs["images"]))
    order = np.random.default_rng(1).permutation(len(answer))
    expected = evaluator.score(answer, progress=False).scores["scores"]
    ids = evaluator.inputs["image_ids"][order]
    table = pd.DataFrame({"image_id": ids, "score": answer[order]})
    table.to_csv(tmp_path / "scores.csv", index=False)
    np.savez(tmp_path / "scores.npz", scores=answer[order], image_ids=ids)
    for path in (tmp_path / "scores.csv", tmp_path / "scores.npz"):
        assert evaluator.score(path, progress=False).scores["scores"] == expected


def test_a_fold_is_answered_by_the_model_that_did_not_see_it(
    evaluators: dict[str, Evaluator],
) -> None:
    evaluator = evaluators["long-tail"]
    inputs = evaluator.inputs
    assert len(set(inputs["punk_ids"].tolist())) == len(inputs["punk_ids"])
    for fold in range(1, 6):
        own = inputs["punk_ids"][inputs["fold"] == fold]
        assert np.array_equal(own, evaluator.load("test", fold).punk_ids)
        assert not np.isin(own, evaluator.load("train", fold).punk_ids).any()


def test_impossible_sprites_look_like_no_punk(evaluators: dict[str, Evaluator]) -> None:
    evaluator = evaluators["open-set"]
    kinds = evaluator._inputs.truth["kind"]
    everyone = PunkDataset(evaluator.path, split="all").data.permute(0, 2, 3, 1).numpy()
    known = {sprite.tobytes() for sprite in everyone}
    for image, kind in zip(evaluator.inputs["images"], kinds, strict=True):
        assert (image.tobytes() in known) == (kind == REAL)
    assert len(set(kinds.tolist())) == 7
    first = kinds[: len(kinds) // 4]
    assert {REAL, "chimera"} <= set(first.tolist()), "kinds are mixed"


def test_masks_are_cases_of_visible_accessories(evaluators: dict[str, Evaluator]) -> None:
    evaluator = evaluators["explain"]
    masks, labels = evaluator._inputs.truth["masks"], evaluator.inputs["label_ids"]
    assert masks.any(axis=(1, 2)).all()
    assert labels.min() >= 5
    data = open_split(evaluator.track, evaluator.path, "test")
    rows = np.searchsorted(data.punk_ids, evaluator.inputs["punk_ids"])
    assert visible_labels(data)[rows, labels].all()


def test_generated_punks_are_compared_with_the_test_split(evaluators: dict[str, Evaluator]) -> None:
    sprites = punkmodels.load_generator(device="cpu").generate(120, seed=0)
    found = evaluators["generate"].score(sprites, progress=False).scores
    assert 0 <= found["scores"]["recall"]["mean"] <= 1
    assert found["scores"]["frechet_distance"]["mean"] is None, "too few sprites"
    assert list(found["bounds"]) == ["real training punks"]


BAD: dict[str, tuple[str, Any, str]] = {
    "types only": ("few-5", lambda n: np.ones((n, 5)) / 5, "scores of all 92 labels"),
    "too few rows": ("few-5", lambda n: np.zeros((n - 1, 92)), "rows of predictions"),
    "one column": ("open-set", lambda n: np.zeros((n, 2)), "one score for each image"),
    "NaN": ("open-set", lambda n: np.full(n, np.nan), "NaN"),
    "words": ("open-set", lambda n: ["a"] * n, "must be numbers"),
    "another size": ("explain", lambda n: np.zeros((n, 12, 12)), "must have the shape"),
    "floats": ("generate-unseen", lambda n: np.zeros((n, 24, 24, 4)), "sprites must be uint8"),
    "no file": ("explain", lambda n: "missing.npz", "does not exist"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_other_answers_are_refused(case: str, evaluators: dict[str, Evaluator]) -> None:
    name, make, message = BAD[case]
    evaluator = evaluators[name]
    with pytest.raises((UsageError, DataError, NoFileError), match=message):
        evaluator.score(make(len(next(iter(evaluator.inputs.values())))), progress=False)


def test_tracks_need_enough_punks(built_root: Path) -> None:
    with pytest.raises(DataError, match="do not determine which accessory"):
        Evaluator("explain", built_root)


def test_unknown_names_are_refused(built_root: Path) -> None:
    with pytest.raises(UsageError, match="track must be"):
        Evaluator("composition", built_root)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="split must be"):
        Evaluator("corruptions", built_root, split="train")  # type: ignore[arg-type]


def test_there_must_be_answers(evaluators: dict[str, Evaluator]) -> None:
    with pytest.raises(UsageError, match="no answers"):
        evaluators["few-5"].score()
    with pytest.raises(UsageError, match="no models"):
        evaluators["few-5"].score_models()


def test_options_are_chosen_on_the_validation_split(layered_root: Path) -> None:
    evaluator = Evaluator("corruptions", layered_root, split="val")
    found = evaluator.score(true_answers(evaluator), progress=False)
    assert "it is on the validation split" in found.scores["obstacles"]
    assert not np.isin(evaluator.load("val").punk_ids, evaluator.load("test").punk_ids).any()


def test_probabilities_of_a_tensor_are_read(evaluators: dict[str, Evaluator]) -> None:
    evaluator = evaluators["few-10"]
    answer = torch.from_numpy(true_answers(evaluator)).float() * 0.8 + 0.1
    found = evaluator.score(answer.requires_grad_(), progress=False).scores["scores"]
    assert found["exact_match"]["mean"] == 1
    assert found["joint_calibration_error"]["mean"] == pytest.approx(1 - 0.9**92, abs=1e-6)
