"""What OpenSea sends, as pydantic models.

They hold only the fields we use: unknown ones are ignored, and for an optional field null,
"" and absence mean the same.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError

from punkdata.errors import DataError


def _blank_to_none(value: Any) -> Any:
    return None if value == "" else value


def _whole_number(value: Any) -> Any:
    """An exact int of "1000", "1e3" or 1000; never of a float, which has lost digits."""
    if isinstance(value, bool | float):
        raise ValueError("must be a whole number, or one written as text")  # noqa: TRY004
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ValueError("is not a number") from None
        # The exponent is bounded first: int(Decimal("1e999999999")) would not return.
        if not number.is_finite() or number.adjusted() > 77 or number != number.to_integral_value():
            raise ValueError("is not a whole number below 1e78")
        return int(number)
    return value


_Blank = BeforeValidator(_blank_to_none)
_Text: TypeAlias = Annotated[str | None, _Blank]
_Count: TypeAlias = Annotated[int | None, BeforeValidator(_whole_number), _Blank]


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
    """the cursor of the page that follows"""


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
    identifierOrCriteria: _Text = None  # noqa: N815 the order protocol's own spelling


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
    # Both become parts of paths.
    address: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9]{1,100}$"), _Blank] = None
    chain: Annotated[str | None, Field(pattern=r"^[a-z0-9_-]{1,40}$"), _Blank] = None


class Collection(BaseModel):
    total_supply: _Count = None
    unique_item_count: _Count = None
    contracts: Annotated[list[Contract] | None, _Blank] = None


class TraitCounts(BaseModel):
    counts: dict[str, dict[str, Any]] = {}
    """trait type -> value -> how many tokens; for numeric traits, min and max"""


class KeyLimits(BaseModel):
    read: _Text = None
    """as "600/h" """


class InstantKey(BaseModel):
    api_key: SecretStr
    expires_at: Annotated[datetime | None, _Blank] = None
    rate_limits: Annotated[KeyLimits | None, _Blank] = None


_M = TypeVar("_M", bound=BaseModel)


def parse_body(model: type[_M], body: bytes, endpoint: str) -> _M:
    """A reply's body as its model.

    Raises:
        DataError: it is not; the message names the endpoint and the field, and shows no value.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # The names in it may be the server's.
        path = ".".join(map(str, first["loc"]))[:100]
        field = "".join(c if c.isprintable() else "?" for c in path) or "the whole reply"
        raise DataError(f"{endpoint} sent something unexpected: {field}: {first['msg']}") from None
