"""Requests to the API: one at a time, or one for each page of a list.

This is a separate module because `client` only knows what each endpoint is called.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import httpx

from punkdata.errors import NetworkError, ReplyError, UnreachableError
from punkdata.sources.opensea.api.pagination import CursorError, PaginationGuard
from punkdata.sources.opensea.api.rows import Page, R
from punkdata.sources.opensea.api.schemas import M, parse_body
from punkdata.sources.opensea.http.error_replies import describe_error_body, make_refusal
from punkdata.sources.opensea.http.rate_limit import RETRY_HINT

MAX_PASSES = 4
"""Number of times that pagination begins before it fails."""
NOT_FOUND_STATUSES = frozenset({400, 404, 410, 422})
"""Statuses that may mean that the API does not have what was requested."""


@dataclass(frozen=True)
class ApiReply(Generic[M]):
    """A reply: its parsed body if the status is 2xx, otherwise its body as text.

    `is_new` is False if it comes from a recording.
    """

    endpoint: str
    status: int
    parsed: M | None
    reason: str
    is_new: bool = True

    def expect(self) -> M:
        """Return the parsed body, or raise NetworkError if there is none."""
        if self.parsed is None:
            raise NetworkError(
                f"the server answered {self.endpoint} with status {self.status}{self.reason}",
                hint=RETRY_HINT,
            )
        return self.parsed


class ApiConnection:
    """Sends requests to the API at a base URL, and parses and checks the replies."""

    def __init__(self, transport: httpx.BaseTransport, base_url: str) -> None:
        self._transport = transport
        self.url: str = f"{base_url}/api/v2"

    def send(
        self,
        method: str,
        path: str,
        model: type[M],
        body: Any = None,
        params: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> ApiReply[M]:
        """Send one request to a path below `url`; for `extensions`, see the transports."""
        endpoint = f"{method} {path}"
        parse = partial(parse_body, model, endpoint)
        extensions = {"parse": parse, **extensions}
        url = self.url + path
        request = httpx.Request(method, url, params=params, json=body, extensions=extensions)
        response = self._transport.handle_request(request)
        status = response.status_code
        if response.is_success:  # The network transport has parsed new replies already.
            parsed = response.extensions.get("parsed")
            is_new = parsed is not None
            return ApiReply(endpoint, status, parsed or parse(response.content), "", is_new)
        may_have_key = bool(extensions.get("once"))
        reason = describe_error_body(response.content, may_have_key=may_have_key)
        if response.has_redirect_location:  # The target would receive the key.
            reason = ": a redirect, which is not followed and does not come from the API"
        if status in (401, 403):
            raise make_refusal(request.url.host, endpoint, status, response.content, reason)
        return ApiReply(endpoint, status, None, reason)

    def iter_pages(
        self, model: type[Page[R]], path: str, params: Mapping[str, str], **extensions: bool
    ) -> Iterator[Page[R] | None]:
        """Yield all pages, and None where pagination starts over.

        With the extension `not_found_is_final`, a status such as 404 on the first page means that
        there are no pages. Raises ReplyError if pagination fails `MAX_PASSES` times.
        """
        reason = ""
        for _ in range(MAX_PASSES):
            try:
                yield from self._iter_one_pass(model, path, params, **extensions)
                return
            except CursorError as error:
                reason = str(error)
                yield None
                # No reply of an earlier recording is reused, and a recorded 404 is sent again.
                extensions = {"restart": True, "optional": extensions.get("optional", False)}
        raise ReplyError(
            f"pagination of GET {path} failed {MAX_PASSES} times: {reason}",
            hint="the server does not return all pages at the moment; try again later",
        )

    def _iter_one_pass(
        self, model: type[Page[R]], path: str, params: Mapping[str, str], **extensions: bool
    ) -> Iterator[Page[R]]:
        guard, is_first, is_recorded = PaginationGuard(), True, False
        while True:
            try:
                reply = self.send("GET", path, model, params=params, **extensions)
            except NetworkError as error:
                if isinstance(error, UnreachableError) or not is_recorded:
                    raise
                # The cursor comes from an earlier run, and may have expired.
                raise CursorError(error.message) from None
            if reply.status in NOT_FOUND_STATUSES and not is_first:
                raise CursorError(f"the server rejects its own cursor (status {reply.status})")
            if reply.status in NOT_FOUND_STATUSES and extensions.get("not_found_is_final"):
                return
            page = reply.expect()
            yield page
            if guard.is_last(page):
                return
            is_first, is_recorded = False, not reply.is_new
            params = {**params, "next": str(page.next)}
            extensions["restart"] = False
