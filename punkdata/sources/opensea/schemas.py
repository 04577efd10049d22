"""Pydantic schemas of the OpenSea API's replies.

They contain only the fields that are used. Unknown fields are ignored. For an optional field,
null, "" and absence are equivalent.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError

from punkdata.errors import DataError


def _blank_to_none(value: Any) -> Any:
    return None if value == "" else value


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


_Blank = BeforeValidator(_blank_to_none)
_Text: TypeAlias = Annotated[str | None, _Blank]
_Count: TypeAlias = Annotated[int | None, BeforeValidator(_to_exact_int), _Blank]


class Trait(BaseModel):
    trait_type: _Text = None
    value: Any = None


class Nft(BaseModel):
    identifier: str
    contract: _Text = None
    traits: Annotated[list[Trait] | None, _Blank] = None
    image_url: _Text = None
    display_image_url: _Text = None
    original_image_url: _Text = None


class Page(BaseModel):
    next: Annotated[str | None, Field(max_length=4096), _Blank] = None
    """Cursor of the next page, or None on the last page."""


class NftsPage(Page):
    nfts: list[Nft]


class NftsBatch(BaseModel):
    nfts: list[Nft]


class NftReply(BaseModel):
    nft: Nft


class EventNft(BaseModel):
    identifier: _Text = None
    contract: _Text = None


class Payment(BaseModel):
    quantity: _Count = None
    token_address: _Text = None
    decimals: _Count = None
    symbol: _Text = None


class SaleEvent(BaseModel):
    event_type: _Text = None
    event_timestamp: int
    chain: _Text = None
    transaction: _Text = None
    payment: Annotated[Payment | None, _Blank] = None
    seller: _Text = None
    buyer: _Text = None
    nft: Annotated[EventNft | None, _Blank] = None


class EventsPage(Page):
    asset_events: list[SaleEvent]


class Price(BaseModel):
    value: _Count = None
    decimals: _Count = None
    currency: _Text = None


class ListingPrice(BaseModel):
    current: Annotated[Price | None, _Blank] = None


class OrderItem(BaseModel):
    token: _Text = None
    identifierOrCriteria: _Text = None  # noqa: N815  # spelling of the order protocol


class OrderParameters(BaseModel):
    offer: Annotated[list[OrderItem] | None, _Blank] = None


class ProtocolData(BaseModel):
    parameters: Annotated[OrderParameters | None, _Blank] = None


class Listing(BaseModel):
    price: Annotated[ListingPrice | None, _Blank] = None
    asset: Annotated[EventNft | None, _Blank] = None
    protocol_data: Annotated[ProtocolData | None, _Blank] = None
    status: _Text = None
    remaining_quantity: _Count = None


class ListingsPage(Page):
    listings: list[Listing]


class Contract(BaseModel):
    # Both become parts of request paths, so their characters are restricted.
    address: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9]{1,100}$"), _Blank] = None
    chain: Annotated[str | None, Field(pattern=r"^[a-z0-9_-]{1,40}$"), _Blank] = None


class Collection(BaseModel):
    total_supply: _Count = None
    unique_item_count: _Count = None
    contracts: Annotated[list[Contract] | None, _Blank] = None


class TraitCounts(BaseModel):
    counts: dict[str, dict[str, Any]] = {}
    """Number of tokens by trait type and value. Numeric traits have a minimum and a maximum."""


class KeyLimits(BaseModel):
    read: _Text = None
    """Rate limit for reading, for example "600/h"."""


class InstantKey(BaseModel):
    api_key: SecretStr
    expires_at: Annotated[datetime | None, _Blank] = None
    rate_limits: Annotated[KeyLimits | None, _Blank] = None


_M = TypeVar("_M", bound=BaseModel)


def parse_body(model: type[_M], body: bytes, endpoint: str) -> _M:
    """Parse the JSON body of a reply.

    Raises:
        DataError: The body does not match the schema. The message names the endpoint and the
            field but contains no value, because a value may be a secret.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # Field names may come from the server, so control characters are removed.
        path = ".".join(map(str, first["loc"]))[:100]
        field = "".join(c if c.isprintable() else "?" for c in path) or "the reply"
        raise DataError(f"unexpected reply to {endpoint}: {field}: {first['msg']}") from None
