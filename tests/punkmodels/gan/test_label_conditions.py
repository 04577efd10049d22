from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkdata.errors import UsageError
from punkdata.traits import LABELS
from punkmodels.data.splits import load_split
from punkmodels.gan.conditioning import condition_size
from punkmodels.gan.config import make_config
from punkmodels.gan.label_conditions import conditions_from_names, conditions_from_split

ALL = make_config(conditional="labels", skin_tone=True)
NO_TONE = make_config(conditional="labels")
TYPES_ONLY = make_config(conditional="type")


def test_names_need_not_be_spelled_with_capitals() -> None:
    condition = conditions_from_names(ALL, 3, "zombie", ["3d glasses", " PIPE"], None)
    assert condition.shape == (3, condition_size("labels", skin_tone=True))
    assert (condition == condition[0]).all()
    names = [LABELS[i] for i in condition[0].nonzero()[:, 0].tolist()]
    assert names == ["Zombie", "3D Glasses", "Pipe"], "and a zombie has no tone"


def test_a_tone_is_asked_for_or_each_comes_in_turn() -> None:
    assert conditions_from_names(ALL, 5, "Male", [], 3)[:, -4:].tolist() == [[0, 0, 1, 0]] * 5
    tones = conditions_from_names(ALL, 6, "Male", [], None)[:, -4:].argmax(dim=1)
    assert tones.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("config", "wish", "reason"),
    [
        (
            make_config(),
            ("Male", [], None),
            r"cannot be asked for anything; .*--conditional labels",
        ),
        (ALL, (None, ["Pipe"], None), r"a type is missing; add --type: Alien, Ape"),
        (ALL, ("Robot", [], None), r'there is no type "Robot"; choose among: Alien, Ape'),
        (ALL, ("Male", ["Mohawc"], None), r'no accessory "Mohawc"; did you mean Mohawk'),
        (ALL, ("Female", ["Goat"], None), r"a Female cannot wear Goat; .* with --allow-impossible"),
        (ALL, ("Zombie", [], 2), r"tones are of Female and Male, not of Zombie"),
        (NO_TONE, ("Male", [], 2), r"knows no tones; leave out --skin-tone"),
        (TYPES_ONLY, ("Male", ["Pipe"], None), r"knows types only; leave out --accessory"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    config: object, wish: tuple[str, list[str], int | None], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        conditions_from_names(config, 1, *wish)  # type: ignore[arg-type]


def test_force_asks_all_the_same() -> None:
    with pytest.raises(UsageError, match="tones are of"):
        conditions_from_names(ALL, 1, "Zombie", [], 2, force=True)
    condition = conditions_from_names(NO_TONE, 1, "Female", ["Goat", "Big Beard"], None, force=True)
    assert int(condition[:, :92].sum()) == 3


def test_wishes_are_like_those_of_real_punks(built_root: Path) -> None:
    part = load_split(built_root, "latest", "default", "val")
    count = len(part) + 3
    condition = conditions_from_split(NO_TONE, part, count)
    assert torch.equal(condition[: len(part), :92], part.labels)
    assert torch.equal(condition[len(part) :, :92], part.labels[:3])
