"""Names of traits that users fix while the others are sampled. It does not import PyTorch."""

from collections.abc import Sequence

from punkdata.errors import UsageError
from punkdata.traits import ACCESSORIES, TYPES, check_traits
from punkmodels.renderer.names import HUMAN_TYPES, find_name, skin_tone_error


def find_fixed_traits(
    punk_type: str | None, accessories: Sequence[str], *, has_skin_tone: bool = False
) -> tuple[str | None, list[str]]:
    """Return a type, or None for any, and accessories as `punkdata` writes them.

    The case of names is ignored. Raises UsageError if a name is unknown, if no punk can have these
    traits together, or if a skin tone is fixed and no punk with these traits has one.
    """
    names = [find_name(name, ACCESSORIES, "accessory") for name in accessories]
    if punk_type is not None:
        punk_type = find_name(punk_type, TYPES, "type")
    possible, errors = [], []
    for name in TYPES if punk_type is None else (punk_type,):
        try:
            check_traits(name, names)
            possible.append(name)
        except UsageError as error:
            errors.append(error)
    if not possible and len({error.message for error in errors}) == 1:
        raise errors[0]
    if not possible:
        raise UsageError(
            f"no punk can wear {', '.join(names[:-1])} and {names[-1]} together",
            hint="remove some of them",
        )
    if has_skin_tone and not set(possible) & set(HUMAN_TYPES):
        raise skin_tone_error()
    return punk_type, names
