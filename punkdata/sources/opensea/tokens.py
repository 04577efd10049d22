"""From an OpenSea client to tokens with labels, and a word on what is missing.

Both sides of a recording run this: a fetch with the network behind the client, a build with
the recording alone. So a build sees exactly what the fetch has judged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.parsing import (
    parse_image_urls,
    parse_labels,
    parse_punk_id,
)
from punkdata.sources.opensea.schemas import Collection, Nft, TraitCounts
from punkdata.traits import ACCESSORIES, TYPES, find_label

COLLECTION_SIZE = 10_000
"""The CryptoPunks contract has the ids 0 to 9999; others have been listed, and are refused."""
MAX_DOUBTED = 200
"""so many ids that a batch does not know are asked for once more, one by one"""
CHAIN = "ethereum"
CONTRACT = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"

Labels = tuple[str, tuple[str, ...]]


@dataclass
class CollectedPunks:
    """All that is known of the tokens."""

    contract: str = CONTRACT
    """its address, in lower case"""
    chain: str = CHAIN
    labels: dict[int, Labels] = field(default_factory=dict)
    """punk_id -> type, accessories"""
    image_urls: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """punk_id -> where its image may be had, the best address first"""
    missing: dict[int, str] = field(default_factory=dict)
    """punk_id -> why nothing certain is known of it"""
    warnings: list[str] = field(default_factory=list)


def collect_punks(
    client: OpenSeaClient, limit: int | None = None, progress: Progress = lambda done, total: None
) -> CollectedPunks:
    """All tokens with their labels, held against the totals that the API announces.

    Tokens without traits, and those that no page listed, are asked for by the hundred and
    then one by one. Ids outside the collection are refused.

    Args:
        limit: be content with the first so many.
    """
    collection, counts = client.get_collection(), client.get_trait_counts()
    counts = counts or TraitCounts()
    has_counts = bool(counts.counts)
    warnings = [] if has_counts else ["the API gives no trait counts to hold the labels against"]
    chain, contract = find_contract(collection)
    by_type = _count_types(counts)
    announced = max(collection.total_supply or 0, collection.unique_item_count or 0) or by_type
    expected = min(announced, COLLECTION_SIZE)
    if limit is not None:
        expected = min(expected, limit)
    progress(0, expected)
    tokens, strange = _list_tokens(client, contract, limit, lambda n: progress(n, expected))
    asked = {i for i, nft in tokens.items() if _problem(nft)}
    # Ids that only the trait counts hint at are asked for, too, but not missed.
    unlisted_ids = sorted(set(range(min(max(announced, by_type), COLLECTION_SIZE))) - tokens.keys())
    asked |= set(unlisted_ids if limit is None else unlisted_ids[: max(0, expected - len(tokens))])
    if not tokens and not asked:
        raise DataError("the API lists no token of the collection", hint="try again later")
    _complete(client, tokens, asked, chain, contract, progress)
    punks = CollectedPunks(contract, chain, warnings=warnings)
    for punk_id, nft in sorted(tokens.items()):
        problem = _problem(nft)
        if problem and punk_id >= announced > 0:
            # Beyond what is announced, a token without traits was never a punk.
            strange.add(nft.identifier)
            continue
        if problem:
            punks.missing[punk_id] = problem
            continue
        punks.labels[punk_id] = parse_labels(nft)
        punks.image_urls[punk_id] = parse_image_urls(nft)
    for punk_id in sorted(asked - tokens.keys() - set(range(announced, by_type))):
        punks.missing[punk_id] = "is in no page and not found when asked for alone"
    for identifier in sorted(strange):
        punks.warnings.append(f"refused token {identifier!r}: it is not of this collection")
    if limit is None:
        _check_totals(punks, collection)
        _check_counts(client, punks, counts, chain, contract)
    return punks


def _list_tokens(
    client: OpenSeaClient, contract: str, limit: int | None, progress: Callable[[int], None]
) -> tuple[dict[int, Nft], set[str]]:
    """The tokens that the pages list, each once; and the identifiers that are none of ours."""
    tokens: dict[int, Nft] = {}
    strange: set[str] = set()
    for page in client.iter_nfts(limit=limit):
        if page is None:
            tokens.clear()
            strange.clear()
        for nft in page or ():
            punk_id = _id_inside(nft, contract)
            if punk_id is None:
                strange.add(nft.identifier[:20])
            elif punk_id not in tokens or _problem(tokens[punk_id]):
                tokens[punk_id] = nft  # a page may repeat a token, and know it better
        progress(len(tokens))
    return dict(list(tokens.items())[:limit]), strange


def find_contract(collection: Collection) -> tuple[str, str]:
    """Chain and address (lower case); those of the CryptoPunks if the API is silent."""
    for contract in collection.contracts or ():
        if contract.address:
            return contract.chain or CHAIN, contract.address.lower()
    return CHAIN, CONTRACT


def _count_types(counts: TraitCounts) -> int:
    """How many tokens there are by the counts of their types; 0 if they are not told."""
    return sum(
        n
        for kind, values in counts.counts.items()
        for n in values.values()
        if kind.casefold() == "type" and isinstance(n, int)
    )


def _check_totals(punks: CollectedPunks, collection: Collection) -> None:
    known = len(punks.labels) + len(punks.missing)
    totals = {
        "total_supply": collection.total_supply,
        "unique_item_count": collection.unique_item_count,
    }
    for name, total in totals.items():
        if total and total != known:
            punks.warnings.append(
                f"the API announces {total:,} tokens ({name}), but there are {known:,}"
            )
    if not any(totals.values()):
        punks.warnings.append("the API announces no total to hold the tokens against")


def _id_inside(nft: Nft, contract: str) -> int | None:
    punk_id = parse_punk_id(nft.identifier)
    if punk_id is None or punk_id >= COLLECTION_SIZE:
        return None
    return punk_id if (nft.contract or contract).lower() == contract else None


def _problem(nft: Nft) -> str | None:
    try:
        parse_labels(nft)
    except DataError as error:
        return error.message
    return None


def _complete(
    client: OpenSeaClient,
    tokens: dict[int, Nft],
    asked: set[int],
    chain: str,
    contract: str,
    progress: Progress,
) -> None:
    """Put into `tokens` what asking for single ones adds."""
    if not asked:
        return
    total = len(tokens.keys() | asked)
    known = len(tokens.keys() - asked)
    taken: set[int] = set()
    unknown: set[int] = set()
    for some, page in client.get_nfts(sorted(asked), chain, contract):
        taken |= _take(tokens, page, asked, contract)
        unknown |= set(some) - {parse_punk_id(nft.identifier) for nft in page}
        progress(known + len(taken), total)
    if len(unknown) > MAX_DOUBTED:
        asked = asked - unknown  # a few may be an oversight, so many are an answer
    for punk_id in sorted(asked - taken):
        nft = client.get_nft(punk_id, chain, contract)
        taken |= _take(tokens, [nft] if nft else [], {punk_id}, contract)
        progress(known + len(taken), total)


def _take(tokens: dict[int, Nft], page: Iterable[Nft], asked: set[int], contract: str) -> set[int]:
    """Put tokens that were asked for into `tokens`; returns the ids that are whole now."""
    whole = set()
    for nft in page:
        punk_id = _id_inside(nft, contract)
        if punk_id is not None and punk_id in asked:
            if not _problem(nft):
                whole.add(punk_id)
            elif punk_id in tokens:
                continue  # what was listed is no worse
            tokens[punk_id] = nft
    return whole


def _check_counts(
    client: OpenSeaClient, punks: CollectedPunks, counts: TraitCounts, chain: str, contract: str
) -> None:
    """Hold the labels against the announced counts; where too few carry one, look who does."""
    carried = Counter(name for kind, names in punks.labels.values() for name in (kind, *names))
    for kind, values in counts.counts.items():
        if kind.casefold() not in ("type", "accessory"):
            continue
        for value, announced in values.items():
            label = find_label(value)
            if label is None or not isinstance(announced, int):
                if not re.fullmatch(r"\d attributes?", value, re.IGNORECASE):
                    punks.warnings.append(f"the API counts an unknown {kind} {value[:40]!r}")
                continue
            found = carried.pop(label, 0)
            if found < announced - len(punks.missing):
                found = _look_for(client, punks, (kind, value, label), announced, chain, contract)
            if found != announced:
                punks.warnings.append(
                    f"the API counts {announced:,} punks with {label}, but lists {found:,}"
                )
    if any(kind.casefold() == "accessory" for kind in counts.counts):
        for label in [name for name in (*TYPES, *ACCESSORIES) if name in carried]:
            punks.warnings.append(f"the API does not count {label}, but lists {carried[label]:,}")


def _look_for(
    client: OpenSeaClient,
    punks: CollectedPunks,
    trait: tuple[str, str, str],
    announced: int,
    chain: str,
    contract: str,
) -> int:
    """Complete the punks that the API lists under a trait but whose own traits lack it.

    Returns how many carry it then. What still contradicts itself goes to `missing`.
    """
    kind, value, label = trait
    listed: set[int] = set()
    for page in client.iter_nfts(traits=[(kind, value)]):
        if page is None:
            listed.clear()
        ids = (_id_inside(nft, contract) for nft in page or ())
        listed |= {punk_id for punk_id in ids if punk_id in punks.labels}
        if len(listed) > announced:  # such a list is not of this trait alone, and proves nothing
            listed.clear()
            break
    for punk_id in sorted(listed):
        punk_type, accessories = punks.labels[punk_id]
        if label in (punk_type, *accessories):
            continue
        nft = client.get_nft(punk_id, chain, contract)
        labels = parse_labels(nft) if nft and not _problem(nft) else None
        if labels and label in (labels[0], *labels[1]):
            punks.labels[punk_id] = labels
        else:
            del punks.labels[punk_id], punks.image_urls[punk_id]
            punks.missing[punk_id] = f"is listed under {label}, which its own traits lack"
    return sum(label in (kind, *names) for kind, names in punks.labels.values())
