"""Pydantic schemas of OpenSea's sales and listings.

Every JSON object matches them, because an unreadable field must not make the rest of the row
unusable: numbers are kept as they were sent, and `prices` reads them exactly.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field

from punkdata.sources.opensea.api.fields import AnyLower, AnyText, at
from punkdata.sources.opensea.api.rows import MAX_ROWS, Page


class SaleEvent(BaseModel):
    event_type: AnyLower = None
    event_timestamp: Any = None
    chain: AnyLower = None
    transaction: AnyLower = None
    seller: AnyLower = None
    buyer: AnyLower = None
    identifier: AnyText = at("nft.identifier")
    contract: AnyLower = at("nft.contract")
    collection: AnyLower = at("nft.collection")
    payment: Any = None
    amount: Any = at("payment.quantity")
    decimals: Any = at("payment.decimals")
    symbol: AnyText = at("payment.symbol")
    token_address: AnyLower = at("payment.token_address")


class OrderItem(BaseModel):
    """What an order offers, or what it hands over in return: an amount of money or a token."""

    item_type: Any = Field(default=None, alias="itemType")
    token: AnyLower = None
    identifier: AnyText = Field(default=None, alias="identifierOrCriteria")


_Items: TypeAlias = Annotated[
    list[OrderItem],
    BeforeValidator(lambda v: [i for i in v if isinstance(i, dict)] if isinstance(v, list) else []),
]


class Listing(BaseModel):
    """A listing. If its asset is not given, the item that the order offers is meant.

    The price has been seen with and without the level `current`.
    """

    order_hash: AnyText = None
    identifier: AnyText = at("asset.identifier")
    contract: AnyLower = at("asset.contract")
    chain: AnyLower = None
    amount: Any = at("price.current.value", "price.value")
    decimals: Any = at("price.current.decimals", "price.decimals")
    symbol: AnyText = at("price.current.currency", "price.currency")
    status: AnyLower = None
    remaining_quantity: Any = None
    offer: _Items = at("protocol_data.parameters.offer", default=[])
    consideration: _Items = at("protocol_data.parameters.consideration", default=[])
    taker: AnyLower = at("taker.address", "taker")
    is_private_listing: Any = None


class EventsPage(Page[SaleEvent]):
    rows: list[SaleEvent] = Field(alias="asset_events", max_length=MAX_ROWS)


class ListingsPage(Page[Listing]):
    rows: list[Listing] = Field(alias="listings", max_length=MAX_ROWS)
