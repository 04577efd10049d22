"""A real S3 server, and a proxy in front of it that injects faults."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import fsspec

Fault = Literal["cut", "refuse", "hide", "page", "ignore conditions"]
"""What the proxy does to a request: "cut" disconnects in the middle of a body, "refuse" answers
with status 403, "hide" does so for listings and for what does not exist, as a bucket that readers
may not list, "page" answers with a web page, and "ignore conditions" removes If-None-Match."""
FaultRule = Callable[[str, str], Fault | None]
"""Function from the method and path of a request to its fault."""
StartProxy = Callable[[FaultRule], str]
"""Function that starts a proxy in front of the server and returns its URL."""


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 server, and return its URL."""
    from moto.server import ThreadedMotoServer  # slow to import, and few tests need it

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class _ProxyServer(ThreadingHTTPServer):
    def __init__(self, upstream_host: str, choose_fault: FaultRule) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.upstream_host = upstream_host
        self.choose_fault = choose_fault

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""


class _ProxyHandler(BaseHTTPRequestHandler):
    server: _ProxyServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def _forward(self) -> None:
        fault = self.server.choose_fault(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "cut" and length:
            self.rfile.read(length // 2)
            self._disconnect()
            return
        body = self.rfile.read(length)
        if fault == "refuse" or (fault == "hide" and "list-type=" in self.path):
            self._refuse()
            return
        if fault == "page":
            self._send(200, [("Content-Type", "text/html")], b"<!DOCTYPE html><title>Hi</title>")
            return
        if fault == "ignore conditions":
            del self.headers["If-None-Match"]
        upstream = http.client.HTTPConnection(self.server.upstream_host, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            reply = upstream.getresponse()
            data = reply.read()
        finally:
            upstream.close()
        if fault == "hide" and reply.status == 404:
            self._refuse()
            return
        self._send(reply.status, reply.getheaders(), data, is_cut=fault == "cut")

    def _refuse(self) -> None:
        error = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        self._send(403, [("Content-Type", "application/xml")], error)

    def _send(
        self, status: int, headers: list[tuple[str, str]], data: bytes, *, is_cut: bool = False
    ) -> None:
        self.send_response_only(status)
        body_headers = ("content-length", "transfer-encoding", "connection")
        for name, value in headers:
            if name.lower() not in body_headers or self.command == "HEAD":
                self.send_header(name, value)
        if self.command == "HEAD":
            data = b""
        else:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if is_cut else data)
        if is_cut:
            self._disconnect()

    def _disconnect(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815  # the base class's names


@contextmanager
def faulty_proxy(server_url: str, choose_fault: FaultRule) -> Iterator[str]:
    """Run a proxy in front of `server_url`, and return the URL of the proxy."""
    with _ProxyServer(server_url.removeprefix("http://"), choose_fault) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


def clear_connection_cache() -> None:
    """Remove fsspec's cached S3 connections, which keep the URL that they were created with."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
