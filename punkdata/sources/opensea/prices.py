"""Pure functions that turn OpenSea's sales and listings into records, and amounts into ETH.

A row that cannot be used becomes a `Note`, so that it does not affect other rows.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from punkdata.currencies import (
    ETH_ADDRESSES,
    ETH_DECIMALS,
    MAX_AMOUNT,
    ZERO_ADDRESS,
    parse_price_wei,
)
from punkdata.records import ListingRecord, SaleRecord
from punkdata.sources.opensea import notes as kinds
from punkdata.sources.opensea.api.price_schemas import Listing, OrderItem, SaleEvent
from punkdata.sources.opensea.api.schemas import to_exact_int, to_exact_number
from punkdata.sources.opensea.http.error_replies import to_one_line
from punkdata.sources.opensea.notes import Note
from punkdata.sources.opensea.parsing import parse_punk_id

MAX_DECIMALS = 77
COLLECTION_START_S = 1_496_275_200
"""Unix time of June 1, 2017. The contract of the CryptoPunks is three weeks younger."""


# -- Amounts and times ----------------------------------------------------------------------


def parse_time(value: Any) -> tuple[int, int] | None:
    """Return a time in Unix seconds and the number of its units in a second, None if unreadable.

    A number that is too large for seconds is in milliseconds or microseconds, if that makes it a
    time since the collection began. Fractions of a second are dropped.
    """
    try:
        number = to_exact_number(value)
    except ValueError:
        return None
    if number is None:
        return None
    for units_per_s in (1, 1_000, 1_000_000):
        seconds = int(number) // units_per_s
        if (1 if units_per_s == 1 else COLLECTION_START_S) <= seconds < 2**32:
            return seconds, units_per_s
    return None


def _parse_amount(value: Any, decimals: Any, payment: Any = None) -> tuple[int | None, int | None]:
    """Return an amount and its decimals, None if missing; raise ValueError if unreadable.

    `payment` is the object that they come from, if there is one.
    """
    if payment and not isinstance(payment, dict):
        raise ValueError("is not an object")  # like any other unreadable payment
    amount, places = to_exact_int(value), to_exact_int(decimals)
    if not (0 <= (amount or 0) < MAX_AMOUNT and 0 <= (places or 0) <= MAX_DECIMALS):
        raise ValueError("is out of range")
    return amount, places


def parse_positive(value: Any) -> float | None:
    """Return the float that is nearest to a number; None if it is unreadable or not above 0."""
    try:
        number = float(to_exact_number(value) or 0)
    except ValueError:
        return None
    return number if number > 0 else None


def parse_eth(value: Any, symbol: str | None) -> float | None:
    """Return a price above 0 in ETH; None if its symbol is not that of ETH, WETH or BETH."""
    return parse_positive(value) if (symbol or "").upper() in ETH_ADDRESSES else None


def _is_mislabeled(symbol: str | None, amount: int | None, price_wei: int | None) -> bool:
    """Return whether a price has the symbol of ETH, WETH or BETH, but is in another currency."""
    return bool(amount) and price_wei is None and (symbol or "").upper() in ETH_ADDRESSES


# -- Sales ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Market:
    """A collection in which punks are sold. `contract` is None if it may be any."""

    name: str
    """Name of the market in the data set, see `SaleRecord.market`."""
    slug: str
    contract: str | None
    chain: str


def parse_sale(event: SaleEvent, market: Market) -> tuple[SaleRecord | None, list[Note]]:
    """Return the sale that an event describes, or None if unusable, and notes about it.

    A sale whose payment is missing is used; its amount is None. One without a time is not, even if
    it has a `closing_date`, because it is not documented what that date is.
    """
    if event.event_type not in (None, "sale"):
        return None, [Note(kinds.NO_SALE, repr(event.event_type[:40]))]
    punk_id = parse_punk_id(event.identifier or "")
    place = describe_row(event.identifier, event.transaction)
    elsewhere = _find_difference(
        (event.contract, market.contract),
        (event.chain, market.chain),
        (event.collection, market.slug),
    )
    if elsewhere:
        return None, [Note(kinds.SALE_ELSEWHERE, f"{place}, in {elsewhere}")]
    if punk_id is None:
        # A number that is too large is another token.
        is_lost = not re.fullmatch("[1-9][0-9]{9,}", event.identifier or "")
        return None, [Note(kinds.NO_IDENTIFIER, place, is_lost=is_lost)]
    time = parse_time(event.event_timestamp)
    if time is None:
        return None, [Note(kinds.NO_TIME, place, is_lost=True, punk_id=punk_id)]
    try:
        amount, decimals = _parse_amount(event.amount, event.decimals, event.payment)
    except ValueError:
        return None, [Note(kinds.NO_AMOUNT, place, is_lost=True, punk_id=punk_id)]
    price_wei = parse_price_wei(amount, decimals, event.symbol, event.token_address)
    seconds, units_per_s = time
    notes = []
    if units_per_s > 1:
        notes.append(Note(kinds.OTHER_UNIT, place, punk_id=punk_id))
    if amount is None:
        notes.append(Note(kinds.NO_PAYMENT, place, punk_id=punk_id))
    if _is_mislabeled(event.symbol, amount, price_wei):
        currency = f"{event.symbol} at {event.token_address} with {decimals} decimals"
        notes.append(
            Note(kinds.SALE_NOT_IN_ETH, f"{place}, {to_one_line(currency, 80)}", punk_id=punk_id)
        )
    sale = SaleRecord(
        punk_id=punk_id,
        sold_at=datetime.fromtimestamp(seconds, UTC),
        payment_base_units=amount,
        decimals=decimals,
        symbol=event.symbol,
        token_address=event.token_address,
        price_wei=price_wei,
        seller=event.seller,
        buyer=event.buyer,
        buyer_is_zero_address=None if event.buyer is None else event.buyer == ZERO_ADDRESS,
        transaction_hash=event.transaction,
        market=market.name,
    )
    return sale, notes


def _find_difference(*pairs: tuple[str | None, str | None]) -> str:
    """Return the first value that is not as expected, given (value, expected); or "".

    If one of the two is None, they are not compared.
    """
    known = [(value, expected) for value, expected in pairs if value and expected]
    return next((to_one_line(value, 60) for value, expected in known if value != expected), "")


def describe_row(identifier: str | None, transaction: str | None = None) -> str:
    """Return how to find a row, for example "punk 3, transaction 0x0a"."""
    is_known = parse_punk_id(identifier or "") is not None
    token = f"punk {identifier}" if is_known else "an unknown punk"
    return f"{token}, transaction {to_one_line(transaction, 70)}" if transaction else token


# -- Listings -------------------------------------------------------------------------------


def parse_listing(
    listing: Listing, contract: str, chain: str
) -> tuple[ListingRecord | None, list[Note]]:
    """Return the public offer that a listing describes, or None if it is none, and notes about it.

    An order is private if it hands the token over to a certain address, or names a taker.
    """
    identifier = listing.identifier or next((item.identifier for item in listing.offer), None)
    punk_id = parse_punk_id(identifier or "")
    place = describe_row(identifier)
    kind = _find_obstacle(listing, contract, chain)
    if kind is not None:
        return None, [Note(kind, place, punk_id=punk_id)]
    try:
        amount, decimals = _parse_amount(listing.amount, listing.decimals)
    except ValueError:
        amount = decimals = None
    if punk_id is None or not amount:
        problem = "" if punk_id is None else ", whose price is missing, 0 or unreadable"
        return None, [Note(kinds.UNREADABLE_LISTING, place + problem, punk_id=punk_id)]
    address = _find_payment_address(listing, contract)
    price_wei = parse_price_wei(amount, decimals, listing.symbol, address)
    notes = []
    if _is_mislabeled(listing.symbol, amount, price_wei):
        currency = f"{listing.symbol} at {address} with {decimals} decimals"
        note = Note(
            kinds.LISTING_NOT_IN_ETH, f"{place}, {to_one_line(currency, 80)}", punk_id=punk_id
        )
        notes.append(note)
    if price_wei is not None:
        decimals = ETH_DECIMALS
    return ListingRecord(punk_id, amount, decimals, listing.symbol, address, price_wei), notes


def _find_obstacle(listing: Listing, contract: str, chain: str) -> str | None:
    """Return why a listing is not an offer of one token to everybody, None if it is one."""
    offered_at = listing.contract or next((item.token for item in listing.offer), None)
    if _find_difference((offered_at, contract), (listing.chain, chain)):
        return kinds.LISTING_ELSEWHERE
    if listing.status not in (None, "active") or _is_used_up(listing.remaining_quantity):
        return kinds.INACTIVE_LISTING
    if len(listing.offer) > 1:
        return kinds.BUNDLE
    hands_over = any(_is_token(item, contract) for item in listing.consideration)
    is_private = str(listing.is_private_listing).lower() == "true"
    if hands_over or is_private or listing.taker not in (None, ZERO_ADDRESS):
        return kinds.PRIVATE_LISTING
    return None


def _is_used_up(remaining_quantity: Any) -> bool:
    try:
        quantity = to_exact_int(remaining_quantity)
    except ValueError:
        return False
    return quantity is not None and quantity <= 0


def _is_token(item: OrderItem, contract: str) -> bool:
    """Return whether an item of an order is a token with an identifier, not a currency."""
    # Seaport's item types: 0 is ETH, 1 a currency, and all others are tokens with an identifier.
    return item.token == contract or item.item_type not in (None, 0, 1)


def _find_payment_address(listing: Listing, contract: str) -> str | None:
    """Return the address of the currency in which an order is paid, None if it does not state one.

    If it is paid in several, the result is one that does not have the symbol of the price.
    """
    own_address = ETH_ADDRESSES.get((listing.symbol or "").upper())
    stated = [i.token for i in listing.consideration if i.token and not _is_token(i, contract)]
    foreign = [address for address in stated if address != own_address]
    return next(iter([*foreign, *stated]), None)
