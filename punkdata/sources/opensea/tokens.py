"""Collection of all tokens with their labels, and their comparison with the API's own totals.

A fetch and a build run the same code, so they always agree on the labels.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from punkdata.errors import DataError, PunkError
from punkdata.progress import Progress
from punkdata.sources.opensea.api import schemas
from punkdata.sources.opensea.api.client import PAGE_SIZE, OpenSeaClient
from punkdata.sources.opensea.api.rows import UnreadableRow
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.labels import Labels, ParsedTraits
from punkdata.sources.opensea.parsing import COLLECTION_SIZE, Token, parse_punk_id, parse_token
from punkdata.sources.opensea.token_requests import TokenRequests
from punkdata.sources.opensea.trait_counts import (
    LabelCounts,
    compare_label_counts,
    explain_missing_accessories,
    read_label_counts,
    summarize_ignored,
)

CONTRACT, CHAIN = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb", "ethereum"
"""The contract of 2017, in which the CryptoPunks trade."""


@dataclass
class CollectedPunks:
    """The tokens of the collection, by punk_id; `foreign` has identifiers outside the collection.

    Each token has either labels and image URLs, the best one first, or a reason why it is missing.
    The warnings are about ignored tokens and traits, about endpoints that failed, and about
    differences from the totals of the API.
    """

    contract: str = CONTRACT
    chain: str = CHAIN
    tokens: dict[int, Token] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    labels: dict[int, Labels] = field(default_factory=dict)
    image_urls: dict[int, tuple[str, ...]] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, nft: schemas.Nft) -> None:
        """Add a token, unless it is already known with labels."""
        token = parse_token(nft, self.contract)
        if token is None:
            self.foreign.add(nft.identifier[:20])
        elif token.punk_id not in self.tokens or not self.tokens[token.punk_id].labels:
            self.tokens[token.punk_id] = token

    def add_unreadable(self, row: UnreadableRow) -> None:
        """Add a token without labels for an invalid row, if its id is known."""
        punk_id = parse_punk_id(row.identifier or "")
        if punk_id is not None and punk_id < COLLECTION_SIZE:
            problem = f"has a row that cannot be read ({row.reason})"
            self.tokens.setdefault(punk_id, Token(punk_id, ParsedTraits(None, problem, ())))

    def add_batch(self, batch: schemas.NftsBatch, ids: Collection[int]) -> set[int]:
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

    Tokens that are listed without valid traits, or not at all, are requested by their ids. Ids
    outside the collection are ignored. With a `limit`, only so many tokens are collected, and
    nothing is compared. Only the list of tokens is required: the failure of any other endpoint
    becomes a warning, or the reason why a token is missing.
    """
    punks = CollectedPunks()
    num_reported, counts, contracts = _request_totals(client, punks, limit)
    num_expected = min(num_reported or COLLECTION_SIZE, COLLECTION_SIZE, limit or COLLECTION_SIZE)
    progress(0, num_expected)
    for num_listed in _list_tokens(client, punks, contracts, limit):
        progress(num_listed, num_expected)

    if punks.tokens and punks.contract == CONTRACT:
        num_reported = num_reported or COLLECTION_SIZE
    possible_ids = range(min(max(num_reported, counts.num_by_type), COLLECTION_SIZE))
    unlisted = [punk_id for punk_id in possible_ids if punk_id not in punks.tokens]
    if limit is not None:
        unlisted = unlisted[: max(0, num_expected - len(punks.tokens))]
    ids = sorted([*punks.tokens, *unlisted])
    if not ids:
        raise DataError("the API lists no token of the collection", hint="try again later")
    requests = TokenRequests(client, punks.contract, punks.chain)
    wanted = set(punks.find_incomplete(ids))
    for requested_ids, batch in requests.request(sorted(wanted)):
        punks.add_batch(batch, requested_ids)
        wanted.difference_update(requested_ids)
        progress(len(ids) - len(wanted), len(ids))

    _assign_labels(punks, ids, num_reported, requests.unanswered)
    ignored = [trait for i in ids if i in punks.tokens for trait in punks.tokens[i].traits.ignored]
    punks.warnings += summarize_ignored(ignored)
    is_whole = limit is None or num_reported <= limit
    reason = explain_missing_accessories(punks.labels, counts, ignored, is_whole=is_whole)
    if reason:
        punks.missing |= dict.fromkeys(punks.labels, reason)
        punks.labels.clear()
        punks.image_urls.clear()
        punks.warnings.append(reason)
    elif limit is None:
        num_known = len(punks.labels) + len(punks.missing)
        if num_known != num_reported:
            punks.warnings.append(
                f"the API reports {num_reported:,} tokens, but there are {num_known:,}"
            )
        _complete_labels(client, punks, counts, requests)
        punks.warnings += compare_label_counts(
            punks.labels.values(), counts, ignored, len(punks.missing)
        )
    punks.warnings += requests.warnings
    return punks


def _request_totals(
    client: OpenSeaClient, punks: CollectedPunks, limit: int | None
) -> tuple[int, LabelCounts, Sequence[schemas.Contract]]:
    """Return the reported number of tokens, 0 if unknown, counts by label, and the contracts."""
    collection, counts = schemas.Collection(), LabelCounts()
    try:
        collection = client.get_collection()
    except PunkError as error:
        punks.warnings.append(
            f"the totals of the collection are not known: {message_or_raise(error)}"
        )
    try:
        counts = read_label_counts(client.get_trait_counts())
        if limit is None and not counts.by_label:
            punks.warnings.append(
                "the API provides no trait counts, so the labels cannot be compared with them"
            )
    except PunkError as error:
        punks.warnings.append(
            f"the labels cannot be compared with trait counts: {message_or_raise(error)}"
        )
    supplies = collection.total_supply or 0, collection.unique_item_count or 0
    return max(supplies) or counts.num_by_type, counts, collection.contracts


def _choose_other_contract(punks: CollectedPunks, contracts: Sequence[schemas.Contract]) -> bool:
    """Choose the first contract that the collection names, if any, and add a warning.

    This is done only if no token has the contract of 2017, because the collection may also name
    that of wrapped punks, or only that one.
    """
    other = next((contract for contract in contracts if contract.address != CONTRACT), None)
    if other is None or not punks.foreign:
        return False
    punks.contract, punks.chain = other.address, other.chain or CHAIN
    punks.foreign.clear()
    punks.warnings.append(f"no token has the contract {CONTRACT}; {other.address} is used instead")
    return True


def _list_tokens(
    client: OpenSeaClient,
    punks: CollectedPunks,
    contracts: Sequence[schemas.Contract],
    limit: int | None,
) -> Iterator[int]:
    """Add the first `limit` listed tokens, and yield the number of tokens after each page."""
    yield from _list_tokens_of_contract(client, punks, limit)
    if not punks.tokens and _choose_other_contract(punks, contracts):
        yield from _list_tokens_of_contract(client, punks, limit)


def _list_tokens_of_contract(
    client: OpenSeaClient, punks: CollectedPunks, limit: int | None
) -> Iterator[int]:
    num_unreadable, first_reason = 0, ""
    for page in client.iter_nfts(min(PAGE_SIZE, limit or PAGE_SIZE)):
        if page is None:
            punks.tokens.clear()
            punks.foreign.clear()
            num_unreadable = 0
            continue
        for nft in page.rows:
            punks.add(nft)
        for row in page.unreadable:
            punks.add_unreadable(row)
            first_reason = first_reason if num_unreadable else row.reason
            num_unreadable += 1
        yield len(punks.tokens)
        if limit is not None and len(punks.tokens) >= limit:
            break
    punks.tokens = dict(list(punks.tokens.items())[:limit])
    if num_unreadable:
        punks.warnings.append(
            f"unreadable rows in the token list: {num_unreadable:,} (the first: {first_reason})"
        )


def _assign_labels(
    punks: CollectedPunks, ids: Iterable[int], num_reported: int, unanswered: Mapping[int, str]
) -> None:
    """Set the labels and image URLs of the tokens with these ids, or why they are missing."""
    is_known_contract = punks.contract == CONTRACT  # It has all ids, even if the total is wrong.
    for punk_id in ids:
        token = punks.tokens.get(punk_id)
        if token and token.labels:
            punks.labels[punk_id] = token.labels
            punks.image_urls[punk_id] = token.image_urls
        elif punk_id < num_reported or not num_reported or (token and is_known_contract):
            problem = token.traits.problem if token else "is not listed"
            reply = unanswered.get(punk_id) or (None if token else "was not found by its id")
            punks.missing[punk_id] = f"{problem} and {reply}" if reply else problem
        elif token:  # In another contract, an id beyond the reported total may not exist.
            punks.foreign.add(str(punk_id))
    if punks.foreign:
        first, *others = sorted(punks.foreign)
        more = f", and {len(others):,} more like it" if others else ""
        punks.warnings.append(f"ignored token {first!r}{more}: it is not part of the collection")


def _complete_labels(
    client: OpenSeaClient, punks: CollectedPunks, counts: LabelCounts, requests: TokenRequests
) -> None:
    """Request again the punks that the API lists under a label that their own traits lack.

    This is done only for labels that too few punks have. Those that still lack it become missing.
    """
    for label, num_reported in counts.by_label.items():
        with_label = {i for i, (kind, names) in punks.labels.items() if label in (kind, *names)}
        if len(with_label) >= num_reported - len(punks.missing):
            continue
        try:
            listed = _list_with_traits(client, punks, counts.filters[label], num_reported)
        except PunkError as error:
            punks.warnings.append(f"tokens cannot be listed by trait: {message_or_raise(error)}")
            return  # Other traits would fail in the same way, each after several attempts.
        # If the API ignores the filter, the list means nothing.
        if len(listed) > num_reported or 2 * len(listed & with_label) < len(with_label):
            continue
        again = CollectedPunks(punks.contract, punks.chain)
        doubtful = sorted(listed & punks.labels.keys() - with_label)
        for requested_ids, batch in requests.request(doubtful):
            again.add_batch(batch, requested_ids)
        for punk_id in doubtful:
            labels = again.tokens[punk_id].labels if punk_id in again.tokens else None
            if labels and label in (labels[0], *labels[1]):
                punks.labels[punk_id] = labels
            else:
                del punks.labels[punk_id], punks.image_urls[punk_id]
                reason = f"is listed with {label}, which its own traits do not include"
                punks.missing[punk_id] = reason


def _list_with_traits(
    client: OpenSeaClient, punks: CollectedPunks, traits: Iterable[tuple[str, str]], max_tokens: int
) -> set[int]:
    """Return the ids of the tokens that the API lists with one of the traits.

    If they are more than `max_tokens`, the list is incomplete.
    """
    all_listed: set[int] = set()
    for trait in traits:
        listed: set[int] = set()
        for page in client.iter_nfts(trait=trait):
            if page is None:
                listed.clear()
                continue
            tokens = (parse_token(nft, punks.contract) for nft in page.rows)
            listed |= {token.punk_id for token in tokens if token}
            unreadable = (parse_punk_id(row.identifier or "") for row in page.unreadable)
            listed |= {punk_id for punk_id in unreadable if punk_id is not None}
            if len(all_listed | listed) > max_tokens:
                return all_listed | listed
        all_listed |= listed
    return all_listed
