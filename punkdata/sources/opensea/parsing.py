"""Parsing of OpenSea's tokens, sales and listings into punks, sales and prices.

All functions are pure.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from punkdata.errors import DataError
from punkdata.records import SaleRecord
from punkdata.sources.opensea.collected_punks import COLLECTION_SIZE
from punkdata.sources.opensea.schemas import Listing, Nft, Payment, SaleEvent
from punkdata.traits import ACCESSORIES, TYPES, find_label

MAX_AMOUNT = 10**38
"""Exclusive upper limit of amounts, which are stored as decimal128(38, 0)."""
MAX_DECIMALS = 77
"""Largest accepted number of decimals of a currency."""
ETH_SYMBOLS = frozenset({"ETH", "WETH", "BETH"})
ETH_ADDRESSES = frozenset(
    {
        "0x0000000000000000000000000000000000000000",  # ETH itself
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",  # WETH
        "0x0000000000a39bb272e79075ade125fd351887ac",  # BETH, a 1:1 pool token
    }
)
ZERO_ADDRESS = "0x" + "0" * 40

_RESIZE_PARAMETERS = frozenset(
    {"w", "h", "width", "height", "auto", "fit", "q", "dpr", "fm", "format", "quality"}
)
"""Query parameters with which the image hosts resize or re-encode an image."""


# -- Tokens -------------------------------------------------------------------------------


def parse_punk_id(identifier: str) -> int | None:
    """Return the identifier as an int, or None unless it is a plain decimal number below 10**9."""
    return int(identifier) if re.fullmatch(r"0|[1-9][0-9]{0,8}", identifier) else None


def parse_collection_punk_id(nft: Nft, contract: str) -> int | None:
    """Return the punk_id of a token, or None if the token is not part of the collection."""
    punk_id = parse_punk_id(nft.identifier)
    if punk_id is None or punk_id >= COLLECTION_SIZE:
        return None
    return punk_id if (nft.contract or contract).lower() == contract else None


def parse_labels(nft: Nft) -> tuple[str, tuple[str, ...]]:
    """Return the type of a token, and its accessories in the order of `ACCESSORIES`.

    A value such as "3 attributes" is not an accessory. It is compared with the number of
    accessories.

    Raises:
        DataError: The traits do not describe one punk. The subject of the message is "the token".
    """
    types: set[str] = set()
    accessories: set[str] = set()
    reported_count = None
    for trait in nft.traits or ():
        kind, value = (trait.trait_type or "").strip().casefold(), str(trait.value).strip()
        if count := re.fullmatch(r"(\d) attributes?", value, re.IGNORECASE):
            reported_count = int(count[1])
        elif kind in ("type", "accessory"):
            label = find_label(value)
            if label is None or (label in TYPES) != (kind == "type"):
                raise DataError(f"has the unknown {kind} {value[:40]!r}")
            (types if kind == "type" else accessories).add(label)
    if len(types) != 1:
        raise DataError(f"has {len(types) or 'no'} type{'s' if types else ''} among its traits")
    if reported_count not in (None, len(accessories)):
        raise DataError(f"has {reported_count} attributes but lists {len(accessories)}")
    return types.pop(), tuple(name for name in ACCESSORIES if name in accessories)


def find_label_problem(nft: Nft) -> str | None:
    """Return the reason why `parse_labels` rejects a token, or None if it accepts the token."""
    try:
        parse_labels(nft)
    except DataError as error:
        return error.message
    return None


def parse_image_urls(nft: Nft) -> tuple[str, ...]:
    """Return the image URLs of a token; originals come before resized or re-encoded images."""
    fields = [nft.image_url, nft.display_image_url, nft.original_image_url]
    urls = [url for url in fields if url]
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


# -- Prices, sales and listings -----------------------------------------------------------


def is_eth(symbol: str | None, token_address: str | None) -> bool:
    """Return True if an amount in this currency is a price in ETH."""
    if symbol:
        return symbol.upper() in ETH_SYMBOLS
    return (token_address or "").lower() in ETH_ADDRESSES


def parse_price_wei(
    amount: int | None, decimals: int | None, symbol: str | None, token_address: str | None
) -> int | None:
    """Convert an amount in base units of its currency to wei.

    Returns None if the amount is 0, unknown or out of range, or not in ETH, WETH or BETH.
    """
    if not amount or amount < 0 or not is_eth(symbol, token_address):
        return None
    shift = 18 - (18 if decimals is None else decimals)
    # The exponent is checked first, because 10**1_000_000_000 would take forever.
    if not 0 <= shift <= 18 or amount * 10**shift >= MAX_AMOUNT:
        return None
    return int(amount * 10**shift)


def parse_sale(event: SaleEvent, contract: str, chain: str) -> SaleRecord:
    """Return the sale that an event describes.

    Args:
        contract, chain: Contract and chain that the token must belong to, in lower case.

    Raises:
        DataError: The event is not such a sale, or its time or amount cannot be stored. The
            message is the reason why the event is ignored.
    """
    nft = event.nft
    if (event.event_type or "sale").lower() != "sale":
        raise DataError(f"the event type is {event.event_type!r:.40}, not 'sale'")
    punk_id = parse_punk_id(nft.identifier) if nft and nft.identifier else None
    if nft is None or punk_id is None:
        raise DataError("the token identifier is missing or invalid")
    is_same_contract = (nft.contract or contract).lower() == contract
    if not is_same_contract or (event.chain or chain).lower() != chain:
        raise DataError("the token is on another contract or chain")
    payment = event.payment or Payment()
    _check_sale_range(punk_id, payment, event.event_timestamp)
    buyer = event.buyer.lower() if event.buyer else None
    return SaleRecord(
        punk_id=punk_id,
        sold_at=datetime.fromtimestamp(event.event_timestamp, UTC),
        amount=payment.quantity,
        decimals=payment.decimals,
        symbol=payment.symbol,
        token_address=payment.token_address.lower() if payment.token_address else None,
        price_wei=parse_price_wei(
            payment.quantity, payment.decimals, payment.symbol, payment.token_address
        ),
        seller=event.seller.lower() if event.seller else None,
        buyer=buyer,
        buyer_is_zero=None if buyer is None else buyer == ZERO_ADDRESS,
        transaction=event.transaction.lower() if event.transaction else None,
    )


def _check_sale_range(punk_id: int, payment: Payment, timestamp: int) -> None:
    """Raise DataError if the amount, the decimals or the time of a sale cannot be stored."""
    if payment.quantity is not None and not 0 <= payment.quantity < MAX_AMOUNT:
        raise DataError(f"the price of punk {punk_id} is out of range")
    if payment.decimals is not None and not 0 <= payment.decimals <= MAX_DECIMALS:
        raise DataError(
            f"the currency of the sale of punk {punk_id} has {payment.decimals} decimals"
        )
    if not 0 < timestamp < 2**32:
        raise DataError(f"the sale time of punk {punk_id} is out of range ({timestamp})")


def parse_listing(listing: Listing, contract: str) -> tuple[int, int] | None:
    """Return (punk_id, price in wei) of a listing.

    Returns None if the listing is not active, belongs to another contract, or has no price in
    ETH, WETH or BETH.
    """
    offer = None
    if listing.protocol_data and listing.protocol_data.parameters:
        offer = next(iter(listing.protocol_data.parameters.offer or ()), None)
    asset = listing.asset
    identifier = (asset and asset.identifier) or (offer and offer.identifierOrCriteria)
    address = (asset and asset.contract) or (offer and offer.token) or contract
    punk_id = parse_punk_id(identifier) if identifier else None
    price = listing.price.current if listing.price else None
    if punk_id is None or price is None or address.lower() != contract:
        return None
    if (listing.status or "ACTIVE").upper() != "ACTIVE" or listing.remaining_quantity == 0:
        return None
    price_wei = parse_price_wei(price.value, price.decimals, price.currency, None)
    return None if price_wei is None else (punk_id, price_wei)
