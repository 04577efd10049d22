"""Pydantic schemas of OpenSea's sales and listings.

Every JSON object matches them, because an unreadable field must not make the rest of the row
unusable: numbers are kept as they were sent, and `prices` reads them exactly.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, Field

from punkdata.sources.opensea.api.rows import MAX_ROWS, Page


def _at(*paths: str, default: Any = None) -> Any:
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


_Text: TypeAlias = Annotated[str | None, BeforeValidator(_to_text)]
_Lower: TypeAlias = Annotated[str | None, BeforeValidator(_to_lower)]


class SaleEvent(BaseModel):
    event_type: _Lower = None
    event_timestamp: Any = None
    chain: _Lower = None
    transaction: _Lower = None
    seller: _Lower = None
    buyer: _Lower = None
    identifier: _Text = _at("nft.identifier")
    contract: _Lower = _at("nft.contract")
    collection: _Lower = _at("nft.collection")
    payment: Any = None
    amount: Any = _at("payment.quantity")
    decimals: Any = _at("payment.decimals")
    symbol: _Text = _at("payment.symbol")
    token_address: _Lower = _at("payment.token_address")


class OrderItem(BaseModel):
    """What an order offers, or what it hands over in return: an amount of money or a token."""

    item_type: Any = Field(default=None, alias="itemType")
    token: _Lower = None
    identifier: _Text = Field(default=None, alias="identifierOrCriteria")


_Items: TypeAlias = Annotated[
    list[OrderItem],
    BeforeValidator(lambda v: [i for i in v if isinstance(i, dict)] if isinstance(v, list) else []),
]


class Listing(BaseModel):
    """A listing. If its asset is not given, the item that the order offers is meant.

    The price has been seen with and without the level `current`.
    """

    order_hash: _Text = None
    identifier: _Text = _at("asset.identifier")
    contract: _Lower = _at("asset.contract")
    chain: _Lower = None
    amount: Any = _at("price.current.value", "price.value")
    decimals: Any = _at("price.current.decimals", "price.decimals")
    symbol: _Text = _at("price.current.currency", "price.currency")
    status: _Lower = None
    remaining_quantity: Any = None
    offer: _Items = _at("protocol_data.parameters.offer", default=[])
    consideration: _Items = _at("protocol_data.parameters.consideration", default=[])
    taker: _Lower = _at("taker.address", "taker")
    is_private_listing: Any = None


class EventsPage(Page[SaleEvent]):
    rows: list[SaleEvent] = Field(alias="asset_events", max_length=MAX_ROWS)


class ListingsPage(Page[Listing]):
    rows: list[Listing] = Field(alias="listings", max_length=MAX_ROWS)
