"""Records of one punk and one sale, in the form that every source yields and `build` reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from punkdata.images.decode import Sprite


@dataclass(frozen=True)
class PunkRecord:
    punk_id: int
    punk_type: str
    """one of `traits.TYPES`"""
    accessories: tuple[str, ...]
    """in the order of `traits.ACCESSORIES`"""
    image: Sprite
    """uint8 (24, 24, 4)"""
    image_url: str
    """where the image was read; within a package, `pkg:…#path/inside`"""
    image_body: str
    """SHA-256 of the recorded body that the image was read from"""
    image_scale: float
    """image pixels for each sprite pixel, as received"""
    background: str | None
    """the plain color found behind the punk and removed, "#rrggbb"; None if none was"""
    image_confidence: float
    """the probability that every pixel is right; 1 for lossless images"""


@dataclass(frozen=True)
class SaleRecord:
    punk_id: int
    sold_at: datetime
    """UTC, whole seconds"""
    amount: int | None
    """in the currency's base units; None when the source does not say"""
    decimals: int | None
    symbol: str | None
    token_address: str | None
    price_wei: int | None
    """None unless paid in ETH, WETH or BETH, with an amount above 0"""
    seller: str | None
    buyer: str | None
    buyer_is_zero: bool | None
    transaction: str | None
