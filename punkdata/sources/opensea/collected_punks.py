"""The result of collecting all tokens, and the constants of the CryptoPunks collection."""

from __future__ import annotations

from dataclasses import dataclass, field

COLLECTION_SIZE = 10_000
"""Number of CryptoPunks. Their ids are 0 to 9999; the API has listed other ids by mistake."""
CHAIN = "ethereum"
CONTRACT = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"
"""Address of the CryptoPunks contract."""

Labels = tuple[str, tuple[str, ...]]
"""Type and accessories of a punk."""


@dataclass
class CollectedPunks:
    """The tokens of the collection, as far as the API describes them."""

    contract: str = CONTRACT
    """Address of the contract, in lower case."""
    chain: str = CHAIN
    labels: dict[int, Labels] = field(default_factory=dict)
    """Type and accessories by punk_id."""
    image_urls: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Image URLs by punk_id, the best one first."""
    missing: dict[int, str] = field(default_factory=dict)
    """Reason by punk_id for each punk whose labels are unknown or contradictory."""
    warnings: list[str] = field(default_factory=list)
    """Messages about ignored tokens, and about differences from the totals of the API."""
