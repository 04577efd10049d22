"""Pure functions that turn OpenSea's tokens, sales and listings into labels, sales and prices."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from punkdata.errors import DataError
from punkdata.records import SaleRecord
from punkdata.sources.opensea.labels import Labels, ParsedTraits, parse_traits
from punkdata.sources.opensea.schemas import Listing, Nft, SaleEvent

COLLECTION_SIZE = 10_000
"""Number of CryptoPunks. Their ids are 0 to 9999; the API has listed other ids by mistake."""
MAX_AMOUNT = 10**38
"""Exclusive upper limit of amounts, which are stored as decimal128(38, 0)."""
MAX_DECIMALS = 77
ZERO_ADDRESS = "0x" + "0" * 40
ETH_ADDRESSES = {
    "ETH": ZERO_ADDRESS,
    "WETH": "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    "BETH": "0x0000000000a39bb272e79075ade125fd351887ac",  # A 1:1 pool token.
}

_RESIZE_PARAMETERS = frozenset(
    {"w", "h", "width", "height", "auto", "fit", "q", "dpr", "fm", "format", "quality"}
)
"""Query parameters with which the image hosts resize or re-encode an image."""


@dataclass(frozen=True)
class Token:
    """A token of the collection, with its image URLs, the best one first."""

    punk_id: int
    traits: ParsedTraits
    image_urls: tuple[str, ...] = ()

    @property
    def labels(self) -> Labels | None:
        return self.traits.labels


def parse_token(nft: Nft, contract: str) -> Token | None:
    """Return a token, or None if it is not part of the collection with this contract."""
    punk_id = parse_punk_id(nft.identifier)
    if punk_id is None or punk_id >= COLLECTION_SIZE or (nft.contract or contract) != contract:
        return None
    return Token(punk_id, parse_traits(nft.traits or ()), parse_image_urls(nft))


def parse_punk_id(identifier: str) -> int | None:
    """Return the identifier as an int, or None unless it is a plain decimal number below 10**9."""
    return int(identifier) if re.fullmatch(r"0|[1-9][0-9]{0,8}", identifier) else None


def parse_image_urls(nft: Nft) -> tuple[str, ...]:
    """Return the image URLs of a token; originals come before resized or re-encoded images."""
    urls = [url for url in (nft.image_url, nft.display_image_url, nft.original_image_url) if url]
    return tuple(dict.fromkeys([*map(_to_original_url, urls), *urls]))


def _to_original_url(url: str) -> str:
    """Return the URL of the original image, for the hosts whose URL parameters are known."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # A malformed IPv6 address. The transport rejects it later.
        return url
    if host.endswith(".googleusercontent.com"):
        return re.sub(r"=[swh]\d+[^/]*$", "=s0", url)
    if not host.endswith(".seadn.io"):
        return url
    query = [(key, text) for key, text in parse_qsl(parts.query) if key not in _RESIZE_PARAMETERS]
    return urlunsplit(parts._replace(query=urlencode(query)))


def parse_price_wei(
    amount: int | None, decimals: int | None, symbol: str | None, token_address: str | None = None
) -> int | None:
    """Convert an amount in base units of its currency to wei.

    Returns None if the amount is 0, unknown or out of range, or not in ETH, WETH or BETH.
    """
    is_eth = symbol.upper() in ETH_ADDRESSES if symbol else token_address in ETH_ADDRESSES.values()
    if not amount or amount < 0 or not is_eth:
        return None
    shift = 18 - (18 if decimals is None else decimals)
    # The exponent is checked first, because 10**1_000_000_000 would take forever.
    if not 0 <= shift <= 18 or amount * 10**shift >= MAX_AMOUNT:
        return None
    return int(amount * 10**shift)


def parse_sale(event: SaleEvent, contract: str, chain: str) -> SaleRecord:
    """Return the sale that an event describes.

    Raises DataError, with the reason why the event is ignored, if the event is not a sale of a
    token with this contract and chain, or if its time or its amount cannot be stored.
    """
    if event.event_type not in (None, "sale"):
        raise DataError(f"the event type is {event.event_type!r:.40}, not 'sale'")
    punk_id = parse_punk_id(event.identifier or "")
    if punk_id is None:
        raise DataError("the token identifier is missing or invalid")
    if (event.contract or contract) != contract or (event.chain or chain) != chain:
        raise DataError("the token is on another contract or chain")
    is_storable = (
        0 <= (event.amount or 0) < MAX_AMOUNT
        and 0 <= (event.decimals or 0) <= MAX_DECIMALS
        and 0 < event.event_timestamp < 2**32
    )
    if not is_storable:
        raise DataError(f"the price or the time of a sale of punk {punk_id} is out of range")
    return SaleRecord(
        punk_id=punk_id,
        sold_at=datetime.fromtimestamp(event.event_timestamp, UTC),
        amount=event.amount,
        decimals=event.decimals,
        symbol=event.symbol,
        token_address=event.token_address,
        price_wei=parse_price_wei(event.amount, event.decimals, event.symbol, event.token_address),
        seller=event.seller,
        buyer=event.buyer,
        buyer_is_zero=None if event.buyer is None else event.buyer == ZERO_ADDRESS,
        transaction=event.transaction,
    )


def parse_listing(listing: Listing, contract: str) -> tuple[int, int] | None:
    """Return (punk_id, price in wei) of an active listing in ETH; None for all others."""
    punk_id = parse_punk_id(listing.identifier or listing.offered_identifier or "")
    price_wei = parse_price_wei(listing.amount, listing.decimals, listing.symbol)
    is_active = listing.status in (None, "active") and listing.remaining_quantity != 0
    if (listing.contract or listing.offered_contract or contract) != contract or not is_active:
        return None
    return None if punk_id is None or price_wei is None else (punk_id, price_wei)
