"""Label sets as categorical variables, and which values are possible together."""

import pytest
import torch

from punkdata.errors import UsageError
from punkdata.traits import (
    LABELS,
    MAX_ACCESSORIES,
    TYPES,
    allowed_accessories,
    check_traits,
    decode_labels,
    encode_labels,
)
from punkmodels.label_sets.encoding import (
    NUM_VALUES,
    NUM_VARIABLES,
    SKIN_TONE,
    VALUE_DIM,
    VALUE_SLICES,
    decode_label_sets,
    encode_label_sets,
    encode_one_hot,
    find_allowed,
    is_possible,
)

OUTFITS = [("Zombie", ["Pipe"], 0), ("Female", ["Tiara", "Mole", "Choker"], 3), ("Male", [], 1)]


def vectors(outfits=OUTFITS):
    labels = torch.stack([torch.from_numpy(encode_labels(t, names)) for t, names, _ in outfits])
    return labels, torch.tensor([tone for *_, tone in outfits])


def random_values(count: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    columns = [torch.randint(0, n, (count,), generator=random) for n in NUM_VALUES]
    return torch.stack(columns, dim=1)


def sample_allowed(values: torch.Tensor, is_known: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Choose all unknown values uniformly among those allowed, in a random order."""
    random, values, is_known = torch.Generator().manual_seed(seed), values.clone(), is_known.clone()
    for i in torch.randperm(NUM_VARIABLES, generator=random).tolist():
        allowed = find_allowed(values, is_known)[:, VALUE_SLICES[i]].float()
        chosen = torch.multinomial(allowed, 1, generator=random)[:, 0]
        values[:, i] = torch.where(is_known[:, i], values[:, i], chosen)
        is_known[:, i] = True
    return values


def test_encoding_returns_to_the_same_labels_and_skin_tones():
    labels, tones = vectors()
    values = encode_label_sets(labels, tones)
    assert values.shape == (3, NUM_VARIABLES)
    assert values.dtype == torch.int64
    decoded, decoded_tones = decode_label_sets(values)
    assert torch.equal(decoded, labels)
    assert torch.equal(decoded_tones, tones)


def test_one_hot_vectors_have_one_value_of_each_variable():
    one_hot = encode_one_hot(random_values(20))
    assert one_hot.shape == (20, VALUE_DIM)
    assert VALUE_SLICES[-1].stop == VALUE_DIM
    assert all((one_hot[:, columns].sum(dim=1) == 1).all() for columns in VALUE_SLICES)


@pytest.mark.parametrize(
    "outfit",
    [
        ("Male", ["Cap", "Mohawk"], 1),
        ("Male", ["Nerd Glasses", "Eye Mask", "VR"], 1),
        ("Male", [], 0),
        ("Female", [], 5),
        ("Ape", [], 2),
    ],
)
def test_label_sets_that_no_punk_can_have_are_refused(outfit):
    with pytest.raises(ValueError, match="a punk has"):
        encode_label_sets(*vectors([outfit]))


def test_label_sets_without_a_type_are_refused():
    with pytest.raises(ValueError, match="one type"):
        encode_label_sets(torch.zeros(1, len(LABELS), dtype=torch.uint8), torch.tensor([0]))


def test_possible_values_are_those_that_the_trait_rules_accept():
    values = random_values(3000)
    values[:, 2:] *= torch.rand(3000, 9, generator=torch.Generator().manual_seed(1)) < 0.3
    labels, tones = decode_label_sets(values)
    expected = []
    for row, tone in zip(labels.numpy(), tones.tolist(), strict=True):
        punk_type, names = decode_labels(row)
        try:
            check_traits(punk_type, names)
            expected.append((tone > 0) == (punk_type in ("Female", "Male")))
        except UsageError:
            expected.append(False)
    assert is_possible(values).tolist() == expected
    assert 0 < sum(expected) < 3000


@pytest.mark.parametrize("seed", range(5))
def test_choosing_allowed_values_in_any_order_gives_possible_punks(seed):
    nothing = torch.zeros(200, NUM_VARIABLES, dtype=torch.bool)
    values = sample_allowed(random_values(200, seed), nothing, seed)
    assert is_possible(values).all()
    labels, _ = decode_label_sets(values)
    assert labels[:, len(TYPES) :].sum(dim=1).max() == MAX_ACCESSORIES


def test_known_accessories_restrict_the_types():
    values, tones = vectors([("Female", ["Tiara"], 1)]), torch.tensor([1])
    values = encode_label_sets(values[0], tones)
    is_known = values > 0
    is_known[:, 0] = is_known[:, SKIN_TONE] = False
    allowed = find_allowed(values, is_known)[0]
    assert [name for name, ok in zip(TYPES, allowed[VALUE_SLICES[0]], strict=True) if ok] == [
        "Female"
    ]
    assert allowed[VALUE_SLICES[SKIN_TONE]].tolist() == [False, True, True, True, True]


def test_without_known_values_everything_that_some_type_can_have_is_allowed():
    nothing = torch.zeros(1, NUM_VARIABLES, dtype=torch.bool)
    assert find_allowed(random_values(1), nothing).all()
    assert {name for kind in TYPES for name in allowed_accessories(kind)} == set(LABELS[5:])
