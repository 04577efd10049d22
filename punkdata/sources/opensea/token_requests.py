"""Requests of single tokens by their ids: in batches, then one by one, within one common limit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from punkdata.errors import PunkError
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.failures import survive
from punkdata.sources.opensea.parsing import parse_punk_id
from punkdata.sources.opensea.schemas import NftsBatch

MAX_SINGLE_REQUESTS = 200
"""Maximum number of tokens that a fetch requests one by one."""
MAX_SINGLE_FAILURES = 3
"""Number of failures in a row after which no more tokens are requested one by one."""


@dataclass
class TokenRequests:
    """Requests tokens of one contract by their ids, in batches as long as the API offers them.

    Tokens that no batch contains are requested one by one, unless they are more than
    `MAX_SINGLE_REQUESTS`: the API may overlook a few ids, but not that many. Without batches, so
    many tokens are requested one by one, and the others not at all.

    `unanswered` has the reason for each id to which there is no reply, and `warnings` summarizes
    the failures.
    """

    client: OpenSeaClient
    contract: str
    chain: str
    unanswered: dict[int, str] = field(default_factory=dict)
    _batch_problem: str | None = None
    _num_requested: int = 0
    _failures: dict[int, str] = field(default_factory=dict)
    _failures_in_a_row: int = 0

    def request(self, ids: Sequence[int]) -> Iterator[tuple[Sequence[int], NftsBatch]]:
        """Yield (requested ids, tokens returned) for each reply."""
        not_found: list[int] = []
        num_requested = 0
        if self._batch_problem is None:
            try:
                for batch_ids, batch in self.client.get_nfts(ids, self.chain, self.contract):
                    yield batch_ids, batch
                    found = {parse_punk_id(text) for text in batch.identifiers}
                    not_found += [punk_id for punk_id in batch_ids if punk_id not in found]
                    num_requested += len(batch_ids)
            except PunkError as error:
                self._batch_problem = survive(error)
            if num_requested < len(ids):
                self._batch_problem = self._batch_problem or ""
        if len(not_found) > MAX_SINGLE_REQUESTS:
            not_found = []
        yield from self._request_one_by_one([*not_found, *ids[num_requested:]])

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
                self._failures[punk_id] = survive(error)
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
            warnings.append(f"tokens cannot be requested in batches: {self._batch_problem}")
        if self._failures:
            first, reason = next(iter(self._failures.items()))
            warnings.append(
                f"tokens that could not be requested by their ids: {len(self._failures):,}, "
                f"the first is punk {first}: {reason}"
            )
        if num_left_out := len(self.unanswered) - len(self._failures):
            warnings.append(
                f"tokens that were not requested by their ids: {num_left_out:,}, because without "
                f"batches a fetch requests at most {MAX_SINGLE_REQUESTS} of them, and stops after "
                f"{MAX_SINGLE_FAILURES} failures in a row"
            )
        return warnings
