from __future__ import annotations

import pytest
import torch

from punkdata.errors import UsageError
from punkdata.traits import LABELS
from punkmodels.renderer.network import conditions_from_labels, labels_from_names

MALE, ZOMBIE = (labels_from_names(name, [])[None] for name in ("Male", "Zombie"))


def test_names_match_in_any_case() -> None:
    labels = labels_from_names("zombie", ["3d glasses", " PIPE"])
    names = [LABELS[i] for i in labels.nonzero()[:, 0].tolist()]
    assert names == ["Zombie", "3D Glasses", "Pipe"]


@pytest.mark.parametrize(
    ("skin_tones", "expected"),
    [(None, [1, 2, 3, 4, 1]), (3, [3] * 5), (torch.tensor([4, 4, 1, 2, 3]), [4, 4, 1, 2, 3])],
)
def test_skin_tones_alternate_unless_they_are_given(
    skin_tones: torch.Tensor | int | None, expected: list[int]
) -> None:
    condition = conditions_from_labels(MALE.expand(5, -1), skin_tones)
    assert (condition[:, -4:].argmax(dim=1) + 1).tolist() == expected
    assert (condition[:, -4:].sum(dim=1) == 1).all()


def test_only_humans_have_a_skin_tone() -> None:
    condition = conditions_from_labels(torch.cat([MALE, ZOMBIE]), 2)
    assert condition[:, -4:].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    with pytest.raises(UsageError, match="only Female and Male punks have a skin tone"):
        conditions_from_labels(ZOMBIE, 2)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ((None, ["Pipe"]), r"--type is missing; add --type with one of: Alien, Ape"),
        (("Robot", []), r'there is no type "Robot"; choose from: Alien, Ape'),
        (("Male", ["Mohawc"]), r'no accessory "Mohawc"; did you mean Mohawk'),
        (("Female", ["Goat"]), r"Goat; .* add --allow-impossible"),
    ],
)
def test_unsupported_traits_are_refused(traits: tuple[str | None, list[str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        labels_from_names(*traits)


def test_impossible_combinations_can_be_allowed() -> None:
    assert labels_from_names("Female", ["Goat", "Big Beard"], allow_impossible=True).sum() == 3
