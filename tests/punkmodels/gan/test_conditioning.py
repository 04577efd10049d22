from __future__ import annotations

import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, encode_labels
from punkmodels.data.skin_tones import SKIN_TONE_COLORS, SKIN_TONE_PIXEL, detect_skin_tones
from punkmodels.gan.conditioning import Conditional, condition_size, conditions

LABELED = torch.from_numpy(encode_labels("Male", ["Pipe", "VR"]))[None]


def test_a_condition_has_what_one_can_ask_for() -> None:
    kinds: list[tuple[Conditional, bool, int]] = [
        ("none", False, 0),
        ("type", False, 5),
        ("type", True, 9),
        ("labels", False, 92 + 87),
        ("labels", True, 92 + 87 + 4),
    ]
    for kind, skin_tone, size in kinds:
        assert condition_size(kind, skin_tone=skin_tone) == size
        found = conditions(LABELED, torch.tensor([2]), kind, skin_tone=skin_tone)
        assert found.shape == (1, size)
        assert found.dtype == torch.float32
    condition = [i for i, number in enumerate(found[0].tolist()) if number]
    assert condition == [LABELS.index(name) for name in ("Male", "Pipe", "VR")] + [92 + 87 + 1]


def test_what_women_wear_is_asked_for_once_more() -> None:
    labels = torch.from_numpy(encode_labels("Female", ["Pipe", "VR"]))[None]
    found = conditions(labels, torch.tensor([2]), "labels", skin_tone=False)[0]
    assert torch.equal(found[:92], labels[0].float())
    assert torch.equal(found[92:], labels[0, 5:].float())
    plain = conditions(
        labels, torch.tensor([2]), "labels", skin_tone=False, split_female_accessories=False
    )[0]
    assert torch.equal(plain, labels[0].float())
    assert condition_size("labels", skin_tone=False, split_female_accessories=False) == 92


def test_no_tone_asks_for_none() -> None:
    assert conditions(LABELED, torch.tensor([0]), "type", skin_tone=True)[0].tolist() == [
        *(0, 0, 0, 1, 0),
        *(0, 0, 0, 0),
    ]


def test_the_neck_tells_the_tone() -> None:
    sprites = torch.zeros(5, 24, 24, dtype=torch.uint8)
    for i, rgb in enumerate(SKIN_TONE_COLORS):
        sprites[i, SKIN_TONE_PIXEL[0], SKIN_TONE_PIXEL[1]] = PALETTE.tolist().index([*rgb, 255])
    assert detect_skin_tones(sprites).tolist() == [1, 2, 3, 4, 0]
