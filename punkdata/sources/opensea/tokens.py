"""Collection of all tokens with their labels, and their comparison with the API's own totals.

A fetch and a build run the same code, with a client for the network or for the recording. They
therefore always agree on the labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.sources.opensea.client import PAGE_SIZE, OpenSeaClient
from punkdata.sources.opensea.parsing import (
    COLLECTION_SIZE,
    PSEUDO_ACCESSORY,
    Labels,
    Token,
    parse_punk_id,
    parse_token,
)
from punkdata.sources.opensea.schemas import Collection, Nft, TraitCounts
from punkdata.traits import LABELS, TYPES, find_label

MAX_SINGLE_REQUESTS = 200
"""Maximum number of ids that are requested one by one because the batch replies lack them."""


@dataclass
class CollectedPunks:
    """The tokens of the collection, as far as the API describes them."""

    contract: str = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"
    """Address of the contract, in lower case; by default, that of the CryptoPunks."""
    chain: str = "ethereum"
    labels: dict[int, Labels] = field(default_factory=dict)
    """Type and accessories by punk_id."""
    image_urls: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Image URLs by punk_id, the best one first."""
    missing: dict[int, str] = field(default_factory=dict)
    """Reason by punk_id for each punk whose labels are unknown."""
    warnings: list[str] = field(default_factory=list)
    """Messages about ignored tokens, and about differences from the totals of the API."""


def collect_punks(
    client: OpenSeaClient, limit: int | None = None, progress: Progress = lambda done, total: None
) -> CollectedPunks:
    """Return all tokens with their labels, compared with the totals that the API reports.

    Tokens that are listed without valid traits, or not at all, are requested by their ids: first
    in batches, then one by one. Ids outside the collection are ignored. With a `limit`, only so
    many tokens are collected, and nothing is compared.
    """
    collection, counts = client.get_collection(), client.get_trait_counts()
    punks = CollectedPunks()
    for contract in collection.contracts or ():
        if contract.address:
            punks.contract, punks.chain = contract.address, contract.chain or punks.chain
            break
    num_by_type = sum(n for kind, _, n in _iter_counts(counts) if kind == "type")
    num_reported = (
        max(collection.total_supply or 0, collection.unique_item_count or 0) or num_by_type
    )
    num_expected = min(num_reported, COLLECTION_SIZE, limit or COLLECTION_SIZE)
    progress(0, num_expected)

    # List the tokens, then request those that are missing or incomplete by their ids.
    tokens, foreign = _list_tokens(
        client, punks.contract, limit, partial(progress, total=num_expected)
    )
    ids = range(min(max(num_reported, num_by_type), COLLECTION_SIZE))
    unlisted = [punk_id for punk_id in ids if punk_id not in tokens]
    if limit is not None:
        unlisted = unlisted[: max(0, num_expected - len(tokens))]
    wanted = {*unlisted, *(punk_id for punk_id, token in tokens.items() if token.labels is None)}
    if not tokens and not wanted:
        raise DataError("the API lists no token of the collection", hint="try again later")
    _request_again(client, punks, tokens, wanted, progress)

    for punk_id in sorted(tokens.keys() | wanted):
        token = tokens.get(punk_id)
        if token and token.labels:
            punks.labels[punk_id] = token.labels
            punks.image_urls[punk_id] = token.image_urls
        elif punk_id < num_reported or not num_reported:
            problem = token.problem if token else "is not listed and was not found by its id"
            punks.missing[punk_id] = problem
        elif token:  # An id beyond the reported total, and without traits, does not exist.
            foreign.add(str(punk_id))
    punks.warnings += [
        f"ignored token {identifier!r}: it is not part of the collection"
        for identifier in sorted(foreign)
    ]
    if limit is None:
        punks.warnings += _compare_totals(punks, collection)
        punks.warnings += _compare_trait_counts(punks, counts)
    return punks


def _list_tokens(
    client: OpenSeaClient, contract: str, limit: int | None, progress: Callable[[int], None]
) -> tuple[dict[int, Token], set[str]]:
    """Return the listed tokens by punk_id, and the identifiers outside the collection."""
    tokens: dict[int, Token] = {}
    foreign: set[str] = set()
    for page in client.iter_nfts(min(PAGE_SIZE, limit or PAGE_SIZE)):
        if page is None:
            tokens.clear()
            foreign.clear()
        for nft in page or ():
            if token := parse_token(nft, contract):
                _add(tokens, token)
            else:
                foreign.add(nft.identifier[:20])
        progress(len(tokens))
        if limit is not None and len(tokens) >= limit:
            break
    return dict(list(tokens.items())[:limit]), foreign


def _add(tokens: dict[int, Token], token: Token) -> None:
    """Add a token, unless the same token is already known with labels."""
    known = tokens.get(token.punk_id)
    if known is None or known.labels is None:
        tokens[token.punk_id] = token


def _request_again(
    client: OpenSeaClient,
    punks: CollectedPunks,
    tokens: dict[int, Token],
    wanted: set[int],
    progress: Progress,
) -> None:
    """Request the `wanted` ids in batches, then one by one, and add the results to `tokens`."""
    total = len(tokens.keys() | wanted)
    incomplete = set(wanted)

    def add(nfts: Iterable[Nft]) -> None:
        for nft in nfts:
            token = parse_token(nft, punks.contract)
            if token and token.punk_id in wanted:
                _add(tokens, token)
                if token.labels:
                    incomplete.discard(token.punk_id)
        progress(total - len(incomplete), total)

    not_found: set[int] = set()
    for batch_ids, nfts in client.get_nfts(sorted(wanted), punks.chain, punks.contract):
        not_found |= set(batch_ids) - {parse_punk_id(nft.identifier) for nft in nfts}
        add(nfts)
    if len(not_found) > MAX_SINGLE_REQUESTS:
        incomplete -= not_found  # The API may overlook a few ids, but not that many.
    for punk_id in sorted(incomplete):
        nft = client.get_nft(punk_id, punks.chain, punks.contract)
        add([nft] if nft else [])


def _compare_totals(punks: CollectedPunks, collection: Collection) -> list[str]:
    """Return a warning for each total of the API that differs from the number of tokens."""
    num_known = len(punks.labels) + len(punks.missing)
    totals = {
        "total_supply": collection.total_supply,
        "unique_item_count": collection.unique_item_count,
    }
    if not any(totals.values()):
        return ["the API reports no total, so the number of tokens cannot be compared with it"]
    return [
        f"the API reports {total:,} tokens ({name}), but there are {num_known:,}"
        for name, total in totals.items()
        if total and total != num_known
    ]


def _compare_trait_counts(punks: CollectedPunks, counts: TraitCounts) -> list[str]:
    """Return a warning for each label that another number of punks has than the API reports."""
    if not counts.counts:
        return ["the API provides no trait counts, so the labels cannot be compared with them"]
    warnings = []
    reported: Counter[str] = Counter()
    for kind, value, count in _iter_counts(counts):
        if label := find_label(value):
            reported[label] += count
        elif not PSEUDO_ACCESSORY.fullmatch(value):
            warnings.append(f"the API counts an unknown {kind} {value[:40]!r}")
    listed = Counter(name for kind, names in punks.labels.values() for name in (kind, *names))
    kinds = {kind for kind, _, _ in _iter_counts(counts)}
    for label in LABELS:
        kind = "type" if label in TYPES else "accessory"
        if kind in kinds and reported[label] != listed[label]:
            warnings.append(
                f"the API counts {reported[label]:,} punks with {label}, "
                f"but lists {listed[label]:,}"
            )
    return warnings


def _iter_counts(counts: TraitCounts) -> Iterator[tuple[str, str, int]]:
    """Yield (kind, value, count) for the types and the accessories."""
    for name, values in counts.counts.items():
        kind = name.casefold()
        for value, count in values.items():
            if kind in ("type", "accessory") and isinstance(count, int):
                yield kind, value, count
