"""Requests of single tokens by their ids: in batches, then one by one, within one common limit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

from punkdata.errors import LimitError, PunkError, RefusedError
from punkdata.sources.opensea.api.client import PAGE_SIZE, BatchTooLargeError, OpenSeaClient
from punkdata.sources.opensea.api.schemas import NftsBatch
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.parsing import parse_punk_id

MAX_SINGLE_REQUESTS = 200
"""Maximum number of tokens that a fetch requests one by one."""
MAX_SINGLE_FAILURES = 3
"""Number of failures in a row after which no more tokens are requested one by one."""
SPLIT = 4
"""Number of parts into which a failed batch is split. Each failure takes half a minute."""


@dataclass
class TokenRequests:
    """Requests tokens of one contract by their ids, in batches as long as the API offers them.

    A batch that is too large is halved. A batch that fails for good is split, too, because a single
    token may make it fail. Tokens that no batch contains are requested one by one, unless they are
    more than `MAX_SINGLE_REQUESTS`: the API may overlook a few ids, but not that many. Without
    batches, so many tokens are requested one by one, and the others not at all.

    `unanswered` has the reason for each id to which there is no reply, and `warnings` summarizes
    the failures.
    """

    client: OpenSeaClient
    contract: str
    chain: str
    unanswered: dict[int, str] = field(default_factory=dict)
    _batch_size: int = PAGE_SIZE
    _has_batches: bool = True
    _batch_problem: str = ""
    _num_requested: int = 0
    _failures: dict[int, str] = field(default_factory=dict)
    _failures_in_a_row: int = 0

    def request(self, ids: Sequence[int]) -> Iterator[tuple[Sequence[int], NftsBatch]]:
        """Yield (requested ids, tokens returned) for each reply."""
        left = set(ids)
        not_found: set[int] = set()
        for batch_ids, batch in self._request_in_batches(ids) if self._has_batches else ():
            yield batch_ids, batch
            left.difference_update(batch_ids)
            not_found |= set(batch_ids) - {parse_punk_id(text) for text in batch.identifiers}
        if len(not_found) > MAX_SINGLE_REQUESTS:
            not_found = set()
        yield from self._request_one_by_one(sorted(left | not_found))

    def _request_in_batches(self, ids: Sequence[int]) -> Iterator[tuple[Sequence[int], NftsBatch]]:
        """Yield the replies to the batches that succeed; give up if the endpoint fails."""
        pending = [ids] if ids else []  # The next ids are at the end.
        num_failed_alone = 0
        while pending:
            block = pending.pop()
            part, rest = block[: self._batch_size], block[self._batch_size :]
            try:
                batch = self.client.get_nfts(part, self.chain, self.contract)
            except BatchTooLargeError:
                self._batch_size = len(part) // 2
                pending.append(block)
                continue
            except PunkError as error:
                self._batch_problem = message_or_raise(error)
                num_failed_alone += len(part) == 1
                is_broken = num_failed_alone >= MAX_SINGLE_FAILURES
                if is_broken or isinstance(error, RefusedError | LimitError):
                    self._has_batches = False
                    return
                pending += [rest, *reversed(_split(part))] if rest else reversed(_split(part))
                continue
            if batch is None:
                self._has_batches = False
                return
            num_failed_alone = 0
            pending += [rest] if rest else []
            yield part, batch

    def _request_one_by_one(self, ids: Sequence[int]) -> Iterator[tuple[Sequence[int], NftsBatch]]:
        for number, punk_id in enumerate(ids):
            is_broken = self._failures_in_a_row >= MAX_SINGLE_FAILURES
            if self._num_requested >= MAX_SINGLE_REQUESTS or is_broken:
                self.unanswered |= dict.fromkeys(ids[number:], "was not requested by its id")
                return
            self._num_requested += 1
            try:
                found = self.client.get_nft(punk_id, self.chain, self.contract)
            except PunkError as error:
                self._failures[punk_id] = message_or_raise(error)
                self._failures_in_a_row += 1
                self.unanswered[punk_id] = "could not be requested by its id"
                continue
            self._failures_in_a_row = 0
            yield [punk_id], found or NftsBatch(nfts=[])

    @property
    def warnings(self) -> list[str]:
        """One line for each kind of failure so far."""
        warnings = []
        if self._batch_problem:
            warnings.append(f"tokens could not be requested in batches: {self._batch_problem}")
        if self._failures:
            first, reason = next(iter(self._failures.items()))
            warnings.append(
                f"tokens that could not be requested individually: {len(self._failures):,}, "
                f"the first is punk {first}: {reason}"
            )
        if num_left_out := len(self.unanswered) - len(self._failures):
            warnings.append(
                f"tokens that were not requested individually: {num_left_out:,} (without "
                f"batches, a fetch requests at most {MAX_SINGLE_REQUESTS} tokens, and stops after "
                f"{MAX_SINGLE_FAILURES} failures in a row)"
            )
        return warnings


def _split(ids: Sequence[int]) -> list[Sequence[int]]:
    """Return the parts of a failed batch, none if it has a single id."""
    if len(ids) == 1:
        return []
    step = ceil(len(ids) / SPLIT)
    return [ids[start : start + step] for start in range(0, len(ids), step)]
