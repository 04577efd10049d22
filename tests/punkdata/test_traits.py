from __future__ import annotations

import numpy as np
import pytest
from support.sprites import camel_case

from punkdata.traits import (
    ACCESSORIES,
    LABELS,
    TYPES,
    decode_labels,
    encode_labels,
    find_label,
)


def test_there_are_5_types_and_87_accessories_each_sorted() -> None:
    assert len(TYPES) == 5
    assert len(ACCESSORIES) == 87 == len(set(ACCESSORIES))
    assert list(TYPES) == sorted(TYPES)
    assert list(ACCESSORIES) == sorted(ACCESSORIES)
    assert LABELS == TYPES + ACCESSORIES


def test_labels_survive_the_vector_in_label_order() -> None:
    vector = encode_labels("Zombie", ["Pipe", "3D Glasses"])
    assert vector.dtype == np.uint8
    assert vector.sum() == 3
    assert decode_labels(vector) == ("Zombie", ("3D Glasses", "Pipe"))


@pytest.mark.parametrize("types", [[], ["Ape", "Alien"]])
def test_a_vector_without_exactly_one_type_is_refused(types: list[str]) -> None:
    vector = np.zeros(92, np.uint8)
    vector[[TYPES.index(t) for t in types]] = 1
    with pytest.raises(ValueError, match="exactly one type"):
        decode_labels(vector)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        encode_labels("Male", ["Monocle"])


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_found_whatever_its_case_and_punctuation(label: str) -> None:
    assert find_label(camel_case(label)) == label
    assert find_label(label.upper().replace(" ", "-")) == label


def test_a_label_that_is_none_is_not_found() -> None:
    assert find_label("7 attributes") is None
    assert find_label("") is None
