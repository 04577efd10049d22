"""Conditions from trait names or from the labels of real punks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch

from punkdata.errors import UsageError
from punkdata.traits import ACCESSORIES, TYPES, check_traits, encode_labels
from punkmodels.data.skin_tones import SKIN_TONE_COLORS
from punkmodels.renderer.network import encode_condition

HUMAN_TYPES = ("Female", "Male")
"""Types that have a skin tone."""


def labels_from_names(
    punk_type: str | None, accessories: Sequence[str], *, allow_impossible: bool = False
) -> torch.Tensor:
    """Return the labels of one combination of traits, uint8 (92,). The case of names is ignored.

    Raises UsageError if the type is missing, a name is unknown, or no punk can have these traits
    and `allow_impossible` is false.
    """
    if punk_type is None:
        raise UsageError("--type is missing", hint=f"add --type with one of: {', '.join(TYPES)}")
    punk_type = _find_name(punk_type, TYPES, "type")
    names = [_find_name(name, ACCESSORIES, "accessory") for name in accessories]
    if not allow_impossible:
        try:
            check_traits(punk_type, names)
        except UsageError as error:
            hint = "to generate it anyway, add --allow-impossible"
            raise UsageError(
                error.message, hint="; ".join(filter(None, [error.hint, hint]))
            ) from None
    return torch.from_numpy(encode_labels(punk_type, names))


def conditions_from_labels(
    labels: torch.Tensor, skin_tones: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the conditions of punks with these labels, float32 (N, 183).

    Female and Male punks have the given skin tones, 1 to 4, one for all or int64 (N,); by default,
    the four skin tones alternate. Raises UsageError if one skin tone is given and no punk has any.
    """
    has_skin_tone = labels[:, [TYPES.index(name) for name in HUMAN_TYPES]].bool().any(dim=1)
    if skin_tones is None:
        skin_tones = torch.arange(len(labels)) % len(SKIN_TONE_COLORS) + 1
    elif isinstance(skin_tones, int) and not has_skin_tone.any():
        raise UsageError(
            f"only {' and '.join(HUMAN_TYPES)} punks have a skin tone",
            hint="leave out --skin-tone",
        )
    return encode_condition(labels, skin_tones * has_skin_tone)


def _find_name(name: str, names: Sequence[str], kind: str) -> str:
    """Return the entry of `names` that equals `name`, ignoring case."""
    by_folded = {other.casefold(): other for other in names}
    if name.strip().casefold() in by_folded:
        return by_folded[name.strip().casefold()]
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    suggestions = " or ".join(by_folded[match] for match in matches)
    raise UsageError(
        f'there is no {kind} "{name}"',
        hint=f"did you mean {suggestions}?" if matches else f"choose from: {', '.join(names)}",
    )
