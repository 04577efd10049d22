"""What a source tells of a punk or a sale, in our own terms.

Every source is parsed into `ParsedPunk` and, where it knows sales, `ParsedSale`, before
`build` sees it. The functions below do that for OpenSea; they are pure.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from punkdata.errors import DataError
from punkdata.records import SaleRecord
from punkdata.sources.opensea.schemas import Listing, Nft, Payment, SaleEvent
from punkdata.traits import ACCESSORIES, TYPES, find_label

MAX_AMOUNT = 10**38
"""amounts stand in decimal128(38, 0)"""
ETH_SYMBOLS = frozenset({"ETH", "WETH", "BETH"})
ETH_ADDRESSES = frozenset(
    {
        "0x0000000000000000000000000000000000000000",  # ETH itself
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",  # WETH
        "0x0000000000a39bb272e79075ade125fd351887ac",  # BETH, a 1:1 pool token
    }
)
ZERO_ADDRESS = "0x" + "0" * 40


# -- of OpenSea's tokens, sales and listings ---------------------------------------------


def parse_punk_id(identifier: str) -> int | None:
    """The punk_id of a token's identifier; None if it is not a canonical decimal number."""
    return int(identifier) if re.fullmatch(r"0|[1-9][0-9]{0,8}", identifier) else None


def parse_labels(nft: Nft) -> tuple[str, tuple[str, ...]]:
    """Type and accessories of a token's traits; "3 attributes" is not an accessory.

    Raises:
        DataError: the traits are not those of one punk; the message begins with a verb.
    """
    types: set[str] = set()
    accessories: set[str] = set()
    announced = None
    for trait in nft.traits or ():
        kind, value = (trait.trait_type or "").strip().casefold(), str(trait.value).strip()
        if pseudo := re.fullmatch(r"(\d) attributes?", value, re.IGNORECASE):
            announced = int(pseudo[1])
        elif kind in ("type", "accessory"):
            label = find_label(value)
            if label is None or (label in TYPES) != (kind == "type"):
                raise DataError(f"has the unknown {kind} {value[:40]!r}")
            (types if kind == "type" else accessories).add(label)
    if len(types) != 1:
        raise DataError(f"has {len(types) or 'no'} type{'s' if types else ''} among its traits")
    if announced not in (None, len(accessories)):
        raise DataError(f"says {announced} attributes but lists {len(accessories)}")
    return types.pop(), tuple(name for name in ACCESSORIES if name in accessories)


# imgix and Google's image host resize or re-encode when asked by these.
_RESIZING = {"w", "h", "width", "height", "auto", "fit", "q", "dpr", "fm", "format", "quality"}


def parse_image_urls(nft: Nft) -> tuple[str, ...]:
    """Where a token's image may be had: the original before anything resized or re-encoded."""
    fields = [nft.image_url, nft.display_image_url, nft.original_image_url]
    urls = [url for url in fields if url]
    return tuple(dict.fromkeys([*map(_unresized, urls), *urls]))


def _unresized(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # of a broken IPv6 address; refused later, by name
        return url
    if host.endswith(".googleusercontent.com"):
        return re.sub(r"=[swh]\d+[^/]*$", "=s0", url)
    if not host.endswith(".seadn.io"):
        return url
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in _RESIZING]
    return urlunsplit(parts._replace(query=urlencode(query)))


def is_eth(symbol: str | None, token_address: str | None) -> bool:
    """Whether an amount in this currency is an ETH price."""
    if symbol:
        return symbol.upper() in ETH_SYMBOLS
    return (token_address or "").lower() in ETH_ADDRESSES


def parse_price_wei(
    amount: int | None, decimals: int | None, symbol: str | None, token_address: str | None
) -> int | None:
    """An amount of base units as wei; None if it is 0 or unknown, or not ETH, WETH or BETH."""
    if not amount or amount < 0 or not is_eth(symbol, token_address):
        return None
    shift = 18 - (18 if decimals is None else decimals)
    # The shift is bounded first: 10**1_000_000_000 would not return.
    if not 0 <= shift <= 18 or amount * 10**shift >= MAX_AMOUNT:
        return None
    return int(amount * 10**shift)


def parse_sale(event: SaleEvent, contract: str, chain: str) -> SaleRecord:
    """A sale of a token of `contract` on `chain`, both in lower case.

    Raises:
        DataError: it is no such sale, or its time or amount lies outside what can be stored. The
            message fits behind "left out: ".
    """
    nft = event.nft
    if (event.event_type or "sale").lower() != "sale":
        raise DataError(f"of the type {event.event_type!r:.40}, which is no sale")
    punk_id = parse_punk_id(nft.identifier) if nft and nft.identifier else None
    if nft is None or punk_id is None:
        raise DataError("no punk is named")
    here = (nft.contract or contract).lower() == contract
    if not here or (event.chain or chain).lower() != chain:
        raise DataError("of another contract or chain")
    payment = event.payment or Payment()
    amount, decimals = payment.quantity, payment.decimals
    if amount is not None and not 0 <= amount < MAX_AMOUNT:
        raise DataError(f"punk {punk_id} cannot have cost what it says")
    if decimals is not None and not 0 <= decimals <= 77:
        raise DataError(f"punk {punk_id} was paid in a currency of {decimals} decimals")
    if not 0 < event.event_timestamp < 2**32:
        raise DataError(f"punk {punk_id} cannot have been sold at {event.event_timestamp}")
    buyer = event.buyer.lower() if event.buyer else None
    return SaleRecord(
        punk_id=punk_id,
        sold_at=datetime.fromtimestamp(event.event_timestamp, UTC),
        amount=amount,
        decimals=decimals,
        symbol=payment.symbol,
        token_address=payment.token_address.lower() if payment.token_address else None,
        price_wei=parse_price_wei(amount, decimals, payment.symbol, payment.token_address),
        seller=event.seller.lower() if event.seller else None,
        buyer=buyer,
        buyer_is_zero=None if buyer is None else buyer == ZERO_ADDRESS,
        transaction=event.transaction.lower() if event.transaction else None,
    )


def parse_listing(listing: Listing, contract: str) -> tuple[int, int] | None:
    """(punk_id, price in wei) of an active listing of a token of `contract`; None if it is none."""
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
