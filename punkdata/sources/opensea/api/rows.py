"""Lists in the API's replies, whose rows are validated one by one.

An invalid row affects no other row, and its page is not requested again.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from punkdata.errors import plain_requirement
from punkdata.sources.opensea.http.error_replies import to_one_line

MAX_ROWS = 100_000
"""Largest number of rows in one reply, enough for all sales. A page should have at most 200."""

R = TypeVar("R")


class UnreadableRow(NamedTuple):
    """A row that does not validate: its JSON value, and a short reason why, for messages."""

    row: Any
    reason: str

    @property
    def identifier(self) -> str | None:
        """The identifier of the row's token, or None if it cannot be read."""
        row = self.row if isinstance(self.row, dict) else {}
        nested = (row.get(name) for name in ("nft", "asset"))
        for place in (row, *nested):
            value = place.get("identifier") if isinstance(place, dict) else None
            if isinstance(identifier := to_identifier(value), str):
                return identifier
        return None


class Rows(BaseModel, Generic[R]):
    """The rows of a list that can be read, and those that cannot."""

    rows: list[R]
    _unreadable: list[UnreadableRow] = PrivateAttr(default=[])  # Not a field of the reply.

    @property
    def unreadable(self) -> list[UnreadableRow]:
        """The rows that do not validate."""
        return self._unreadable

    @model_validator(mode="wrap")
    @classmethod
    def _set_unreadable_rows_aside(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            alias = cls.model_fields["rows"].alias or "rows"
            reasons: dict[int, str] = {}
            for problem in error.errors(include_input=False, include_url=False):
                match problem["loc"]:
                    case (name, int(number), *path) if name == alias:
                        reasons.setdefault(number, describe_problem(path, problem["msg"]))
            if not reasons:
                raise
            rows = data[alias]
            valid = [row for number, row in enumerate(rows) if number not in reasons]
            parsed = handler({**data, alias: valid})
            parsed._unreadable = [UnreadableRow(rows[i], reasons[i]) for i in sorted(reasons)]
            return parsed


class Page(Rows[R], Generic[R]):
    """One page of a paginated endpoint; `next` is None on the last page."""

    next: Annotated[
        str | None,
        Field(max_length=4096),
        BeforeValidator(lambda value: value or None),  # The end may also be "" or false.
    ] = None


def to_identifier(value: Any) -> Any:
    """Convert an identifier that is a JSON number to a string; it is a string by contract."""
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
    return str(value) if is_id else value


def describe_problem(path: Sequence[object], message: str) -> str:
    """Return a problem that pydantic found, such as "nft.identifier: is missing"."""
    requirement = plain_requirement(message)
    if not path:
        return f"the row {requirement}"
    return f"{to_one_line('.'.join(map(str, path)), 100)}: {requirement}"
