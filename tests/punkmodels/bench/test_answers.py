from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from punkdata.errors import DataError, PunkError, UsageError
from punkmodels import Evaluator
from punkmodels.bench.results import find_obstacles
from punkmodels.bench.tracks import find_track

NAMES = ("few-5", "open-set", "explain", "generate-unseen", "generate")


@pytest.fixture(scope="module")
def evaluators(layered_root: Path) -> dict[str, Evaluator]:
    return {name: Evaluator(name, layered_root) for name in NAMES}  # type: ignore[arg-type]


def random_answers(evaluator: Evaluator) -> np.ndarray:
    rng = np.random.default_rng(0)
    if evaluator.track.answer == "sprites":
        return rng.integers(0, 256, evaluator._inputs.truth["sprites"].shape, np.uint8)
    if evaluator.track.answer == "saliency":
        return rng.random(evaluator._inputs.truth["masks"].shape)
    count = len(evaluator._inputs.ids)
    return rng.normal(size=(count, 92) if evaluator.track.answer == "labels" else count)


def test_scores_above_one_have_an_interval_around_them(evaluators: dict[str, Evaluator]) -> None:
    evaluator = evaluators["generate-unseen"]
    found = evaluator.score(random_answers(evaluator), progress=False).scores["scores"]
    mean, (low, high) = (found["wrong_pixels_mean"][key] for key in ("mean", "interval_95"))
    assert 1 < low <= mean <= high <= 576


@pytest.mark.parametrize("name", ["few-5", "open-set", "explain"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_tensors_that_require_gradients_are_read(
    name: str, dtype: torch.dtype, evaluators: dict[str, Evaluator]
) -> None:
    answer = torch.from_numpy(random_answers(evaluators[name])).to(dtype)
    expected = evaluators[name].score(answer.double().numpy(), progress=False)
    found = evaluators[name].score(answer.requires_grad_(), progress=False)
    assert found.scores == expected.scores


def test_an_index_names_the_images_of_a_table(evaluators: dict[str, Evaluator]) -> None:
    evaluator = evaluators["open-set"]
    answer = random_answers(evaluator)
    table = pd.DataFrame({"image_id": evaluator.inputs["image_ids"], "score": answer})
    shuffled = table.sample(frac=1, random_state=1).set_index("image_id")
    expected = evaluator.score(answer, progress=False).scores["scores"]
    named = shuffled.reset_index().rename(columns={"image_id": "punk_id"})
    for scores in (shuffled, shuffled["score"], shuffled["score"].rename("realness"), named):
        assert evaluator.score(scores, progress=False).scores["scores"] == expected


REFUSED: dict[str, tuple[str, Any, str]] = {
    "complex numbers": ("open-set", lambda a: a + 1j, "real numbers"),
    "dates": ("open-set", lambda a: np.zeros(len(a), "M8[s]"), "real numbers"),
    "NaN": ("explain", lambda a: np.where(a < 0.1, np.nan, a), "NaN"),
    "no array": ("generate-unseen", lambda a: [[1], [1, 2]], "not list"),
    "percentages": ("few-5", lambda a: abs(a) * 100, "logits of labels that are absent are below"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_other_values_are_refused(case: str, evaluators: dict[str, Evaluator]) -> None:
    name, change, message = REFUSED[case]
    answer = change(random_answers(evaluators[name]))
    with pytest.raises(UsageError, match=message):
        evaluators[name].score(answer, progress=False)


@pytest.mark.parametrize("name", NAMES)
def test_errors_name_the_wrong_one_of_several_answers(
    name: str, evaluators: dict[str, Evaluator], tmp_path: Path
) -> None:
    answer = random_answers(evaluators[name])
    with pytest.raises(PunkError, match=r"^answers 1 of 2: "):
        evaluators[name].score(answer[:1], answer, progress=False)
    key = {"explain": "saliency", "few-5": "scores", "open-set": "scores"}.get(name, "images")
    np.savez(tmp_path / "short.npz", **{key: answer[:1]})
    with pytest.raises(PunkError, match=r"^'.*short.npz'"):
        evaluators[name].score(tmp_path / "short.npz", answer, progress=False)


@pytest.mark.parametrize(("name", "key"), [("explain", "saliency"), ("generate-unseen", "images")])
def test_another_order_of_a_file_is_refused(
    name: str, key: str, evaluators: dict[str, Evaluator], tmp_path: Path
) -> None:
    evaluator, path = evaluators[name], tmp_path / "answers.npz"
    answer, ids = random_answers(evaluator), evaluator.inputs["punk_ids"]
    np.savez(path, **{key: answer, "punk_ids": ids})
    evaluator.score(path, progress=False)
    np.savez(path, **{key: answer[::-1], "punk_ids": ids[::-1]})
    with pytest.raises(UsageError, match="punk_ids .* another order"):
        evaluator.score(path, progress=False)
    np.savez(path, maps=answer)
    with pytest.raises(UsageError, match=f"no array named {key}"):
        evaluator.score(path, progress=False)


@pytest.mark.parametrize("name", ["explain", "generate-unseen", "generate"])
def test_ids_are_refused_where_the_order_is_fixed(
    name: str, evaluators: dict[str, Evaluator]
) -> None:
    answer = random_answers(evaluators[name])
    with pytest.raises(UsageError, match="remove ids="):
        evaluators[name].score(answer, ids=np.arange(len(answer)), progress=False)


@pytest.mark.parametrize("name", ["few-5", "open-set"])
def test_ids_of_a_file_cannot_be_replaced(
    name: str, evaluators: dict[str, Evaluator], tmp_path: Path
) -> None:
    answer = random_answers(evaluators[name])
    np.savez(tmp_path / "answers.npz", scores=answer)
    with pytest.raises(UsageError, match="a file has its own ids"):
        evaluators[name].score(tmp_path / "answers.npz", ids=np.arange(len(answer)), progress=False)


def test_errors_name_no_argument_that_scores_lack(
    evaluators: dict[str, Evaluator], tmp_path: Path
) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(UsageError, match="name the array of sprites images"):
        evaluators["generate"].score(tmp_path / "two.npz", progress=False)
    with pytest.raises(DataError, match="at least 100 sprites"):
        evaluators["generate"].score(np.zeros((9, 24, 24, 4), np.uint8), progress=False)


def test_official_entries_have_ten_thousand_sprites(evaluators: dict[str, Evaluator]) -> None:
    answer = np.concatenate([random_answers(evaluators["generate"])] * 5)
    found = evaluators["generate"].score(answer, progress=False).scores["obstacles"]
    assert "it needs 10,000 sprites of each training" in found
    assert find_obstacles("test", 3, has_known_inputs=True, num_sprites=10_000) == []


def test_a_list_is_no_track() -> None:
    with pytest.raises(UsageError, match="track must be"):
        find_track(["explain"])  # type: ignore[arg-type]
