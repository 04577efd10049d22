"""Replies that are not valid HTTP, sent through a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from pydantic import SecretStr
from support.opensea_server import KEY

from punkdata.sources.opensea.http.transport import NetworkTransport


@contextmanager
def transport_to_server(reply: bytes) -> Iterator[tuple[NetworkTransport, httpx.Request]]:
    """Provide a transport to a server that sends these bytes, and a request to send."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

        threading.Thread(target=serve, daemon=True).start()
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        request = httpx.Request("GET", f"{base_url}/api/v2/x")
        transport = NetworkTransport(base_url, SecretStr(KEY))
        yield transport, request
        transport.close()


def test_reply_that_is_not_http_is_a_request_error() -> None:
    with (
        transport_to_server(b"This is not a web server\r\n\r\n") as (transport, request),
        pytest.raises(httpx.RequestError),
    ):
        transport.handle_request(request)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nx-api-key " + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::" + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: " + KEY.encode() + b"\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_error_after_a_malformed_reply_does_not_contain_the_key(reply: bytes) -> None:
    with transport_to_server(reply) as (transport, request):
        with pytest.raises(httpx.RequestError) as caught:
            transport.handle_request(request)
        assert KEY not in str(caught.value)
        # A traceback must not show the library's own error either.
        assert caught.value.__suppress_context__
        assert caught.value.__cause__ is None


def test_headers_that_are_not_ascii_are_dropped() -> None:
    reply = b"HTTP/1.1 200 OK\r\nETag: caf\xe9\r\nContent-Length: 2\r\n\r\n{}"
    with transport_to_server(reply) as (transport, request):
        assert "etag" not in transport.handle_request(request).headers
