"""The HTTP client with real sockets: deadlines, stops, TLS and proxies."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from pathlib import Path

import httpx
import pytest
from support.raw_server import (
    OK,
    SLOW_ANSWERS,
    Answer,
    answer_requests,
    connect_to_target,
    make_certificate,
    raw_server,
    stay_silent,
)

from punkdata.errors import StoppedError
from punkdata.sources.http_client import make_http_client

slow_answers = pytest.mark.parametrize("answer", SLOW_ANSWERS.values(), ids=SLOW_ANSWERS)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """The file of a certificate of 127.0.0.1, and the context of its server."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@slow_answers
def test_deadline_holds_for_the_whole_exchange(answer: Answer) -> None:
    with raw_server(answer) as port, make_http_client(deadline_s=0.3) as client:
        for _ in range(2):  # Each exchange has its own deadline.
            with pytest.raises(httpx.ReadTimeout):
                client.get(f"http://127.0.0.1:{port}/")


@slow_answers
def test_stop_ends_an_exchange(answer: Answer) -> None:
    stop = threading.Event()
    with raw_server(answer) as port, make_http_client(stop, deadline_s=20) as client:
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(StoppedError):
            client.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("is_stopped", [False, True])
def test_tls_handshake_ends_with_the_deadline_or_a_stop(is_stopped: bool) -> None:
    stop = threading.Event()
    error: type[Exception] = StoppedError if is_stopped else httpx.ConnectTimeout
    deadline_s = 20 if is_stopped else 0.3
    with raw_server(stay_silent) as port, make_http_client(stop, deadline_s=deadline_s) as client:
        if is_stopped:
            threading.Timer(0.1, stop.set).start()
        with pytest.raises(error):
            client.get(f"https://127.0.0.1:{port}/")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems answer in place of a full queue")
@pytest.mark.parametrize("is_stopped", [False, True])
def test_connecting_ends_with_the_deadline_or_a_stop(is_stopped: bool) -> None:
    stop = threading.Event()
    error: type[Exception] = StoppedError if is_stopped else httpx.ConnectTimeout
    deadline_s = 20 if is_stopped else 0.3
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # Nobody accepts the connection that fills the queue, so Linux ignores further ones.
        with (
            socket.create_connection(address),
            make_http_client(stop, deadline_s=deadline_s) as client,
        ):
            if is_stopped:
                threading.Timer(0.1, stop.set).start()
            with pytest.raises(error):
                client.get(f"http://127.0.0.1:{address[1]}/")


def test_request_that_the_server_does_not_read_ends_with_the_deadline() -> None:
    with (
        raw_server(stay_silent) as port,
        make_http_client(deadline_s=0.3) as client,
        pytest.raises(httpx.WriteTimeout),
    ):
        client.post(f"http://127.0.0.1:{port}/", content=bytes(50_000_000))


def test_unreachable_host_is_a_connect_error() -> None:
    with make_http_client() as client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:1/")


def test_tls_connection_is_verified_and_used_again(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, context = certificate
    with raw_server(answer_requests, context) as port:
        url = f"https://127.0.0.1:{port}/"
        with make_http_client() as client, pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        with make_http_client() as client:
            streams = [client.get(url).extensions["network_stream"] for _ in range(3)]
            assert len({id(stream) for stream in streams}) == 1
            assert client.post(url, content=bytes(1_000_000)).json() == {}


def test_tls_body_that_ends_without_an_alert_is_complete(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)
        connection.shutdown(socket.SHUT_RDWR)

    file, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with raw_server(answer, context) as port, make_http_client() as client:
        assert len(client.get(f"https://127.0.0.1:{port}/").content) == 200_000


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_of_the_environment_is_used(
    scheme: str, certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    proxied: list[bool] = []

    def connect(connection: socket.socket, stop: threading.Event) -> None:
        proxied.append(True)
        connect_to_target(connection, stop)

    with (
        raw_server(answer_requests, context) as port,
        raw_server(connect, context if scheme == "https" else None) as proxy_port,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:word@127.0.0.1:{proxy_port}")
        for hosts, is_proxied in [("", True), ("127.0.0.1", False)]:
            monkeypatch.setenv("NO_PROXY", hosts)
            proxied.clear()
            with make_http_client() as client:
                for _ in range(2):
                    assert client.get(f"https://127.0.0.1:{port}/").json() == {}
            assert proxied == [True] * is_proxied


def test_plain_http_goes_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests: list[bytes] = []

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        requests.append(connection.recv(65_536))
        connection.sendall(OK)

    with raw_server(answer) as port:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{port}")
        with make_http_client() as client:
            assert client.get("http://no-such-host.invalid/x").json() == {}
    assert requests[0].startswith(b"GET http://no-such-host.invalid/x HTTP/1.1")


def test_exchange_through_a_silent_proxy_ends_with_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with raw_server(stay_silent) as port:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
        with make_http_client(deadline_s=0.3) as client, pytest.raises(httpx.ReadTimeout):
            client.get("https://no-such-host.invalid/")
