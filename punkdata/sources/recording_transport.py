"""Between a client and the network: answers come from a recording first.

`RecordingTransport` gives what its recording holds, asks the network for the rest, and
records what it got. Without a network it replays: tests, builds and `fetch --replay` run
the same client on it.
"""

from __future__ import annotations

import contextlib
import hashlib

import httpx

from punkdata.errors import DataError, NotRecordedError
from punkdata.sources.recorded_reply import KEPT_HEADERS, Reply, canonical_url
from punkdata.sources.recording import Recording


class RecordingTransport(httpx.BaseTransport):
    """Answers from a recording first, from the network second, and records what it got.

    A request's extensions say more: `restart` begins a new pass over a listing, `reuse`
    allows the parent's answer to be taken over, and `may_be_gone` says that a recorded 404
    is an answer like any other. Where it is not, asking again may help.

    Args:
        network: where to ask what is not recorded; None to replay only.
        parent: a finished recording.
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
        # An image's address is taken as it is: the order in its query may be its meaning.
        url = str(request.url).partition("#")[0]
        if not request.extensions.get("image"):
            url = canonical_url(url)
        content = request.content
        body_sha256 = hashlib.sha256(content).hexdigest() if content else None
        asked = (url, request.method, body_sha256)
        if request.extensions.get("restart"):
            self.recording.restart(url)
        reply = self.recording.find(*asked)
        may_be_gone = self.network is None or request.extensions.get("may_be_gone")
        if reply is not None and (reply.status < 300 or may_be_gone):
            return _answer(self.recording, reply)
        if self.parent is not None and request.extensions.get("reuse"):
            reply = self.parent.find(*asked)
            if reply is not None and reply.status == 200:
                with contextlib.suppress(DataError):  # spoiled there: asked for again
                    response = _answer(self.parent, reply)
                    self.recording.take_over(self.parent, reply)
                    return response
        if self.network is None:
            if noted := self.recording.find_noted(*asked):
                return httpx.Response(noted.status)
            raise NotRecordedError(f"{self.recording.path} has no reply to {request.method} {url}")
        response = self.network.handle_request(request)
        status = response.status_code
        kept = {name: text for name, text in response.headers.items() if name in KEPT_HEADERS}
        is_answer = response.is_success or status in (404, 410)
        added = self.recording.add(
            url,
            response.content if is_answer else None,
            method=request.method,
            status=status,
            request_sha256=body_sha256,
            headers=kept,
            packed=not request.extensions.get("image"),
        )
        response.extensions["body_sha256"] = added.body
        return response

    def close(self) -> None:
        if self.network is not None:
            self.network.close()


def _answer(recording: Recording, reply: Reply) -> httpx.Response:
    body = recording.read_body(reply)
    return httpx.Response(
        reply.status, content=body, extensions={"recorded": True, "body_sha256": reply.body}
    )
