"""Pydantic schemas of the OpenSea API's replies.

They contain only the fields that are used, and nested objects are flattened: a field names the
path of its value. Unknown fields are ignored. For an optional field, null, "" and absence are
equivalent. Addresses and hashes are converted to lower case.
"""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from punkdata.errors import ReplyError
from punkdata.sources.opensea.api.rows import MAX_ROWS, Page, Rows, describe_problem, to_identifier
from punkdata.sources.opensea.http.error_replies import check_no_error
from punkdata.sources.opensea.http.rate_limit import RETRY_HINT

MAX_TRAITS = 1_000
"""Largest number of traits of one token. A punk has at most 9, with a pseudo-accessory."""
MAX_COUNT = 10**12
"""Exclusive upper limit of the number of tokens with a trait."""

M = TypeVar("M", bound=BaseModel)


def to_exact_number(value: Any) -> Decimal | None:
    """Convert a number, or a string that contains one, to an exact Decimal; "" is None.

    Raises ValueError for anything else, and for 1e78 and above. Floats are rejected, because they
    have lost digits; `parse_body` reads none.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, int | str | Decimal) or isinstance(value, bool):
        raise ValueError("must be a number, or a string that contains one")  # noqa: TRY004  # pydantic expects a ValueError
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    # The exponent is checked here, because int(Decimal("1e999999999")) would take forever.
    if not number.is_finite() or number.adjusted() > 77:
        raise ValueError("is not a number below 1e78")
    return number


def to_exact_int(value: Any) -> int | None:
    """Convert a value as `to_exact_number` does; raise ValueError unless it is an integer."""
    number = to_exact_number(value)
    if number is not None and number != number.to_integral_value():
        raise ValueError("is not an integer")
    return None if number is None else int(number)


def _to_chain(value: Any) -> str | None:
    """Return the name of a chain in lower case, or None if it is not a plain name."""
    name = value.strip().lower() if isinstance(value, str) else ""
    return name if re.fullmatch(r"[a-z0-9_-]{1,40}", name) else None


def _keep_valid_time(value: Any, validate: ValidatorFunctionWrapHandler) -> datetime | None:
    """Return a time with a time zone, or None if it cannot be read: the key itself still works."""
    try:
        time: datetime | None = validate(value or None)
    except ValidationError:
        return None
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _check_key(key: SecretStr) -> SecretStr:
    # Only URL-safe characters, so the key can be redacted verbatim from server replies; and
    # long enough not to occur in other text by chance.
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", key.get_secret_value()):
        raise ValueError("has 16 to 200 letters, digits and the characters . _ ~ -")
    return key


_Blank = BeforeValidator(lambda value: None if value == "" else value)
_Text: TypeAlias = Annotated[str | None, _Blank]
_Lower: TypeAlias = Annotated[Annotated[str, StringConstraints(to_lower=True)] | None, _Blank]


class Trait(BaseModel):
    trait_type: Any = None
    value: Any = None


class Nft(BaseModel):
    identifier: Annotated[str, BeforeValidator(to_identifier)]
    contract: _Lower = None
    traits: Annotated[Annotated[list[Trait], Field(max_length=MAX_TRAITS)] | None, _Blank] = None
    image_url: _Text = None
    display_image_url: _Text = None
    original_image_url: _Text = None
    owners: Any = None


class NftsBatch(Rows[Nft]):
    rows: list[Nft] = Field(alias="nfts", max_length=MAX_ROWS)

    @property
    def identifiers(self) -> list[str]:
        """The identifiers of all tokens, also of those that cannot be read otherwise."""
        unreadable = (row.identifier for row in self.unreadable)
        return [nft.identifier for nft in self.rows] + [text for text in unreadable if text]


class NftReply(BaseModel):
    nft: dict[str, Any]


class NftsPage(Page[Nft]):
    rows: list[Nft] = Field(alias="nfts", max_length=MAX_ROWS)


class Contract(BaseModel):
    # Both become parts of request paths, so their characters are restricted.
    address: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9]{1,100}$")]
    chain: Annotated[str | None, BeforeValidator(_to_chain)] = None


def _keep_valid_contracts(contracts: Any) -> list[Contract]:
    valid = []
    for contract in contracts if isinstance(contracts, list) else ():
        with suppress(ValidationError):
            valid.append(Contract.model_validate(contract))
    return valid


def _keep_valid_total(value: Any) -> int | None:
    with suppress(ValueError):
        number = to_exact_int(value)
        return number if number is not None and number >= 0 else None
    return None


_Total: TypeAlias = Annotated[int | None, BeforeValidator(_keep_valid_total)]


class Collection(BaseModel):
    total_supply: _Total = None
    unique_item_count: _Total = None
    contracts: Annotated[list[Contract], BeforeValidator(_keep_valid_contracts)] = []


def _keep_numeric_counts(counts: Any) -> Any:
    """Leave out everything that is not a count by trait type and value."""
    if counts in (None, ""):
        return {}
    if not isinstance(counts, dict):
        return counts
    kept: dict[str, dict[str, int]] = {}
    for kind, values in counts.items():
        kept[kind] = {}
        for value, count in values.items() if isinstance(values, dict) else ():
            with suppress(ValueError):
                if (number := to_exact_int(count)) is not None and 0 <= number < MAX_COUNT:
                    kept[kind][value] = number
    return kept


class TraitCounts(BaseModel):
    counts: Annotated[dict[str, dict[str, int]], BeforeValidator(_keep_numeric_counts)] = {}
    """Number of tokens by trait type and value. Numeric traits have a minimum and a maximum."""


class InstantKey(BaseModel):
    """A new API key, as the server sends it and as it is stored."""

    api_key: Annotated[SecretStr, AfterValidator(_check_key)]
    expires_at: Annotated[datetime | None, WrapValidator(_keep_valid_time)] = None


def parse_body(model: type[M], endpoint: str, body: bytes) -> M:
    """Parse the JSON body of a successful reply. Its fractions and exponents become Decimals.

    A ReplyError names the endpoint and the field but no value, which may be a secret. NetworkError
    is raised if the body is an error instead, see `check_no_error`.
    """
    names = {field.alias or name for name, field in model.model_fields.items()}
    check_no_error(endpoint, body, names - {"next"}, may_have_key="api_key" in names)
    try:
        data = json.loads(body, parse_float=_parse_float, parse_int=_parse_int)
    except (ValueError, RecursionError):
        raise ReplyError(
            f"unexpected reply to {endpoint}: it is not valid JSON", hint=RETRY_HINT
        ) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = describe_problem(first["loc"] or ["the reply"], first["msg"])
        raise ReplyError(f"unexpected reply to {endpoint}: {problem}", hint=RETRY_HINT) from None


def _parse_float(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # The exponent has too many digits. No field accepts infinity.
        return Decimal("Infinity")


def _parse_int(digits: str) -> int | Decimal:
    # Python refuses to convert thousands of digits to an int, so one such number would cost a page.
    return int(digits) if len(digits) <= 100 else Decimal(digits)
