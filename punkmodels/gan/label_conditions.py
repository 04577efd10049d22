"""Conditions from trait names or from the labels of real punks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch

from punkdata.errors import UsageError
from punkdata.trait_rules import check_traits
from punkdata.traits import ACCESSORIES, TYPES, encode_labels
from punkmodels.data.skin_tones import SKIN_TONE_COLORS, detect_skin_tones
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.conditioning import ConditionSpec

HUMAN_TYPES = ("Female", "Male")
"""Types that have a skin tone."""


def conditions_from_names(
    spec: ConditionSpec,
    count: int,
    punk_type: str | None,
    accessories: Sequence[str],
    skin_tone: int | None,
    *,
    allow_impossible: bool = False,
) -> torch.Tensor:
    """Return `count` conditions for one combination of traits, float32 (count, spec.dim).

    Args:
        spec: Layout of the generator's condition.
        count: Number of conditions.
        punk_type: Name of the type; case does not matter.
        accessories: Names of the accessories; case does not matter.
        skin_tone: 1 to 4; None to cycle through the four tones.
        allow_impossible: Accept combinations that no punk can have.

    Raises:
        UsageError: A name is unknown, the combination is impossible, or the generator is not
            conditioned on these traits.
    """
    _check_supported(spec, skin_tone)
    if punk_type is None:
        raise UsageError("--type is missing", hint=f"add --type with one of: {', '.join(TYPES)}")
    punk_type = _find_name(punk_type, TYPES, "type")
    names = [_find_name(name, ACCESSORIES, "accessory") for name in accessories]
    if names and spec.conditional == "type":
        raise UsageError(
            "this generator is conditioned on the type only", hint="leave out --accessory"
        )
    if skin_tone and punk_type not in HUMAN_TYPES:
        raise UsageError(
            f"only Female and Male punks have a skin tone, not {punk_type}",
            hint="leave out --skin-tone",
        )
    if not allow_impossible:
        try:
            check_traits(punk_type, names)
        except UsageError as error:
            hint = "to generate it anyway, add --allow-impossible"
            raise UsageError(
                error.message, hint="; ".join(filter(None, [error.hint, hint]))
            ) from None
    labels = torch.from_numpy(encode_labels(punk_type, names)).expand(count, -1)
    return _encode(spec, labels, torch.zeros(count, dtype=torch.int64), skin_tone)


def conditions_from_split(
    spec: ConditionSpec, split: SplitTensors, count: int, skin_tone: int | None = None
) -> torch.Tensor:
    """Return the conditions of the punks of a split, float32 (count, spec.dim).

    The punks are taken in order; after the last one, the first one follows again.

    Args:
        spec: Layout of the generator's condition.
        split: The punks.
        count: Number of conditions.
        skin_tone: 1 to 4 to replace the skin tone of female and male punks; None to keep it.

    Raises:
        UsageError: The generator is not conditioned on labels or on the skin tone.
    """
    _check_supported(spec, skin_tone)
    rows = torch.arange(count) % len(split)
    return _encode(spec, split.labels[rows], detect_skin_tones(split.images)[rows], skin_tone)


def has_skin_tone(labels: torch.Tensor) -> torch.Tensor:
    """Return whether punks have a skin tone, bool (N,), from labels (N, 92)."""
    return labels[:, [TYPES.index(name) for name in HUMAN_TYPES]].bool().any(dim=1)


def _encode(
    spec: ConditionSpec, labels: torch.Tensor, skin_tones: torch.Tensor, skin_tone: int | None
) -> torch.Tensor:
    """Return the conditions of labels, with skin tones for female and male punks only.

    Args:
        spec: Layout of the condition.
        labels: (N, 92), 0 or 1.
        skin_tones: int64 (N,), 1 to 4; 0 cycles through the four tones.
        skin_tone: Replaces all of `skin_tones`, unless it is None.
    """
    cycle = torch.arange(len(skin_tones)) % len(SKIN_TONE_COLORS) + 1
    if skin_tone:
        chosen = torch.full_like(skin_tones, skin_tone)
    else:
        chosen = torch.where(skin_tones > 0, skin_tones, cycle)
    return spec.encode(labels, torch.where(has_skin_tone(labels), chosen, 0))


def _check_supported(spec: ConditionSpec, skin_tone: int | None) -> None:
    if spec.conditional == "none":
        raise UsageError(
            "this generator is unconditional",
            hint="use --model bundled-conditional to choose a type or accessories, or train a "
            "generator with: punkmodels train dcgan --conditional labels --skin-tone",
        )
    if skin_tone and not spec.skin_tone:
        raise UsageError(
            "this generator is not conditioned on the skin tone", hint="leave out --skin-tone"
        )


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
