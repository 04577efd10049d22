"""Label sets as 11 categorical variables: the type, the skin tone, and nine slots of accessories.

A punk has one type, at most one skin tone, and at most one accessory of each slot of
`punkdata.traits.ACCESSORY_SLOTS`. So its labels and skin tone are one value of each variable:

    type       0 to 4: the row of `TYPES`
    skin tone  0 for Aliens, Apes and Zombies; 1 (darkest) to 4 for Female and Male punks
    slots      0 for no accessory; n for the n-th accessory of the slot

Models see the values as one-hot vectors, one after the other: `VALUE_DIM` entries, of which those
of variable i are `VALUE_SLICES[i]`.
"""

import itertools

import torch

from punkdata.traits import (
    ACCESSORIES,
    ACCESSORY_SLOTS,
    LABELS,
    MAX_ACCESSORIES,
    TYPES,
    allowed_accessories,
)
from punkmodels.data.palette import SKIN_TONE_COLORS
from punkmodels.renderer.names import HUMAN_TYPES

TYPE, SKIN_TONE = 0, 1
"""Columns of the type and of the skin tone; those of the slots follow."""
SLOTS = slice(2, 2 + len(ACCESSORY_SLOTS))
NUM_VALUES = (len(TYPES), len(SKIN_TONE_COLORS) + 1, *(len(slot) + 1 for slot in ACCESSORY_SLOTS))
"""Number of values of each variable."""
NUM_VARIABLES = len(NUM_VALUES)
VALUE_DIM = sum(NUM_VALUES)
"""Number of values of all variables, 106."""
VALUE_SLICES = tuple(
    slice(end - size, end)
    for size, end in zip(NUM_VALUES, itertools.accumulate(NUM_VALUES), strict=True)
)
"""Columns of each variable in one-hot vectors."""

VALUE_NAMES = (
    TYPES,
    ("", *(f"skin tone {i + 1}" for i in range(len(SKIN_TONE_COLORS)))),
    *(("", *slot) for slot in ACCESSORY_SLOTS),
)
"""Name of each value of each variable; "" for none."""
_COLUMN_OF_LABEL = [list(itertools.chain.from_iterable(VALUE_NAMES)).index(x) for x in LABELS]


def encode_label_sets(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
    """Return the values of labels (N, 92), 0 or 1, and skin tones, int64 (N,): int64 (N, 11).

    Raises ValueError if a row is not one of `find_encodable`.
    """
    if not find_encodable(labels, skin_tones).all():
        raise ValueError(
            "a punk has one type, at most one accessory of each slot, and a skin tone if it is "
            "Female or Male"
        )
    return _to_values(labels, skin_tones)


def find_encodable(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
    """Return which label sets are values of the variables, bool (N,).

    They have one type and at most one accessory of each slot, and exactly those of Female and Male
    punks have a skin tone, 1 to 4.
    """
    values = _to_values(labels, skin_tones)
    is_in_range = (values < torch.tensor(NUM_VALUES, device=values.device)).all(dim=1)
    values[~is_in_range] = 0
    decoded, _ = decode_label_sets(values)
    has_tone = _table(HUMAN_TYPES, TYPES).to(values.device)[values[:, TYPE]]
    is_same = (decoded == labels).all(dim=1)
    return is_in_range & is_same & ((values[:, SKIN_TONE] > 0) == has_tone)


def _to_values(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
    labels = labels.long()
    columns = [labels[:, : len(TYPES)].argmax(dim=1), skin_tones.long()]
    for slot in ACCESSORY_SLOTS:
        numbers = torch.arange(1, len(slot) + 1, device=labels.device)
        columns.append((labels[:, [LABELS.index(name) for name in slot]] * numbers).sum(dim=1))
    return torch.stack(columns, dim=1)


def decode_label_sets(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the labels, uint8 (N, 92), and skin tones, int64 (N,), of values, int64 (N, 11)."""
    one_hot = encode_one_hot(values).to(torch.uint8)
    labels = one_hot[:, _COLUMN_OF_LABEL]
    return labels, values[:, SKIN_TONE].clone()


def encode_one_hot(values: torch.Tensor) -> torch.Tensor:
    """Return the one-hot vectors of values, int64 (N, 11): float32 (N, 106)."""
    variables, numbers = _VARIABLES.to(values.device), _NUMBERS.to(values.device)
    return (values[:, variables] == numbers).float()


def find_allowed(values: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
    """Return which values each variable can have, given the known ones: bool (N, 106).

    A value is allowed if some label set that a punk can have contains it and all known values of
    the *other* variables. So sampling allowed values one variable after the other, in any order,
    always ends with a punk that `punkdata.traits.check_traits` accepts.

    Args:
        values: int64 (N, 11); entries that are not known can be anything in range.
        is_known: bool (N, 11).
    """
    others = ~torch.eye(NUM_VARIABLES, dtype=torch.bool, device=values.device)
    return _find_allowed(values, is_known[:, None] & others)


def find_allowed_in_order(values: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
    """Do as `find_allowed`, where all variables *before* each variable are known, too."""
    order = torch.arange(NUM_VARIABLES, device=values.device)
    is_before, others = order < order[:, None], order != order[:, None]
    return _find_allowed(values, (is_known[:, None] | is_before) & others)


def _find_allowed(values: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
    """Return which values are allowed for variable i given `is_known[:, i]`, bool (N, 11, 11)."""
    fits, offsets, variables, is_worn = (
        table.to(values.device) for table in (_FITS_TYPE, _OFFSETS, _VARIABLES, _IS_WORN)
    )
    columns = values + offsets
    # Products of float32 are much faster than any() of tensors with one more dimension.
    known = is_known.float()
    conflicts = 1 - fits.float()[columns]  # Of the values of a punk with types, (N, 11, 5).
    is_possible_type = (known @ conflicts == 0).float()
    num_worn = (known @ is_worn.float()[columns][:, :, None])[:, :, 0]
    num_types = (is_possible_type @ fits.float().T)[:, variables, torch.arange(VALUE_DIM)]
    is_full = (num_worn >= MAX_ACCESSORIES)[:, variables]
    return (num_types > 0) & ~(is_full & is_worn)


def is_possible(values: torch.Tensor) -> torch.Tensor:
    """Return whether a punk can have all of these values, int64 (N, 11), together: bool (N,)."""
    allowed = find_allowed(values, torch.ones_like(values, dtype=torch.bool))
    return (allowed | ~encode_one_hot(values).bool()).all(dim=1)


def _table(true: tuple[str, ...] | frozenset[str], names: tuple[str, ...]) -> torch.Tensor:
    return torch.tensor([name in true for name in names])


def _fits_type() -> torch.Tensor:
    """Return which values (rows) punks of a type (columns) can have, bool (106, 5)."""
    rows = []
    for row, name in enumerate(TYPES):
        types = torch.arange(len(TYPES)) == row
        tones = (torch.arange(NUM_VALUES[SKIN_TONE]) > 0) == (name in HUMAN_TYPES)
        allowed = allowed_accessories(name) | {""}
        slots = [_table(allowed, ("", *slot)) for slot in ACCESSORY_SLOTS]
        rows.append(torch.cat([types, tones, *slots]))
    return torch.stack(rows, dim=1)


_FITS_TYPE = _fits_type()
_OFFSETS = torch.tensor([part.start for part in VALUE_SLICES])  # First column of each variable.
_VARIABLES = torch.arange(NUM_VARIABLES).repeat_interleave(torch.tensor(NUM_VALUES))
_NUMBERS = torch.arange(VALUE_DIM) - _OFFSETS[_VARIABLES]  # Value that each column stands for.
_IS_WORN = _table(ACCESSORIES, tuple(itertools.chain.from_iterable(VALUE_NAMES)))
