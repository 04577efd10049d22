"""Sales of wrapped punks, which are tokens of other contracts and thus of other collections.

They are optional: if those of a collection cannot be read, the fetch goes on without them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from punkdata.errors import PunkError, UsageError
from punkdata.files import DEFAULT_COLLECTION
from punkdata.progress import Progress
from punkdata.records import SaleRecord
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.notes import summarize_notes
from punkdata.sources.opensea.parsing import COLLECTION_SIZE
from punkdata.sources.opensea.prices import Market
from punkdata.sources.opensea.sales import collect_sales, extend_sales_after
from punkdata.sources.opensea.tokens import CHAIN, CollectedPunks
from punkdata.sources.recording import Recording
from punkdata.sources.recording_format import SLUG_PATTERN

DEFAULT_WRAPPERS = ("wrapped-cryptopunks", "cryptopunks-721")
"""Slugs of the collections of wrapped punks that a fetch reads by default."""
ESTIMATED_WRAPPED_SALES = 3_000
"""Estimated number of sales of each of these collections."""
_MARKETS = {"wrapped-cryptopunks": "wrapped"}
"""Names of markets that differ from the slugs of their collections."""
_RESERVED = {DEFAULT_COLLECTION, *_MARKETS.values(), "all"}
"""Slugs that would be mistaken for other markets, or for all of them."""


@dataclass
class WrappedSales:
    """Sales by market, None for a market that cannot be read, and what to report about them."""

    by_market: dict[str, list[SaleRecord] | None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def of(self, punk_ids: Iterable[int]) -> list[SaleRecord]:
        """Return the known sales of these punks in all markets."""
        wanted = set(punk_ids)
        return [s for sales in self.by_market.values() for s in sales or () if s.punk_id in wanted]

    def count(self, punk_ids: Iterable[int]) -> dict[str, int | None]:
        """Return the number of sales of these punks by market, None if unknown."""
        wanted = set(punk_ids)
        return {
            market: None if sales is None else sum(sale.punk_id in wanted for sale in sales)
            for market, sales in self.by_market.items()
        }


def market_name(slug: str) -> str:
    """Return the name of the market of a collection, see `SaleRecord.market`."""
    return _MARKETS.get(slug, slug)


def check_slugs(slugs: Iterable[str]) -> None:
    """Raise UsageError unless these are slugs of collections other than the CryptoPunks."""
    for slug in slugs:
        if not re.fullmatch(SLUG_PATTERN, slug):
            raise UsageError(
                f"{slug!r} is not the slug of a collection on OpenSea",
                hint="a slug has lower-case letters, digits and hyphens, for example "
                f"--wrapped-collection {DEFAULT_WRAPPERS[0]}",
            )
        if slug in _RESERVED:
            raise UsageError(f"{slug!r} is not a collection of wrapped punks")


def choose_sales_after(
    slugs: Sequence[str], known: Mapping[str, list[int]], parent: Recording | None
) -> dict[str, list[int]]:
    """Return `RecordingInfo.wrapped_sales_after` of a fetch that reads these collections.

    `known` has the queries of a recording that is resumed. Of other collections, only the sales
    that the parent lacks are requested.
    """
    queries: dict[str, list[int]] = {}
    older = parent.info.wrapped_sales_after if parent else {}
    for slug in slugs:
        if slug in known:
            queries[slug] = known[slug]
        elif parent and slug in older:
            queries[slug] = extend_sales_after(parent, older[slug], slug)
        else:
            queries[slug] = []
    return queries


def collect_wrapped_sales(
    client: OpenSeaClient,
    punks: CollectedPunks,
    sales_after: Mapping[str, Sequence[int]],
    progress: Progress = lambda done, total: None,
) -> WrappedSales:
    """Return the sales of the collections of wrapped punks that are named by `sales_after`.

    Their identifiers are the numbers of the punks. A row that cannot be used costs a warning.
    """
    found = WrappedSales()
    for slug, starts in sales_after.items():
        market = Market(market_name(slug), slug, contract=None, chain=CHAIN)
        try:
            collected = collect_sales(client, punks, starts, progress, market)
        except PunkError as error:
            found.by_market[market.name] = None
            found.warnings.append(
                f"sales of the collection {slug} are missing, because they could not be read: "
                f"{message_or_raise(error)}"
            )
            continue
        sales = [sale for sale in collected.sales if sale.punk_id < COLLECTION_SIZE]
        found.by_market[market.name] = sales
        found.warnings += [f"{slug}: {line}" for line in summarize_notes(collected.notes)]
        if num_others := len(collected.sales) - len(sales):
            sales_of = "sale of a token" if num_others == 1 else "sales of tokens"
            found.warnings.append(f"{slug}: left out {num_others:,} {sales_of} beyond 9999")
    return found
