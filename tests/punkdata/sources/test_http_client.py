"""Exchanges with real sockets end at their deadline, or when they are stopped."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
from support.raw_server import OK, SLOW_ANSWERS, Answer, raw_server, stay_silent

from punkdata.errors import SetupError, StoppedError
from punkdata.sources.http_client import make_http_client, run_exchange

slow_answers = pytest.mark.parametrize("answer", SLOW_ANSWERS.values(), ids=SLOW_ANSWERS)


def get(
    port: int, stop: threading.Event, deadline_s: float, scheme: str = "http"
) -> httpx.Response:
    with make_http_client() as client:
        url = f"{scheme}://127.0.0.1:{port}/"
        return run_exchange(lambda: client.get(url), stop, deadline_s)


@slow_answers
def test_deadline_holds_for_the_whole_exchange(answer: Answer) -> None:
    with raw_server(answer) as port, pytest.raises(httpx.ReadTimeout):
        get(port, threading.Event(), 0.3)


@slow_answers
def test_stop_ends_an_exchange(answer: Answer) -> None:
    stop = threading.Event()
    with raw_server(answer) as port:
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(StoppedError):
            get(port, stop, 20)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_tls_handshake_ends_with_the_deadline_or_a_stop(is_stopped: bool) -> None:
    stop = threading.Event()
    with raw_server(stay_silent) as port:
        if is_stopped:
            threading.Timer(0.1, stop.set).start()
        with pytest.raises(StoppedError if is_stopped else httpx.ReadTimeout):
            get(port, stop, 20 if is_stopped else 0.3, "https")


def test_connecting_ends_with_a_stop() -> None:
    stop = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # Nobody accepts the connection that fills the queue, so some systems ignore further ones,
        # and others let them wait for a reply.
        with socket.create_connection(listener.getsockname()):
            threading.Timer(0.1, stop.set).start()
            with pytest.raises(StoppedError):
                get(listener.getsockname()[1], stop, 20)


def test_result_and_errors_are_passed_on() -> None:
    def fail() -> None:
        raise TimeoutError("from the exchange")

    stop = threading.Event()
    assert run_exchange(lambda: 5, stop, 5) == 5
    with pytest.raises(TimeoutError, match="from the exchange"):
        run_exchange(fail, stop, 5)
    with pytest.raises(httpx.ConnectError):
        get(1, stop, 20)


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[bytes] = []

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        requests.append(connection.recv(65_536))
        connection.sendall(OK)

    with raw_server(answer) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        with make_http_client() as client:
            assert client.get("http://no-such-host.invalid/x").json() == {}
    assert requests[0].split()[1:3] == [b"http://no-such-host.invalid/x", b"HTTP/1.1"]


def test_unusable_proxy_is_one_line_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://me:word@host")  # pragma: allowlist secret
    with pytest.raises(SetupError, match="cannot use the proxies") as caught:
        make_http_client()
    assert "word" not in str(caught.value)
