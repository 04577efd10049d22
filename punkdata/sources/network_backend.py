"""A network backend of httpcore whose waits end at a deadline, or when the program is stopped.

httpcore limits each single wait, so a server that sends a byte now and then never times out, and a
thread that waits cannot be stopped. Here, all waits of an exchange end at one deadline: connecting,
the TLS handshake, the request, the header lines and the body. They are cut into slices, between
which a thread notices the deadline and that the program is being stopped.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import httpcore

from punkdata.errors import StoppedError

SLICE_S = 0.2
"""Longest uninterrupted wait in seconds."""
MAX_READ_BYTES = 65_536

T = TypeVar("T")


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose waits end `deadline_s` seconds after `start_exchange`.

    Each thread has one exchange at a time. All waits raise StoppedError once `stop` is set.
    """

    def __init__(self, stop: threading.Event, deadline_s: float) -> None:
        self._stop = stop
        self._deadline_s = deadline_s
        self._exchange = threading.local()
        self._inner = httpcore.SyncBackend()

    def start_exchange(self) -> None:
        """Start the time of a new exchange of this thread."""
        self._exchange.end_s = time.monotonic() + self._deadline_s

    def find_end(self, timeout: float | None) -> float:
        """Return when a wait ends: after `timeout` seconds, or at the deadline of the exchange."""
        end_s: float = self._exchange.end_s
        return end_s if timeout is None else min(end_s, time.monotonic() + timeout)

    def next_slice(self, end_s: float, on_timeout: type[Exception]) -> float:
        """Return the length in seconds of the next slice of a wait; raise `on_timeout` at its end.

        Raises StoppedError if the program is being stopped.
        """
        if self._stop.is_set():
            raise StoppedError("stopped")
        remaining_s = end_s - time.monotonic()
        if remaining_s <= 0:
            raise on_timeout("timed out")
        return min(remaining_s, SLICE_S)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host; `timeout` holds for each of its addresses."""
        job: Future[httpcore.NetworkStream] = Future()

        def connect() -> None:
            try:
                arguments = (host, port, timeout, local_address, socket_options)
                job.set_result(self._inner.connect_tcp(*arguments))
            except Exception as error:  # noqa: BLE001  # it is raised again by `job.result`
                job.set_exception(error)

        # Nothing can interrupt the resolver of the operating system, so a thread of its own waits
        # for it. A thread that is abandoned ends with its timeout.
        threading.Thread(target=connect, name="connect", daemon=True).start()
        end_s = self.find_end(None)
        try:
            while True:
                slice_s = self.next_slice(end_s, httpcore.ConnectTimeout)
                try:
                    connected = job.result(slice_s)
                except TimeoutError:
                    continue
                return _Stream(connected, self)
        except BaseException:
            job.add_done_callback(_close_connection)
            raise


def _close_connection(job: "Future[httpcore.NetworkStream]") -> None:
    if job.exception() is None:
        job.result().close()


class _Stream(httpcore.NetworkStream):
    """A TCP connection."""

    def __init__(self, connected: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._connected = connected
        self._socket: socket.socket = connected.get_extra_info("socket")
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._repeat(
            partial(self._socket.recv, max_bytes), timeout, httpcore.ReadTimeout, httpcore.ReadError
        )

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            count = self._repeat(
                partial(self._socket.send, rest),
                timeout,
                httpcore.WriteTimeout,
                httpcore.WriteError,
            )
            rest = rest[count:]

    def close(self) -> None:
        self._connected.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _TlsStream(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._connected.get_extra_info(info)

    def _repeat(
        self,
        operation: Callable[[], T],
        timeout: float | None,
        on_timeout: type[Exception],
        on_error: type[Exception],
    ) -> T:
        """Return the result of a socket operation, which is repeated while it has to wait."""
        end_s = self._backend.find_end(timeout)
        while True:
            slice_s = self._backend.next_slice(end_s, on_timeout)
            try:
                self._socket.settimeout(slice_s)
                return operation()
            except TimeoutError:
                continue
            except OSError as error:
                raise on_error(str(error)) from error


class _TlsStream(httpcore.NetworkStream):
    """TLS over another stream, which may itself be TLS to a proxy."""

    def __init__(
        self,
        inner: httpcore.NetworkStream,
        context: ssl.SSLContext,
        server_hostname: str | None,
        timeout: float | None,
    ) -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )
        try:
            self._run(self._tls.do_handshake, timeout)
        except httpcore.TimeoutException:
            self.close()
            raise httpcore.ConnectTimeout("the TLS handshake timed out") from None
        except (ssl.SSLError, httpcore.NetworkError) as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            self.close()
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._run(partial(self._tls.read, max_bytes), timeout)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""  # Many servers end a connection without the alert that TLS requires.
        except ssl.SSLError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            rest = memoryview(buffer)
            while rest:
                rest = rest[self._run(partial(self._tls.write, rest), timeout) :]
        except ssl.SSLError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _TlsStream(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._inner.get_extra_info(info)

    def _run(self, operation: Callable[[], T], timeout: float | None) -> T:
        """Return the result of an operation, which is repeated while it needs data."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                self._flush(timeout)
                data = self._inner.read(MAX_READ_BYTES, timeout)
                self._incoming.write(data) if data else self._incoming.write_eof()
            else:
                self._flush(timeout)
                return result

    def _flush(self, timeout: float | None) -> None:
        if data := self._outgoing.read():
            self._inner.write(data, timeout)
