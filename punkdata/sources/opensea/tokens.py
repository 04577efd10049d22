"""Collection of all tokens with their labels, and their comparison with the API's own totals.

A fetch and a build run the same code, so they always agree on the labels.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

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
from punkdata.sources.opensea.schemas import Nft, NftsBatch, TraitCounts, UnreadableRow
from punkdata.traits import LABELS, TYPES, find_label

MAX_SINGLE_REQUESTS = 200
"""Maximum number of ids that are requested one by one because the batch replies lack them."""


@dataclass
class CollectedPunks:
    """The tokens of the collection, by punk_id; `foreign` has identifiers outside the collection.

    Each token has either labels and image URLs, the best one first, or a reason why it is missing.
    The warnings are about ignored tokens, and about differences from the totals of the API.
    """

    contract: str = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"
    chain: str = "ethereum"
    tokens: dict[int, Token] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    labels: dict[int, Labels] = field(default_factory=dict)
    image_urls: dict[int, tuple[str, ...]] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, nft: Nft) -> None:
        """Add a token, unless it is already known with labels."""
        token = parse_token(nft, self.contract)
        if token is None:
            self.foreign.add(nft.identifier[:20])
        elif token.punk_id not in self.tokens or not self.tokens[token.punk_id].labels:
            self.tokens[token.punk_id] = token

    def add_unreadable(self, row: UnreadableRow) -> None:
        """Add a token without labels for a row that is not as expected, if its id is known."""
        punk_id = parse_punk_id(row.identifier or "")
        if punk_id is not None and punk_id < COLLECTION_SIZE:
            problem = f"has a row that cannot be read ({row.reason})"
            self.tokens.setdefault(punk_id, Token(punk_id, None, problem, ()))

    def add_batch(self, batch: NftsBatch, ids: Collection[int]) -> set[int]:
        """Add those tokens that have one of the ids, and return the ids of the tokens found."""
        found = set()
        for nft in batch.rows:
            if (punk_id := parse_punk_id(nft.identifier)) in ids:
                self.add(nft)
                found.add(punk_id)
        for row in batch.unreadable:
            if (punk_id := parse_punk_id(row.identifier or "")) in ids:
                self.add_unreadable(row)
                found.add(punk_id)
        return {punk_id for punk_id in found if punk_id is not None}

    def find_incomplete(self, ids: Iterable[int]) -> list[int]:
        """Return those of the ids whose token is not known with labels."""
        return [i for i in ids if i not in self.tokens or not self.tokens[i].labels]


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
    if collection.contracts:
        contract = collection.contracts[0]
        punks.contract, punks.chain = contract.address, contract.chain or punks.chain
    num_by_type = sum(n for kind, _, n in _iter_counts(counts) if kind.casefold() == "type")
    supplies = collection.total_supply or 0, collection.unique_item_count or 0
    num_reported = max(supplies) or num_by_type
    num_expected = min(num_reported, COLLECTION_SIZE, limit or COLLECTION_SIZE)
    progress(0, num_expected)
    for num_listed in _list_tokens(client, punks, limit):
        progress(num_listed, num_expected)

    possible_ids = range(min(max(num_reported, num_by_type), COLLECTION_SIZE))
    unlisted = [punk_id for punk_id in possible_ids if punk_id not in punks.tokens]
    if limit is not None:
        unlisted = unlisted[: max(0, num_expected - len(punks.tokens))]
    ids = sorted([*punks.tokens, *unlisted])
    if not ids:
        raise DataError("the API lists no token of the collection", hint="try again later")
    wanted = punks.find_incomplete(ids)
    for num_requested in _request_again(client, punks, wanted):
        progress(len(ids) - len(wanted) + num_requested, len(ids))

    _assign_labels(punks, ids, num_reported)
    if limit is None:
        num_known = len(punks.labels) + len(punks.missing)
        if num_known != num_reported:
            punks.warnings.append(
                f"the API reports {num_reported:,} tokens, but there are {num_known:,}"
            )
        for kind, value, num_with_trait in _iter_counts(counts):
            _complete_labels(client, punks, (kind, value), num_with_trait)
        punks.warnings += _compare_trait_counts(punks, counts)
    return punks


def _list_tokens(client: OpenSeaClient, punks: CollectedPunks, limit: int | None) -> Iterator[int]:
    """Add the first `limit` listed tokens, and yield the number of tokens after each page."""
    unreadable: list[str] = []
    for page in client.iter_nfts(min(PAGE_SIZE, limit or PAGE_SIZE)):
        if page is None:
            punks.tokens.clear()
            punks.foreign.clear()
            unreadable.clear()
            continue
        for nft in page.rows:
            punks.add(nft)
        for row in page.unreadable:
            punks.add_unreadable(row)
        unreadable += [row.reason for row in page.unreadable]
        yield len(punks.tokens)
        if limit is not None and len(punks.tokens) >= limit:
            break
    punks.tokens = dict(list(punks.tokens.items())[:limit])
    if unreadable:
        punks.warnings.append(
            f"rows of the token list that cannot be read: {len(unreadable):,}, the first because "
            f"{unreadable[0]}"
        )


def _request_again(
    client: OpenSeaClient, punks: CollectedPunks, wanted: Sequence[int]
) -> Iterator[int]:
    """Request tokens by their ids, in batches, then one by one; yields the number requested."""
    not_found: set[int] = set()
    for batch_ids, batch in client.get_nfts(wanted, punks.chain, punks.contract):
        not_found |= set(batch_ids) - punks.add_batch(batch, batch_ids)
        yield wanted.index(batch_ids[-1]) + 1
    if len(not_found) > MAX_SINGLE_REQUESTS:  # The API may overlook a few ids, but not that many.
        wanted = [punk_id for punk_id in wanted if punk_id not in not_found]
    incomplete = punks.find_incomplete(wanted)
    for num_requested, punk_id in enumerate(incomplete, len(wanted) - len(incomplete) + 1):
        if found := client.get_nft(punk_id, punks.chain, punks.contract):
            punks.add_batch(found, [punk_id])
        yield num_requested


def _assign_labels(punks: CollectedPunks, ids: Iterable[int], num_reported: int) -> None:
    """Set the labels and image URLs of the tokens with these ids, or why they are missing."""
    for punk_id in ids:
        token = punks.tokens.get(punk_id)
        if token and token.labels:
            punks.labels[punk_id] = token.labels
            punks.image_urls[punk_id] = token.image_urls
        elif punk_id < num_reported or not num_reported:
            problem = token.problem if token else "is not listed and was not found by its id"
            punks.missing[punk_id] = problem
        elif token:  # An id beyond the reported total, and without traits, does not exist.
            punks.foreign.add(str(punk_id))
    for identifier in sorted(punks.foreign):
        punks.warnings.append(f"ignored token {identifier!r}: it is not part of the collection")


def _complete_labels(
    client: OpenSeaClient, punks: CollectedPunks, trait: tuple[str, str], num_reported: int
) -> None:
    """Request again the punks that the API lists with a trait which their own traits lack.

    This is done only if too few punks have the trait. Those that still lack it become missing.
    """
    label = find_label(trait[1])
    with_label = {i for i, (kind, names) in punks.labels.items() if label in (kind, *names)}
    if label is None or len(with_label) >= num_reported - len(punks.missing):
        return
    listed: set[int] = set()
    for page in client.iter_nfts(trait=trait):
        if page is None:
            listed.clear()
        tokens = (parse_token(nft, punks.contract) for nft in (page.rows if page else ()))
        listed |= {token.punk_id for token in tokens if token}
        if len(listed) > num_reported:  # The API ignores the filter, so the list means nothing.
            return
    for punk_id in sorted(listed & punks.labels.keys() - with_label):
        batch = client.get_nft(punk_id, punks.chain, punks.contract)
        token = parse_token(batch.rows[0], punks.contract) if batch and batch.rows else None
        labels = token.labels if token and token.punk_id == punk_id else None
        if labels and label in (labels[0], *labels[1]):
            punks.labels[punk_id] = labels
        else:
            del punks.labels[punk_id], punks.image_urls[punk_id]
            punks.missing[punk_id] = f"is listed with {label}, which its own traits do not include"


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
            warnings.append(f"the API counts an unknown {kind.casefold()} {value[:40]!r}")
    listed = Counter(name for kind, names in punks.labels.values() for name in (kind, *names))
    kinds = {kind.casefold() for kind, _, _ in _iter_counts(counts)}
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
    for kind, values in counts.counts.items():
        for value, count in values.items():
            if kind.casefold() in ("type", "accessory") and isinstance(count, int):
                yield kind, value, count
