"""An httpx transport that serves requests from a recording first and the network second.

New replies are recorded. Without a network the transport only replays: tests, builds and
`fetch --replay` run the regular client on it.
"""

from __future__ import annotations

import contextlib
import hashlib

import httpx

from punkdata.errors import DataError, NotRecordedError
from punkdata.sources.recorded_reply import RECORDED_HEADERS, Reply, canonical_url
from punkdata.sources.recording import Recording


class RecordingTransport(httpx.BaseTransport):
    """Serves requests from a recording, sends the rest to the network, and records the replies.

    These request extensions control the transport:

    - `restart`: pagination starts over; earlier pages of the same query are no longer used.
    - `reuse`: a reply of the parent recording may be copied.
    - `not_found_is_final`: a recorded 404 or 410 is definitive; otherwise the request is sent
      again.
    - `image`: the URL is not normalized, and the body is stored uncompressed.

    Args:
        network: The transport for requests that are not recorded; None to only replay.
        parent: A finished recording whose replies may be reused.
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
        """Return the recorded reply to a request, or send the request and record the reply.

        Raises:
            NotRecordedError: There is no network, and the reply is not recorded.
            DataError: The recorded body is damaged.
        """
        # Do not normalize image URLs: the order of their query parameters may be significant.
        url = str(request.url).partition("#")[0]
        if not request.extensions.get("image"):
            url = canonical_url(url)
        body_sha256 = hashlib.sha256(request.content).hexdigest() if request.content else None
        if request.extensions.get("restart"):
            self.recording.start_new_pass(url)

        reply = self.recording.find(url, request.method, body_sha256)
        not_found_is_final = self.network is None or request.extensions.get("not_found_is_final")
        if reply is not None and (reply.status < 300 or not_found_is_final):
            return _to_response(self.recording, reply)

        if request.extensions.get("reuse"):
            response = self._copy_from_parent(url, request.method, body_sha256)
            if response is not None:
                return response

        if self.network is None:
            if failed := self.recording.find_failed(url, request.method, body_sha256):
                return httpx.Response(failed.status)
            raise NotRecordedError(f"{self.recording.path} has no reply to {request.method} {url}")

        response = self.network.handle_request(request)
        self._record(response, request, url, body_sha256)
        return response

    def _copy_from_parent(
        self, url: str, method: str, body_sha256: str | None
    ) -> httpx.Response | None:
        reply = self.parent.find(url, method, body_sha256) if self.parent else None
        if self.parent is None or reply is None or reply.status != 200:
            return None
        # If the parent's body is damaged, return None, so that the request is sent instead.
        with contextlib.suppress(DataError):
            response = _to_response(self.parent, reply)
            self.recording.copy_reply(self.parent, reply)
            return response
        return None

    def _record(
        self, response: httpx.Response, request: httpx.Request, url: str, body_sha256: str | None
    ) -> None:
        status = response.status_code
        is_final = response.is_success or status in (404, 410)
        reply = self.recording.add(
            url,
            response.content if is_final else None,
            method=request.method,
            status=status,
            request_sha256=body_sha256,
            headers={n: v for n, v in response.headers.items() if n in RECORDED_HEADERS},
            compress=not request.extensions.get("image"),
        )
        response.extensions["body_sha256"] = reply.body

    def close(self) -> None:
        """Close the network transport, if there is one."""
        if self.network is not None:
            self.network.close()


def _to_response(recording: Recording, reply: Reply) -> httpx.Response:
    body = recording.read_body(reply)
    return httpx.Response(
        reply.status, content=body, extensions={"recorded": True, "body_sha256": reply.body}
    )
