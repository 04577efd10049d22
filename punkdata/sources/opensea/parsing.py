"""Pure functions that turn OpenSea's tokens into labels and image URLs."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from punkdata.sources.opensea.api.schemas import Nft, to_exact_int
from punkdata.sources.opensea.labels import Labels, ParsedTraits, parse_traits

COLLECTION_SIZE = 10_000
"""Number of CryptoPunks. Their ids are 0 to 9999; the API has listed other ids by mistake."""

_RESIZE_PARAMETERS = frozenset(
    {"w", "h", "width", "height", "auto", "fit", "q", "dpr", "fm", "format", "quality"}
)
"""Query parameters with which the image hosts resize or re-encode an image."""


@dataclass(frozen=True)
class Token:
    """A token of the collection, with its image URLs, the best one first.

    `owner` is the address that holds it, None if unknown.
    """

    punk_id: int
    traits: ParsedTraits
    image_urls: tuple[str, ...] = ()
    owner: str | None = None

    @property
    def labels(self) -> Labels | None:
        return self.traits.labels


def parse_token(nft: Nft, contract: str) -> Token | None:
    """Return a token, or None if it is not part of the collection with this contract."""
    punk_id = parse_punk_id(nft.identifier)
    if punk_id is None or punk_id >= COLLECTION_SIZE or (nft.contract or contract) != contract:
        return None
    traits = parse_traits(nft.traits or ())
    return Token(punk_id, traits, parse_image_urls(nft), parse_owner(nft.owners))


def parse_owner(owners: Any) -> str | None:
    """Return the address in lower case that holds a token; None if unknown or not the only one."""
    holders = set()
    for owner in owners if isinstance(owners, list) else ():
        if not isinstance(owner, dict):
            return None
        try:
            quantity = to_exact_int(owner.get("quantity"))
            if quantity is None:
                quantity = to_exact_int(owner.get("quantity_string"))
        except ValueError:
            return None
        address = owner.get("address")
        if quantity is None or not isinstance(address, str):
            return None
        if quantity > 0:
            holders.add(address.lower())
    holder = holders.pop() if len(holders) == 1 else ""
    return holder if re.fullmatch(r"0x[0-9a-f]{40}", holder) else None


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
