from __future__ import annotations

import pytest
import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, encode_labels
from punkmodels.data.skin_tones import SKIN_TONE_COLORS, SKIN_TONE_PIXEL, detect_skin_tones
from punkmodels.gan.conditioning import ConditionSpec

MALE = torch.from_numpy(encode_labels("Male", ["Pipe", "VR"]))[None]
FEMALE = torch.from_numpy(encode_labels("Female", ["Pipe", "VR"]))[None]
TONE_2 = torch.tensor([2])


@pytest.mark.parametrize(
    ("spec", "dim"),
    [
        (ConditionSpec(), 0),
        (ConditionSpec("type"), 5),
        (ConditionSpec("type", skin_tone=True), 9),
        (ConditionSpec("labels"), 92 + 87),
        (ConditionSpec("labels", skin_tone=True), 92 + 87 + 4),
        (ConditionSpec("labels", split_female_accessories=False), 92),
    ],
    ids=str,
)
def test_condition_has_the_dimension_of_its_spec(spec: ConditionSpec, dim: int) -> None:
    assert spec.dim == dim
    condition = spec.encode(MALE, TONE_2)
    assert condition.shape == (1, dim)
    assert condition.dtype == torch.float32


def test_condition_has_an_entry_for_each_trait() -> None:
    condition = ConditionSpec("labels", skin_tone=True).encode(MALE, TONE_2)[0]
    entries = condition.nonzero()[:, 0].tolist()
    assert entries == [*(LABELS.index(name) for name in ("Male", "Pipe", "VR")), 92 + 87 + 1]


def test_female_accessories_are_repeated() -> None:
    condition = ConditionSpec("labels").encode(FEMALE, TONE_2)[0]
    assert torch.equal(condition[:92], FEMALE[0].float())
    assert torch.equal(condition[92:], FEMALE[0, 5:].float())
    spec = ConditionSpec("labels", split_female_accessories=False)
    assert torch.equal(spec.encode(FEMALE, TONE_2)[0], FEMALE[0].float())


def test_skin_tone_0_sets_no_entry() -> None:
    condition = ConditionSpec("type", skin_tone=True).encode(MALE, torch.tensor([0]))
    assert condition[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_skin_tone_is_detected_by_the_neck() -> None:
    sprites = torch.zeros(5, 24, 24, dtype=torch.uint8)
    row, column = SKIN_TONE_PIXEL
    for i, rgb in enumerate(SKIN_TONE_COLORS):
        sprites[i, row, column] = PALETTE.tolist().index([*rgb, 255])
    assert detect_skin_tones(sprites).tolist() == [1, 2, 3, 4, 0]
