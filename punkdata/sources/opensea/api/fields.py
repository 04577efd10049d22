"""Fields of schemas that accept any value, so that it does not make the rest of a row unusable."""

from typing import Annotated, Any, TypeAlias

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field


def at(*paths: str, default: Any = None) -> Any:
    """Return an optional field whose value is at the first of these paths that exists."""
    aliases = [AliasPath(*path.split(".")) for path in paths]
    return Field(default=default, validation_alias=AliasChoices(*aliases))


def _to_text(value: Any) -> str | None:
    """Return a value as text, None if it is empty; surrogates cannot be encoded and become "?"."""
    if isinstance(value, dict | list):
        return "?"
    text = "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode() or None


def _to_lower(value: Any) -> str | None:
    text = _to_text(value)
    return text and text.lower()


AnyText: TypeAlias = Annotated[str | None, BeforeValidator(_to_text)]
"""A field whose value is kept as text; "?" for a nested value, and None for an empty one."""
AnyLower: TypeAlias = Annotated[str | None, BeforeValidator(_to_lower)]
"""The same in lower case, as addresses and hashes are kept."""
