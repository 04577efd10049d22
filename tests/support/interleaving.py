"""A scheduler for the requests of several threads, which runs one of them at a time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable


class Interleaving:
    """Lets requests pass in an order that the seed determines.

    Each of `num_threads` threads has one request at a time. Requests wait until every thread that
    has not finished has one; then one of them is chosen.
    """

    def __init__(self, num_threads: int, seed: int) -> None:
        self._num_threads = num_threads
        self._random = random.Random(seed)
        self._condition = threading.Condition()
        self._waiting: list[int] = []
        self._chosen: set[int] = set()
        self._num_requests = 0

    def wait_for_turn(self) -> None:
        """Return when it is the turn of this request."""
        with self._condition:
            self._num_requests += 1
            ticket = self._num_requests
            self._waiting.append(ticket)
            self._choose()
            assert self._condition.wait_for(lambda: ticket in self._chosen, timeout=60)

    def run(self, function: Callable[[], object]) -> threading.Thread:
        """Start a thread that makes requests."""

        def call() -> None:
            try:
                function()
            finally:
                with self._condition:
                    self._num_threads -= 1
                    self._choose()

        thread = threading.Thread(target=call)
        thread.start()
        return thread

    def _choose(self) -> None:
        if self._waiting and len(self._waiting) == self._num_threads:
            ticket = self._waiting.pop(self._random.randrange(len(self._waiting)))
            self._chosen.add(ticket)
            self._condition.notify_all()
