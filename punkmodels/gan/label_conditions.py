"""What a person asks a conditional generator for, by name or like real punks, as conditions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch

from punkdata.errors import UsageError
from punkdata.trait_rules import check_outfit
from punkdata.traits import ACCESSORIES, TYPES, encode_labels
from punkmodels.data.skin_tones import TONES, tones_of
from punkmodels.data.splits import Part
from punkmodels.gan.conditioning import conditions
from punkmodels.gan.config import DcganConfig

HUMANS = ("Female", "Male")


def named(
    config: DcganConfig,
    count: int,
    punk_type: str | None,
    accessories: Sequence[str],
    tone: int | None,
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
    _check_known(config, tone)
    if punk_type is None:
        raise UsageError("a type is missing", try_next=f"add --type: {', '.join(TYPES)}")
    punk_type = _find(punk_type, TYPES, "type")
    worn = [_find(name, ACCESSORIES, "accessory") for name in accessories]
    if worn and config.conditional == "type":
        raise UsageError("this generator knows types only", try_next="leave out --accessory")
    if tone and punk_type not in HUMANS:
        raise UsageError(f"tones are of Female and Male, not of {punk_type}")
    if not force:
        try:
            check_outfit(punk_type, worn)
        except UsageError as error:
            hint = "or draw it all the same with --force"
            raise UsageError(
                error.message, try_next=", ".join(filter(None, [error.try_next, hint]))
            ) from None
    labels = torch.from_numpy(encode_labels(punk_type, worn)).expand(count, -1)
    return _with_tones(config, labels, torch.zeros(count, dtype=torch.int64), tone)


def like_real_ones(
    config: DcganConfig, part: Part, count: int, tone: int | None = None
) -> torch.Tensor:
    """What one would ask for to get the punks of a part, in their order, from the start again when
    they are through: float32 (count, size). Raises as `named`.
    """
    _check_known(config, tone)
    rows = torch.arange(count) % len(part)
    return _with_tones(config, part.labels[rows], tones_of(part.images)[rows], tone)


def _with_tones(
    config: DcganConfig, labels: torch.Tensor, tones: torch.Tensor, tone: int | None
) -> torch.Tensor:
    in_turn = torch.arange(len(tones)) % len(TONES) + 1
    is_human = labels[:, [TYPES.index(name) for name in HUMANS]].bool().any(dim=1)
    chosen = torch.full_like(tones, tone) if tone else torch.where(tones > 0, tones, in_turn)
    tones = torch.where(is_human, chosen, 0)
    return conditions(labels, tones, config.conditional, tone=config.tone, by_body=config.by_body)


def _check_known(config: DcganConfig, tone: int | None) -> None:
    if config.conditional == "none":
        raise UsageError(
            "this generator cannot be asked for anything",
            try_next="train one with: punkmodels train dcgan --conditional labels --tone",
        )
    if tone and not config.tone:
        raise UsageError("this generator knows no tones", try_next="leave out --tone")


def _find(name: str, known: Sequence[str], what: str) -> str:
    by_folded = {other.casefold(): other for other in known}
    if name.strip().casefold() in by_folded:
        return by_folded[name.strip().casefold()]
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    best = " or ".join(by_folded[other] for other in close)
    names = ", ".join(known)
    raise UsageError(
        f'there is no {what} "{name}"',
        try_next=f"did you mean {best}?" if best else f"choose among: {names}",
    )
