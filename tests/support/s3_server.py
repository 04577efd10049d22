"""A real S3 server in a process of its own, and a proxy before it that can break things."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import fsspec

Fault = Literal["cut", "refuse"]
FaultRule = Callable[[str, str], Fault | None]
"""method and path of a request -> what happens to it"""
StartProxy = Callable[[FaultRule], str]
"""puts a proxy before the server; its address"""


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of moto's server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the server has ended"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def faulty_proxy(server: str, judge: FaultRule) -> Iterator[str]:
    """The address of a proxy to `server`: "cut" hangs up in the middle of a body, "refuse" is
    status 403.
    """
    host = server.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def answer(self) -> None:
            fault = judge(self.command, self.path)
            length = int(self.headers.get("Content-Length") or 0)
            if fault == "cut" and length:
                self.rfile.read(length // 2)
                self.hang_up()
                return
            body = self.rfile.read(length)
            if fault == "refuse":
                text = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
                self.send(403, [("Content-Type", "application/xml")], text)
                return
            upstream = http.client.HTTPConnection(host, timeout=30)
            try:
                upstream.request(self.command, self.path, body, dict(self.headers))
                reply = upstream.getresponse()
                data = reply.read()
            finally:
                upstream.close()
            self.send(reply.status, reply.getheaders(), data, cut=fault == "cut")

        def send(
            self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False
        ) -> None:
            self.send_response_only(status)
            of_body = ("content-length", "transfer-encoding", "connection")
            for name, value in headers:
                if name.lower() not in of_body or self.command == "HEAD":
                    self.send_header(name, value)
            if self.command == "HEAD":
                data = b""
            else:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.hang_up()

        def hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

    class Proxy(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the client hangs up, too

    with Proxy(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


def clear_connection_cache() -> None:
    """Open connections stand for the addresses they were made with."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
