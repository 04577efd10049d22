from __future__ import annotations

import numpy as np
import pytest
from support.cpunks10k_package import to_camel_case

from punkdata.traits import (
    ACCESSORIES,
    LABELS,
    TYPES,
    decode_labels,
    encode_labels,
    find_label,
)


def test_labels_are_5_types_and_87_accessories_in_sorted_order() -> None:
    assert len(TYPES) == 5
    assert len(ACCESSORIES) == 87 == len(set(ACCESSORIES))
    assert list(TYPES) == sorted(TYPES)
    assert list(ACCESSORIES) == sorted(ACCESSORIES)
    assert LABELS == TYPES + ACCESSORIES


def test_decode_labels_inverts_encode_labels() -> None:
    vector = encode_labels("Zombie", ["Pipe", "3D Glasses"])
    assert vector.dtype == np.uint8
    assert vector.sum() == 3
    assert decode_labels(vector) == ("Zombie", ("3D Glasses", "Pipe"))


@pytest.mark.parametrize("types", [[], ["Ape", "Alien"]])
def test_decode_labels_rejects_vectors_without_exactly_one_type(types: list[str]) -> None:
    vector = np.zeros(92, np.uint8)
    vector[[TYPES.index(t) for t in types]] = 1
    with pytest.raises(ValueError, match="exactly one type"):
        decode_labels(vector)


def test_encode_labels_rejects_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        encode_labels("Male", ["Monocle"])


@pytest.mark.parametrize("label", LABELS)
def test_find_label_ignores_case_and_punctuation(label: str) -> None:
    assert find_label(to_camel_case(label)) == label
    assert find_label(label.upper().replace(" ", "-")) == label


def test_find_label_returns_none_for_an_unknown_name() -> None:
    assert find_label("7 attributes") is None
    assert find_label("") is None
