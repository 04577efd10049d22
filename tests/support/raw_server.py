"""Servers on real sockets that answer slowly, wrongly or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Answer = Callable[[socket.socket, threading.Event], None]
"""Function that answers a connection; it must end when the event is set."""


@contextmanager
def raw_server(answer: Answer) -> Iterator[int]:
    """Serve each connection with `answer`, in a thread of its own; yields the port."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        # The client may disconnect at any time.
        with suppress(OSError), connection:
            answer(connection, stop)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            with suppress(OSError):  # On some systems, this ends `accept`.
                listener.shutdown(socket.SHUT_RDWR)


def stay_silent(connection: socket.socket, stop: threading.Event) -> None:
    """Accept the connection, and send nothing."""
    stop.wait()


def trickle(beginning: bytes, piece: bytes) -> Answer:
    """Return a function that sends a beginning, then the same piece again and again."""

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(beginning)
        while not stop.wait(0.02):
            connection.sendall(piece)

    return answer


SLOW_ANSWERS: dict[str, Answer] = {
    "silence": stay_silent,
    "header lines": trickle(b"HTTP/1.1 200 OK\r\n", b"X-Wait: 1\r\n"),
    "status line": trickle(b"HTTP/1.1 200 ", b"O"),
    "body": trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"x"),
    "chunks": trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "interim replies": trickle(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}
"""Answers that never end, by what they are slow with."""
