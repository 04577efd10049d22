"""Collection of all tokens with their labels, and their comparison with the API's own totals.

A fetch and a build run the same code, with a client for the network or for the recording. They
therefore always agree on the labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from punkdata.sources.opensea.schemas import Nft, TraitCounts
from punkdata.traits import LABELS, TYPES, find_label

MAX_SINGLE_REQUESTS = 200
"""Maximum number of ids that are requested one by one because the batch replies lack them."""


@dataclass
class CollectedPunks:
    """The tokens of the collection: labels, image URLs (the best one first) and, for each punk
    without labels, the reason, all by punk_id.

    The warnings are about ignored tokens, and about differences from the totals of the API.
    """

    contract: str = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"
    chain: str = "ethereum"
    labels: dict[int, Labels] = field(default_factory=dict)
    image_urls: dict[int, tuple[str, ...]] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


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

    _add_tokens(punks, tokens, wanted, foreign, num_reported)
    if limit is None:
        num_known = len(punks.labels) + len(punks.missing)
        if num_known != num_reported:
            punks.warnings.append(
                f"the API reports {num_reported:,} tokens, but there are {num_known:,}"
            )
        punks.warnings += _compare_trait_counts(punks, counts)
    return punks


def _add_tokens(
    punks: CollectedPunks,
    tokens: Mapping[int, Token],
    wanted: set[int],
    foreign: set[str],
    num_reported: int,
) -> None:
    """Add the tokens to `punks`; those without labels, and wanted ones, may be missing."""
    for punk_id in sorted(tokens.keys() | wanted):
        token = tokens.get(punk_id)
        if token and token.labels:
            punks.labels[punk_id] = token.labels
            punks.image_urls[punk_id] = token.image_urls
        elif punk_id < num_reported or not num_reported:
            problem = token.problem if token else "is not listed and was not found by its id"
            punks.missing[punk_id] = problem
        elif token:  # An id beyond the reported total, and without traits, does not exist.
            foreign = foreign | {str(punk_id)}
    for identifier in sorted(foreign):
        punks.warnings.append(f"ignored token {identifier!r}: it is not part of the collection")


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
