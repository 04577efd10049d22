"""An httpx transport that serves requests from a recording first and the network second.

New replies are recorded. Without a network the transport only replays: tests, builds and
`fetch --replay` run the regular client on it.
"""

import contextlib
import hashlib

import httpx

from punkdata.errors import DataError, NotRecordedError
from punkdata.sources.recording import Recording
from punkdata.sources.recording_format import Reply, canonical_url

RECORDED_HEADERS = frozenset(
    {"content-type", "date", "etag", "last-modified", "retry-after"}
    | {f"x-ratelimit-{part}" for part in ("limit", "remaining", "reset")}
)
"""Response headers that are recorded. All others are dropped, because they may contain a key, a
cookie or an account name."""


class RecordingTransport(httpx.BaseTransport):
    """Serves requests from a recording, sends the rest to the network, and records the replies.

    `network` is None to only replay. `parent` is a finished recording whose replies may be reused.
    `handle_request` raises NotRecordedError if there is neither a network nor a recorded reply,
    and DataError if the recorded body is damaged. These request extensions control it:

    - `restart`: pagination starts over; earlier pages of the same query are no longer used.
    - `reuse`: a reply of the parent recording may be copied.
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
        if reply is not None and reply.body is not None:
            not_found_is_final = request.extensions.get("not_found_is_final")
            if reply.status < 300 or not_found_is_final or self.network is None:
                return _to_response(self.recording, reply)
        if self.parent is not None and request.extensions.get("reuse"):
            found = self.parent.find(url, request.method, body_sha256)
            if found is not None and found.status == 200:
                # If the parent's body is damaged, the request is sent instead.
                with contextlib.suppress(DataError):
                    response = _to_response(self.parent, found)
                    self.recording.copy_reply(self.parent, found)
                    return response
        if self.network is not None:
            response = self.network.handle_request(request)
            self._record(request, url, body_sha256, response)
            return response
        if reply is not None:
            return httpx.Response(reply.status)
        raise NotRecordedError(f"'{self.recording.path}' has no reply to {request.method} {url}")

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
            headers={n: v for n, v in response.headers.items() if n in RECORDED_HEADERS},
            compress=not request.extensions.get("image"),
        )
        response.extensions["body_sha256"] = reply.body


def _to_response(recording: Recording, reply: Reply) -> httpx.Response:
    body, extensions = recording.read_body(reply), {"body_sha256": reply.body}
    return httpx.Response(reply.status, content=body, extensions=extensions)
