"""Collection of all tokens with their labels, and their comparison with the API's own totals.

A fetch and a build run the same code, with a client for the network or for the recording. They
therefore always agree on the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.collected_punks import (
    CHAIN,
    COLLECTION_SIZE,
    CONTRACT,
    CollectedPunks,
)
from punkdata.sources.opensea.parsing import (
    find_label_problem,
    parse_collection_punk_id,
    parse_image_urls,
    parse_labels,
    parse_punk_id,
)
from punkdata.sources.opensea.schemas import Collection, Nft, TraitCounts
from punkdata.sources.opensea.token_totals import (
    check_totals,
    check_trait_counts,
    sum_type_counts,
)

MAX_SINGLE_REQUESTS = 200
"""Maximum number of ids that are requested one by one because the batch replies lack them."""


def collect_punks(
    client: OpenSeaClient, limit: int | None = None, progress: Progress = lambda done, total: None
) -> CollectedPunks:
    """Return all tokens with their labels, compared with the totals that the API reports.

    Tokens that are listed without valid traits, or not at all, are requested by their ids: first
    in batches, then one by one. Ids outside the collection are ignored.

    Args:
        limit: Maximum number of tokens. With a limit, nothing is compared with the totals.

    Raises:
        DataError: The API lists no token.
    """
    collection, counts = client.get_collection(), client.get_trait_counts() or TraitCounts()
    chain, contract = find_contract(collection)
    num_by_type = sum_type_counts(counts)
    num_reported = (
        max(collection.total_supply or 0, collection.unique_item_count or 0) or num_by_type
    )
    num_expected = min(num_reported, COLLECTION_SIZE)
    if limit is not None:
        num_expected = min(num_expected, limit)
    progress(0, num_expected)

    tokens, foreign = _list_tokens(client, contract, limit, lambda n: progress(n, num_expected))
    incomplete = {punk_id for punk_id, nft in tokens.items() if find_label_problem(nft)}
    possible_ids = set(range(min(max(num_reported, num_by_type), COLLECTION_SIZE)))
    unlisted = sorted(possible_ids - tokens.keys())
    if limit is not None:
        unlisted = unlisted[: max(0, num_expected - len(tokens))]
    wanted = incomplete | set(unlisted)
    if not tokens and not wanted:
        raise DataError("the API lists no token of the collection", hint="try again later")
    _request_again(client, tokens, wanted, chain, contract, progress)

    punks = CollectedPunks(contract, chain)
    if not counts.counts:
        punks.warnings.append(
            "the API provides no trait counts, so the labels cannot be compared with them"
        )
    _add_parsed_tokens(punks, tokens, foreign, num_reported)
    # Ids that only the trait counts suggest are requested, but they are not reported as missing.
    for punk_id in sorted(wanted - tokens.keys() - set(range(num_reported, num_by_type))):
        punks.missing[punk_id] = "is not listed and was not found by its id"
    for identifier in sorted(foreign):
        punks.warnings.append(f"ignored token {identifier!r}: it is not part of the collection")
    if limit is None:
        check_totals(punks, collection)
        check_trait_counts(client, punks, counts)
    return punks


def find_contract(collection: Collection) -> tuple[str, str]:
    """Return (chain, contract address) in lower case, by default those of the CryptoPunks."""
    for contract in collection.contracts or ():
        if contract.address:
            return contract.chain or CHAIN, contract.address.lower()
    return CHAIN, CONTRACT


def _list_tokens(
    client: OpenSeaClient, contract: str, limit: int | None, progress: Callable[[int], None]
) -> tuple[dict[int, Nft], set[str]]:
    """Return the listed tokens by punk_id, and the identifiers outside the collection."""
    tokens: dict[int, Nft] = {}
    foreign: set[str] = set()
    for page in client.iter_nfts(limit=limit):
        if page is None:
            tokens.clear()
            foreign.clear()
        for nft in page or ():
            punk_id = parse_collection_punk_id(nft, contract)
            if punk_id is None:
                foreign.add(nft.identifier[:20])
            elif punk_id not in tokens or find_label_problem(tokens[punk_id]):
                tokens[punk_id] = nft  # A later page may repeat a token with complete traits.
        progress(len(tokens))
    return dict(list(tokens.items())[:limit]), foreign


def _request_again(
    client: OpenSeaClient,
    tokens: dict[int, Nft],
    wanted: set[int],
    chain: str,
    contract: str,
    progress: Progress,
) -> None:
    """Request the `wanted` ids in batches, then one by one, and add the results to `tokens`."""
    if not wanted:
        return
    total = len(tokens.keys() | wanted)
    num_complete = len(tokens.keys() - wanted)
    completed: set[int] = set()
    not_found: set[int] = set()
    for batch_ids, page in client.get_nfts(sorted(wanted), chain, contract):
        completed |= _merge(tokens, page, wanted, contract)
        not_found |= set(batch_ids) - {parse_punk_id(nft.identifier) for nft in page}
        progress(num_complete + len(completed), total)
    if len(not_found) > MAX_SINGLE_REQUESTS:
        wanted = wanted - not_found  # The API may overlook a few ids, but not that many.
    for punk_id in sorted(wanted - completed):
        nft = client.get_nft(punk_id, chain, contract)
        completed |= _merge(tokens, [nft] if nft else [], {punk_id}, contract)
        progress(num_complete + len(completed), total)


def _merge(
    tokens: dict[int, Nft], page: Iterable[Nft], wanted: set[int], contract: str
) -> set[int]:
    """Add the wanted tokens of a page to `tokens`. Returns the ids of those with valid labels."""
    completed = set()
    for nft in page:
        punk_id = parse_collection_punk_id(nft, contract)
        if punk_id is None or punk_id not in wanted:
            continue
        if not find_label_problem(nft):
            completed.add(punk_id)
        elif punk_id in tokens:
            continue  # Both tokens lack labels.
        tokens[punk_id] = nft
    return completed


def _add_parsed_tokens(
    punks: CollectedPunks, tokens: dict[int, Nft], foreign: set[str], num_reported: int
) -> None:
    """Parse the tokens into `punks`, and add tokens outside the collection to `foreign`."""
    for punk_id, nft in sorted(tokens.items()):
        problem = find_label_problem(nft)
        if problem is None:
            punks.labels[punk_id] = parse_labels(nft)
            punks.image_urls[punk_id] = parse_image_urls(nft)
        elif punk_id >= num_reported > 0:
            # An id beyond the reported total, and without traits, does not exist.
            foreign.add(nft.identifier)
        else:
            punks.missing[punk_id] = problem
