"""Pydantic schemas of the OpenSea API's replies.

They contain only the fields that are used, and nested objects are flattened: a field names the
path of its value. Unknown fields are ignored. For an optional field, null, "" and absence are
equivalent. Addresses and hashes are converted to lower case. The rows of a list are validated one
by one, so that a row which is not as expected costs no other row.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, NamedTuple, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from punkdata.errors import ReplyError, plain_requirement
from punkdata.sources.opensea.error_replies import check_no_error, to_one_line
from punkdata.sources.opensea.rate_limit import RETRY_HINT

MAX_ROWS = 10_000
"""Largest number of rows in one reply. A page of the API has at most 200."""
MAX_TRAITS = 1_000
"""Largest number of traits of one token. A punk has at most 9, with a pseudo-accessory."""

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")


def _to_exact_int(value: Any) -> Any:
    """Convert "1000" or "1e3" to an exact int. Floats are rejected, because they lose digits."""
    if isinstance(value, bool | float):
        raise ValueError("must be an integer, or a string that contains one")  # noqa: TRY004  # pydantic expects a ValueError
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ValueError("is not a number") from None
        # The exponent is checked first, because int(Decimal("1e999999999")) would take forever.
        if not number.is_finite() or number.adjusted() > 77 or number != number.to_integral_value():
            raise ValueError("is not an integer below 1e78")
        return int(number)
    return value


def _to_identifier(value: Any) -> Any:
    """Convert an identifier that is a JSON number to a string; it is a string by contract."""
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
    return str(value) if is_id else value


def _to_chain(value: Any) -> str | None:
    """Return the name of a chain in lower case, or None if it is not a plain name."""
    name = value.strip().lower() if isinstance(value, str) else ""
    return name if re.fullmatch(r"[a-z0-9_-]{1,40}", name) else None


def _assume_utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _check_key(key: SecretStr) -> SecretStr:
    # Only URL-safe characters, so the key can be redacted verbatim from server replies; and
    # long enough not to occur in other text by chance.
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", key.get_secret_value()):
        raise ValueError("has 16 to 200 letters, digits and the characters . _ ~ -")
    return key


def _at(path: str) -> Any:
    """Return an optional field whose value is at this path, for example "offer.0.token"."""
    first, *rest = path.split(".")
    keys = [int(key) if key.isdecimal() else key for key in rest]
    return Field(default=None, validation_alias=AliasPath(first, *keys))


_Blank = BeforeValidator(lambda value: None if value == "" else value)
_Text: TypeAlias = Annotated[str | None, _Blank]
_Lower: TypeAlias = Annotated[Annotated[str, StringConstraints(to_lower=True)] | None, _Blank]
_Count: TypeAlias = Annotated[int | None, BeforeValidator(_to_exact_int), _Blank]


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
            if isinstance(identifier := _to_identifier(value), str):
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
                        reasons.setdefault(number, _describe(path, problem["msg"]))
            if not reasons:
                raise
            rows = data[alias]
            valid = [row for number, row in enumerate(rows) if number not in reasons]
            parsed = handler({**data, alias: valid})
            parsed._unreadable = [UnreadableRow(rows[i], reasons[i]) for i in sorted(reasons)]
            return parsed


class Trait(BaseModel):
    trait_type: _Text = None
    value: Any = None


class Nft(BaseModel):
    identifier: Annotated[str, BeforeValidator(_to_identifier)]
    contract: _Lower = None
    traits: Annotated[Annotated[list[Trait], Field(max_length=MAX_TRAITS)] | None, _Blank] = None
    image_url: _Text = None
    display_image_url: _Text = None
    original_image_url: _Text = None


class NftsBatch(Rows[Nft]):
    rows: list[Nft] = Field(alias="nfts", max_length=MAX_ROWS)


class NftReply(BaseModel):
    nft: dict[str, Any]


class SaleEvent(BaseModel):
    event_type: _Lower = None
    event_timestamp: int
    chain: _Lower = None
    transaction: _Lower = None
    seller: _Lower = None
    buyer: _Lower = None
    identifier: _Text = _at("nft.identifier")
    contract: _Lower = _at("nft.contract")
    amount: _Count = _at("payment.quantity")
    decimals: _Count = _at("payment.decimals")
    symbol: _Text = _at("payment.symbol")
    token_address: _Lower = _at("payment.token_address")


class Listing(BaseModel):
    """A listing. If its asset is not given, the first item that the order offers is meant."""

    identifier: _Text = _at("asset.identifier")
    contract: _Lower = _at("asset.contract")
    offered_identifier: _Text = _at("protocol_data.parameters.offer.0.identifierOrCriteria")
    offered_contract: _Lower = _at("protocol_data.parameters.offer.0.token")
    amount: _Count = _at("price.current.value")
    decimals: _Count = _at("price.current.decimals")
    symbol: _Text = _at("price.current.currency")
    status: _Lower = None
    remaining_quantity: _Count = None


class Page(Rows[R], Generic[R]):
    """One page of a paginated endpoint; `next` is None on the last page."""

    next: Annotated[str | None, Field(max_length=4096), _Blank] = None


class NftsPage(Page[Nft]):
    rows: list[Nft] = Field(alias="nfts", max_length=MAX_ROWS)


class EventsPage(Page[SaleEvent]):
    rows: list[SaleEvent] = Field(alias="asset_events", max_length=MAX_ROWS)


class ListingsPage(Page[Listing]):
    rows: list[Listing] = Field(alias="listings", max_length=MAX_ROWS)


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


class Collection(BaseModel):
    total_supply: _Count = None
    unique_item_count: _Count = None
    contracts: Annotated[list[Contract], BeforeValidator(_keep_valid_contracts)] = []


class TraitCounts(BaseModel):
    counts: dict[str, dict[str, Any]] = {}
    """Number of tokens by trait type and value. Numeric traits have a minimum and a maximum."""


class InstantKey(BaseModel):
    """A new API key, as the server sends it and as it is stored."""

    api_key: Annotated[SecretStr, AfterValidator(_check_key)]
    expires_at: Annotated[datetime | None, AfterValidator(_assume_utc), _Blank] = None


def parse_body(model: type[M], endpoint: str, body: bytes) -> M:
    """Parse the JSON body of a successful reply.

    A ReplyError names the endpoint and the field but no value, which may be a secret. NetworkError
    is raised if the body is an error instead, see `check_no_error`.
    """
    names = {field.alias or name for name, field in model.model_fields.items()}
    check_no_error(endpoint, body, names - {"next"})
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = _describe(first["loc"] or ["the reply"], first["msg"])
        raise ReplyError(f"unexpected reply to {endpoint}: {problem}", hint=RETRY_HINT) from None


def _describe(path: Sequence[object], message: str) -> str:
    """Return a problem that pydantic found, such as "nft.identifier: is missing"."""
    requirement = plain_requirement(message)
    if not path:
        return requirement
    return f"{to_one_line('.'.join(map(str, path)), 100)}: {requirement}"
