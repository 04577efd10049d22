"""Names of traits that users choose. Commands check them before they load PyTorch."""

import difflib
from collections.abc import Sequence

from punkdata.arguments import describe
from punkdata.errors import UsageError
from punkdata.traits import ACCESSORIES, TYPES, check_traits

HUMAN_TYPES = ("Female", "Male")  # They have a skin tone.


def find_traits(
    punk_type: str | None, accessories: Sequence[str], *, allow_impossible: bool = False
) -> tuple[str, list[str]]:
    """Return a type and accessories as `punkdata` writes them. The case of names is ignored.

    Raises UsageError if the type is missing, a name is unknown, or no punk can have these traits
    and `allow_impossible` is false.
    """
    if punk_type is None:
        raise UsageError("the type is missing", hint=f"add type= with one of: {', '.join(TYPES)}")
    punk_type = find_name(punk_type, TYPES, "type")
    names = [find_name(name, ACCESSORIES, "accessory") for name in accessories]
    if not allow_impossible:
        try:
            check_traits(punk_type, names)
        except UsageError as error:
            hints = [error.hint, "to draw it anyway, add allow_impossible=True"]
            raise UsageError(error.message, hint="; ".join(filter(None, hints))) from None
    return punk_type, names


def find_name(name: str, names: Sequence[str], kind: str) -> str:
    """Return the entry of `names` that equals `name`, ignoring case."""
    if not isinstance(name, str):
        raise UsageError(f"names of types and accessories are text, not {describe(name)}")
    by_folded = {other.casefold(): other for other in names}
    folded = name.strip().casefold()
    if folded in by_folded:
        return by_folded[folded]
    if all(part.strip().casefold() in by_folded for part in name.split(",")):
        raise UsageError(f'there is no {kind} "{name}"', hint="pass each name separately")
    for other_kind, others in (("a type", TYPES), ("an accessory", ACCESSORIES)):
        if folded in map(str.casefold, others):
            raise UsageError(
                f'"{name}" is {other_kind}, not {"an" if kind[0] == "a" else "a"} {kind}'
            )
    matches = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.8)
    matches = matches or difflib.get_close_matches(folded, by_folded, n=3, cutoff=0.5)
    suggestions = " or ".join(by_folded[match] for match in matches)
    raise UsageError(
        f'there is no {kind} "{name}"',
        hint=f"did you mean {suggestions}?" if matches else f"choose from: {', '.join(names)}",
    )


def skin_tone_error() -> UsageError:
    """Return the error for a skin tone of punks that have none."""
    return UsageError(
        f"only {' and '.join(HUMAN_TYPES)} punks have a skin tone", hint="leave out skin_tone="
    )
