"""What a person asks a conditional generator for, by name or like real punks, as conditions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch

from punkdata.errors import UsageError
from punkdata.trait_rules import check_traits
from punkdata.traits import ACCESSORIES, TYPES, encode_labels
from punkmodels.data.skin_tones import SKIN_TONE_COLORS, detect_skin_tones
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.conditioning import conditions
from punkmodels.gan.config import DcganConfig

HUMANS = ("Female", "Male")


def conditions_from_names(
    config: DcganConfig,
    count: int,
    punk_type: str | None,
    accessories: Sequence[str],
    skin_tone: int | None,
    *,
    force: bool = False,
) -> torch.Tensor:
    """The same wish `count` times: float32 (count, size).

    Args:
        config: of the generator.
        punk_type, accessories: names, in capitals or not.
        tone: 1 to 4; None for each in turn, if the generator knows them.
        force: ask even for what no punk can have.

    Raises:
        UsageError: a name is unknown, no punk can have all that, or the generator knows less.
    """
    _check_known(config, skin_tone)
    if punk_type is None:
        raise UsageError("a type is missing", hint=f"add --type: {', '.join(TYPES)}")
    punk_type = _find(punk_type, TYPES, "type")
    worn = [_find(name, ACCESSORIES, "accessory") for name in accessories]
    if worn and config.conditional == "type":
        raise UsageError("this generator knows types only", hint="leave out --accessory")
    if skin_tone and punk_type not in HUMANS:
        raise UsageError(f"tones are of Female and Male, not of {punk_type}")
    if not force:
        try:
            check_traits(punk_type, worn)
        except UsageError as error:
            hint = "or draw it all the same with --allow-impossible"
            raise UsageError(
                error.message, hint=", ".join(filter(None, [error.hint, hint]))
            ) from None
    labels = torch.from_numpy(encode_labels(punk_type, worn)).expand(count, -1)
    return _with_tones(config, labels, torch.zeros(count, dtype=torch.int64), skin_tone)


def conditions_from_split(
    config: DcganConfig, part: SplitTensors, count: int, skin_tone: int | None = None
) -> torch.Tensor:
    """What one would ask for to get the punks of a part, in their order, from the start again when
    they are through: float32 (count, size). Raises as `named`.
    """
    _check_known(config, skin_tone)
    rows = torch.arange(count) % len(part)
    return _with_tones(config, part.labels[rows], detect_skin_tones(part.images)[rows], skin_tone)


def _with_tones(
    config: DcganConfig, labels: torch.Tensor, tones: torch.Tensor, skin_tone: int | None
) -> torch.Tensor:
    in_turn = torch.arange(len(tones)) % len(SKIN_TONE_COLORS) + 1
    is_human = labels[:, [TYPES.index(name) for name in HUMANS]].bool().any(dim=1)
    chosen = (
        torch.full_like(tones, skin_tone) if skin_tone else torch.where(tones > 0, tones, in_turn)
    )
    tones = torch.where(is_human, chosen, 0)
    return conditions(
        labels,
        tones,
        config.conditional,
        skin_tone=config.skin_tone,
        split_female_accessories=config.split_female_accessories,
    )


def _check_known(config: DcganConfig, skin_tone: int | None) -> None:
    if config.conditional == "none":
        raise UsageError(
            "this generator cannot be asked for anything",
            hint="train one with: punkmodels train dcgan --conditional labels --skin-tone",
        )
    if skin_tone and not config.skin_tone:
        raise UsageError("this generator knows no tones", hint="leave out --skin-tone")


def _find(name: str, known: Sequence[str], what: str) -> str:
    by_folded = {other.casefold(): other for other in known}
    if name.strip().casefold() in by_folded:
        return by_folded[name.strip().casefold()]
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    best = " or ".join(by_folded[other] for other in close)
    names = ", ".join(known)
    raise UsageError(
        f'there is no {what} "{name}"',
        hint=f"did you mean {best}?" if best else f"choose among: {names}",
    )
