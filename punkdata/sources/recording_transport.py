"""An httpx transport that serves requests from a recording first and the network second.

New replies are recorded. Without a network the transport only replays: tests, builds and
`fetch --replay` run the regular client on it.
"""

import contextlib
import hashlib

import httpx

from punkdata.errors import DataError, NotRecordedError
from punkdata.files import utc_now
from punkdata.sources.recording import Recording
from punkdata.sources.recording_format import Reply, canonical_url

RECORDED_HEADERS = frozenset(
    {"content-type", "date", "etag", "last-modified", "retry-after"}
    | {f"x-ratelimit-{part}" for part in ("limit", "remaining", "reset")}
)
"""Response headers that are recorded. All others are dropped, because they may contain a key, a
cookie or an account name."""


CONDITIONS = {"etag": "if-none-match", "last-modified": "if-modified-since"}
"""Request header that quotes each validator of an earlier reply: if it is still valid, the server
answers with status 304 and without a body."""


class RecordingTransport(httpx.BaseTransport):
    """Serves requests from a recording, sends the rest to the network, and records the replies.

    `network` is None to only replay. `parent` is a finished recording whose replies may be reused.
    `handle_request` raises NotRecordedError if there is neither a network nor a recorded reply,
    and DataError if the recorded body is damaged. These request extensions control it:

    - `restart`: pagination starts over; earlier pages of the same query are no longer used.
    - `current`: a recorded reply is only used again within a day.
    - `reuse`: a reply of the parent recording may be copied.
    - `check`: it is copied only if it has no validators, or if the server does not send another
      body; if it does, the response has the extension `has_changed`.
    - `only_recorded`: the request is not sent.
    - `not_found_is_final`: a recorded 404 or 410 is definitive; otherwise the request is sent
      again.
    - `image`: the URL is not normalized, because the order of its query parameters may be
      significant, and the body is stored uncompressed.
    """

    def __init__(
        self,
        recording: Recording,
        network: httpx.BaseTransport | None = None,
        parent: Recording | None = None,
    ) -> None:
        self.recording = recording
        self.network = network
        self.parent = parent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the recorded reply to a request, or send the request and record the reply."""
        url = str(request.url).partition("#")[0]
        if not request.extensions.get("image"):
            url = canonical_url(url)
        body_sha256 = hashlib.sha256(request.content).hexdigest() if request.content else None
        if request.extensions.get("restart"):
            self.recording.start_new_pass(url)

        reply = self.recording.find(url, request.method, body_sha256)
        is_current = self.network is not None and request.extensions.get("current")
        if is_current and reply is not None and reply.is_outdated(utc_now()):
            self.recording.start_new_pass(url)
            reply = None
        if reply is not None and reply.body is not None:
            not_found_is_final = request.extensions.get("not_found_is_final")
            if reply.status < 300 or not_found_is_final or self.network is None:
                return _to_response(self.recording, reply)
        if request.extensions.get("reuse"):
            known = self._find_in_parent(url, request.method, body_sha256)
            if known is not None:
                return self._reuse(request, *known)
        only_recorded = self.network is not None and request.extensions.get("only_recorded")
        if self.network is not None and not only_recorded:
            response = self.network.handle_request(request)
            self._record(request, url, body_sha256, response)
            return response
        if reply is not None and not only_recorded and reply.status != 401:
            return httpx.Response(reply.status)
        # A key that was refused then says nothing about what was requested.
        raise NotRecordedError(f"'{self.recording.path}' has no reply to {request.method} {url}")

    def _find_in_parent(
        self, url: str, method: str, body_sha256: str | None
    ) -> tuple[Reply, httpx.Response] | None:
        """Return an intact successful reply of the parent recording, if it has one."""
        found = self.parent.find(url, method, body_sha256) if self.parent else None
        if self.parent is None or found is None or found.status != 200:
            return None
        with contextlib.suppress(DataError):  # If its body is damaged, the request is sent instead.
            return found, _to_response(self.parent, found)
        return None

    def _reuse(self, request: httpx.Request, found: Reply, known: httpx.Response) -> httpx.Response:
        """Copy a reply of the parent recording, unless a conditional request gives a newer one."""
        assert self.parent is not None
        conditions = make_conditions(found) if request.extensions.get("check") else {}
        if conditions and self.network is not None:
            conditional = httpx.Request(
                request.method, request.url, headers=conditions, extensions=request.extensions
            )
            response = self.network.handle_request(conditional)
            if response.is_success:
                if response.content != known.content:
                    self._record(request, found.url, None, response)
                    response.extensions["has_changed"] = True
                    return response
                # Some hosts ignore the conditions. Their new validators are kept.
                found = found.model_copy(update={"headers": _select_headers(response)})
            elif response.status_code != 304:
                # Not even 404 is final: the caller may use the copy instead.
                self.recording.add(found.url, None, status=response.status_code)
                return response
        self.recording.copy_reply(self.parent, found)
        return known

    def _record(
        self, request: httpx.Request, url: str, body_sha256: str | None, response: httpx.Response
    ) -> None:
        is_final = response.is_success or response.status_code in (404, 410)
        reply = self.recording.add(
            url,
            response.content if is_final else None,
            method=request.method,
            status=response.status_code,
            request_sha256=body_sha256,
            headers=_select_headers(response),
            compress=not request.extensions.get("image"),
        )
        response.extensions["body_sha256"] = reply.body


def _select_headers(response: httpx.Response) -> dict[str, str]:
    return {n: v for n, v in response.headers.items() if n in RECORDED_HEADERS}


def make_conditions(reply: Reply) -> dict[str, str]:
    """Return the headers that request a newer version of a reply; {} if it has no validators."""
    return {
        condition: value
        for name, condition in CONDITIONS.items()
        if (value := reply.headers.get(name)) and len(value) <= 500 and value.isprintable()
        if value.isascii()
    }


def _to_response(recording: Recording, reply: Reply) -> httpx.Response:
    body, extensions = recording.read_body(reply), {"body_sha256": reply.body}
    return httpx.Response(reply.status, content=body, extensions=extensions)
