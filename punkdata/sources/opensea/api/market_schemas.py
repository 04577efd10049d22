"""Pydantic schemas of OpenSea's prices of ETH, floor prices and statistics of the collection.

As in `price_schemas`, every JSON object matches them, and numbers are kept as they were sent.
"""

from typing import Any

from pydantic import BaseModel, Field

from punkdata.sources.opensea.api.fields import AnyText, at
from punkdata.sources.opensea.api.rows import MAX_ROWS, Rows


class RatePoint(BaseModel):
    time: Any = None
    usd_price: Any = None


class PriceHistory(Rows[RatePoint]):
    rows: list[RatePoint] = Field(alias="prices", max_length=MAX_ROWS)


class FloorPoint(BaseModel):
    time: Any = None
    usd_price: Any = None
    token_unit: Any = None
    symbol: AnyText = None


class FloorHistory(Rows[FloorPoint]):
    rows: list[FloorPoint] = Field(alias="floor_prices", max_length=MAX_ROWS)


class TraitFloor(BaseModel):
    value: Any = None
    floor_price: Any = None
    payment_token_symbol: AnyText = None


class TraitFloors(Rows[TraitFloor]):
    rows: list[TraitFloor] = Field(alias="floors", max_length=MAX_ROWS)


class CollectionStats(BaseModel):
    volume: Any = at("total.volume")
    volume_symbol: AnyText = at("total.volume_symbol")
    sales: Any = at("total.sales")
    num_owners: Any = at("total.num_owners")
    floor_price: Any = at("total.floor_price")
    floor_price_symbol: AnyText = at("total.floor_price_symbol")
