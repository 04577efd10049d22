"""Servers on real sockets that answer slowly, wrongly or not at all, with and without TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Answer = Callable[[socket.socket, threading.Event], None]
"""Function that answers a connection; it must end when the event is set."""


@contextmanager
def raw_server(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve each connection with `answer`, in a thread of its own; yields the port."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        # The client may disconnect at any time.
        with suppress(OSError), connection:
            if context is None:
                answer(connection, stop)
            else:
                with context.wrap_socket(connection, server_side=True) as encrypted:
                    answer(encrypted, stop)

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


def answer_requests(connection: socket.socket, stop: threading.Event) -> None:
    """Answer every request on a connection with an empty JSON object."""
    while connection.recv(65_536):
        connection.sendall(OK)


def connect_to_target(connection: socket.socket, stop: threading.Event) -> None:
    """Be a proxy: read CONNECT 127.0.0.1:port, and forward everything in both directions."""
    host, port = connection.recv(65_536).split()[1].decode().split(":")
    with socket.create_connection((host, int(port))) as target:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        backward = threading.Thread(target=_forward, args=(target, connection), daemon=True)
        backward.start()
        _forward(connection, target)


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)


def make_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of a new certificate of 127.0.0.1, and the context of its server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "private.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return file, context
