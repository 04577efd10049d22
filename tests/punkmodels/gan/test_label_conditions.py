from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkdata.errors import UsageError
from punkdata.traits import LABELS
from punkmodels.data.splits import load_split
from punkmodels.gan.conditioning import ConditionSpec
from punkmodels.gan.label_conditions import conditions_from_names, conditions_from_split

ALL = ConditionSpec("labels", skin_tone=True)
NO_TONE = ConditionSpec("labels")
TYPE_ONLY = ConditionSpec("type")


def test_names_match_in_any_case() -> None:
    condition = conditions_from_names(ALL, 3, "zombie", ["3d glasses", " PIPE"], None)
    assert condition.shape == (3, ALL.dim)
    assert (condition == condition[0]).all()
    names = [LABELS[i] for i in condition[0].nonzero()[:, 0].tolist()]
    assert names == ["Zombie", "3D Glasses", "Pipe"], "a zombie has no skin tone"


def test_skin_tone_is_fixed_or_cycles() -> None:
    assert conditions_from_names(ALL, 5, "Male", [], 3)[:, -4:].tolist() == [[0, 0, 1, 0]] * 5
    tones = conditions_from_names(ALL, 6, "Male", [], None)[:, -4:].argmax(dim=1)
    assert tones.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("spec", "traits", "message"),
    [
        (
            ConditionSpec(),
            ("Male", [], None),
            r"is unconditional; use --model bundled-conditional .*--conditional labels",
        ),
        (ALL, (None, ["Pipe"], None), r"--type is missing; add --type with one of: Alien, Ape"),
        (ALL, ("Robot", [], None), r'there is no type "Robot"; choose from: Alien, Ape'),
        (ALL, ("Male", ["Mohawc"], None), r'no accessory "Mohawc"; did you mean Mohawk'),
        (ALL, ("Female", ["Goat"], None), r"Goat; .* add --allow-impossible"),
        (ALL, ("Zombie", [], 2), r"only Female and Male punks have a skin tone, not Zombie"),
        (NO_TONE, ("Male", [], 2), r"not conditioned on the skin tone; leave out --skin-tone"),
        (TYPE_ONLY, ("Male", ["Pipe"], None), r"on the type only; leave out --accessory"),
    ],
)
def test_unsupported_traits_are_refused(
    spec: ConditionSpec, traits: tuple[str, list[str], int | None], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        conditions_from_names(spec, 1, *traits)


def test_impossible_combinations_can_be_allowed() -> None:
    condition = conditions_from_names(
        NO_TONE, 1, "Female", ["Goat", "Big Beard"], None, allow_impossible=True
    )
    assert int(condition[:, :92].sum()) == 3
    with pytest.raises(UsageError, match="skin tone"):
        conditions_from_names(ALL, 1, "Zombie", [], 2, allow_impossible=True)


def test_conditions_from_a_split_repeat_its_punks(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "val")
    condition = conditions_from_split(NO_TONE, split, len(split) + 3)
    assert torch.equal(condition[: len(split), :92], split.labels)
    assert torch.equal(condition[len(split) :, :92], split.labels[:3])
