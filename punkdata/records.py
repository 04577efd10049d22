"""Records of punks, sales and prices: the form into which every source is parsed."""

from dataclasses import dataclass
from datetime import datetime

from punkdata.images.sprite import Sprite


@dataclass(frozen=True)
class PunkRecord:
    """One punk with its labels and its image."""

    punk_id: int
    punk_type: str
    """Type of the punk, one of `traits.TYPES`."""
    accessories: tuple[str, ...]
    """Accessories of the punk, in the order of `traits.ACCESSORIES`."""
    image: Sprite
    """RGBA sprite, uint8 (24, 24, 4)."""
    image_url: str
    """URL that the image was downloaded from; `pkg:…#path/inside` for a file in a package."""
    image_sha256: str
    """SHA-256 of the recorded body that contains the image."""
    image_scale: float
    """Number of pixels of the received image per sprite pixel."""
    background: str | None
    """Solid background color that was removed, as "#rrggbb"; None if there was none."""
    image_confidence: float
    """Probability that every pixel of the sprite is correct; 1 for lossless images."""
    owner: str | None = None
    """Address that holds the punk, in lower case; None if unknown."""


@dataclass(frozen=True)
class SaleRecord:
    """One sale of one punk. A field is None if the source does not provide it.

    Amounts are in base units of their currency. Addresses and hashes are in lower case.
    """

    punk_id: int
    sold_at: datetime
    """Time of the sale in UTC, in whole seconds."""
    payment_base_units: int | None
    decimals: int | None
    """Number of decimal places of the currency."""
    symbol: str | None
    """Symbol of the currency, for example "ETH"."""
    token_address: str | None
    """Contract address of the currency."""
    price_wei: int | None
    """Price in wei; None unless it was paid in ETH, WETH or BETH and is above 0."""
    seller: str | None
    buyer: str | None
    buyer_is_zero_address: bool | None
    """Whether the buyer is the zero address."""
    transaction_hash: str | None
    market: str = "cryptopunks"
    """Where it was sold: "cryptopunks" for the collection itself, "wrapped" for the collection
    wrapped-cryptopunks, and the slug of the collection for every other wrapper."""


@dataclass(frozen=True)
class ListingRecord:
    """The lowest price at which one punk is offered to everybody in one currency.

    The amount is in base units of the currency. A field is None if the source does not provide it.
    """

    punk_id: int
    payment_base_units: int
    decimals: int | None
    symbol: str | None
    token_address: str | None
    """Contract address of the currency."""
    price_wei: int | None
    """Price in wei; None unless it is in ETH, WETH or BETH."""


@dataclass(frozen=True)
class RateRecord:
    """The price of one ETH on one day."""

    day: datetime
    """Midnight, in UTC, with which the day begins."""
    usd_per_eth: float
    """Price in US dollars, finite and above 0."""


@dataclass(frozen=True)
class FloorPriceRecord:
    """The lowest price of any punk at one time, across the marketplaces that OpenSea aggregates."""

    time: datetime
    """Time in UTC, in whole seconds."""
    price_eth: float | None
    """Price in ETH; None unless it is in ETH, WETH or BETH."""
    price_usd: float | None
    """Price in US dollars at that time; None if the source does not provide it."""


@dataclass(frozen=True)
class TraitFloorRecord:
    """The lowest price of any punk with one label in one currency, when it was fetched."""

    label: str
    """Type or accessory, one of `traits.LABELS`."""
    symbol: str | None
    """Symbol of the currency, for example "ETH"; None if the source does not provide it."""
    price: float
    """Price in that currency."""
    price_eth: float | None
    """Price in ETH; None unless the symbol is ETH, WETH or BETH."""


@dataclass(frozen=True)
class MarketStats:
    """Statistics of the whole collection, as OpenSea reports them. A field is None if unknown."""

    volume: float | None
    """Total of all sales, in the currency `volume_symbol`."""
    volume_symbol: str | None
    sales: int | None
    """Number of all sales."""
    num_owners: int | None
    """Number of addresses that hold a punk."""
    floor_price: float | None
    """Price of the cheapest listing in `floor_price_symbol`; None if there is no listing."""
    floor_price_symbol: str | None
