"""The currencies that are worth the same as ETH: WETH, BETH and ETH itself.

This is a separate module because sources compute prices, and `verify` recomputes them.
"""

MAX_AMOUNT = 10**38
"""Exclusive upper limit of amounts, which are stored as decimal128(38, 0)."""
ETH_DECIMALS = 18
ZERO_ADDRESS = "0x" + "0" * 40
ETH_ADDRESSES = {
    "ETH": ZERO_ADDRESS,
    "WETH": "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    "BETH": "0x0000000000a39bb272e79075ade125fd351887ac",  # A 1:1 pool token.
}


def is_eth_currency(
    decimals: int | None, symbol: str | None, token_address: str | None
) -> bool | None:
    """Return whether a currency is ETH, WETH or BETH; None if it is unknown.

    These are known by their symbol and their address, of which one may be missing, and have 18
    decimals.
    """
    if decimals not in (None, ETH_DECIMALS):
        return False
    if symbol is None:
        return None if token_address is None else token_address in ETH_ADDRESSES.values()
    own_address = ETH_ADDRESSES.get(symbol.upper())
    return own_address is not None and token_address in (None, own_address)


def parse_price_wei(
    amount: int | None, decimals: int | None, symbol: str | None, token_address: str | None = None
) -> int | None:
    """Convert an amount in base units of its currency to wei.

    Returns None if the amount is 0, unknown or out of range, or not in ETH, WETH or BETH as
    `is_eth_currency` recognizes them.
    """
    if not amount or not is_eth_currency(decimals, symbol, token_address):
        return None
    return amount if 0 < amount < MAX_AMOUNT else None
