"""A fake OpenSea server on a real socket.

    with OpenSeaServer(make_punks(60)) as server:
        ...  # send requests to server.base_url; server.log has all requests

It serves synthetic sprites, and reproduces what the real API and its image hosts have been seen
to do: both forms of rate limits, errors in every format, broken connections, overlapping pages,
cursors that loop or are rejected, and tokens that are missing or do not exist.

As a script, it serves until Ctrl-C: cd tests; python -m support.opensea_server --punks 200
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from support.opensea_api import KEY, FakeOpenSea, Request
from support.opensea_faults import (
    HTML_PAGE,
    Faults,
    Reply,
    error_with_200_reply,
    rate_limited_reply,
    unavailable_reply,
)
from support.opensea_images import CONDITIONS
from support.row_damage import Change, dump_json
from support.sales_events import make_sales
from support.sprites import make_punks

__all__ = ["KEY", "Faults", "OpenSeaServer", "Request"]


@dataclass
class OpenSeaServer(FakeOpenSea):
    """Serves a `FakeOpenSea` on a socket of this machine, with faults and a rate limit."""

    port: int = 0
    """TCP port; 0 for any free one."""
    latency_s: float = 0.0
    """Delay of each reply in seconds."""
    limit: int | None = None
    """Number of API requests per window; None for no rate limit."""
    group_limits: dict[str, int] = field(default_factory=dict)
    """Numbers of requests per window to groups of endpoints with a budget of their own, such as
    "listings"; their requests do not count for `limit`."""
    window_s: int = 10**9
    """Length of a window in seconds. By default no window ends during a test."""
    change: Change = lambda path, document: document
    """Function that may replace the documents of successful replies."""
    log: list[Request] = field(default_factory=list)
    """All requests so far."""

    def __enter__(self) -> Self:
        self._requests_per_window: Counter[tuple[str, int]] = Counter()
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._http = _HttpServer(("127.0.0.1", self.port), handler)
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def requests_to(self, path_part: str = "/api/") -> list[Request]:
        """Return the requests so far whose path contains `path_part`."""
        with self.lock:
            return [r for r in self.log if path_part in r.path]

    def count_request(self, request: Request) -> tuple[dict[str, str], bool]:
        """Count one request to the API.

        Returns the rate limit headers, and whether the rate limit is exceeded.
        """
        group = request.path.removeprefix("/api/v2/").partition("/")[0]
        limit = self.group_limits.get(group, self.limit)
        if limit is None or not request.is_api:
            return {}, False
        budget = group if group in self.group_limits else ""
        with self.lock:
            window = int(time.time() // self.window_s)
            self._requests_per_window[budget, window] += 1
            remaining = limit - self._requests_per_window[budget, window]
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(remaining, 0)),
            "X-RateLimit-Reset": str((window + 1) * self.window_s),
        }
        return headers, remaining < 0

    def choose_fault(self) -> str | None:
        with self.lock:
            chance = self._random.random()
        return self.faults.choose(chance)

    def count_fault(self, name: str) -> int:
        """Return how often this fault has occurred, this time included."""
        with self.lock:
            self._counters[name] += 1
            return self._counters[name]


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect, for example because they were killed."""


class _Handler(BaseHTTPRequestHandler):
    server_state: OpenSeaServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Print nothing. `OpenSeaServer.log` has all requests."""

    def _serve(self) -> None:
        state, parts = self.server_state, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        request = Request(
            self.command,
            parts.path,
            query,
            body,
            self.headers["x-api-key"],
            time=time.time(),
            conditions={n: self.headers[n] for n in CONDITIONS.values() if n in self.headers},
        )
        with state.lock:
            state.log.append(request)
        if state.latency_s:
            time.sleep(state.latency_s)
        limit_headers, is_exceeded = state.count_request(request)
        fault = state.choose_fault()
        if fault == "drop":
            self._disconnect()
            return
        if is_exceeded:
            wait_s = max(1, int(limit_headers["X-RateLimit-Reset"]) - int(time.time()))
            reply: Reply = (429, b'{"errors": ["Too many requests"]}', {"Retry-After": str(wait_s)})
        else:
            reply = self._make_reply(request, fault)
        status, body, headers = reply
        request.status = 0 if fault == "truncate" and body else status
        self._send(status, body, headers | limit_headers, is_truncated=fault == "truncate")

    def _make_reply(self, request: Request, fault: str | None) -> Reply:
        state = self.server_state
        if fault == "rate_limited":
            return rate_limited_reply(state.count_fault(fault), state.faults.retry_after_s)
        if fault == "unavailable":
            return unavailable_reply(state.count_fault(fault))
        if fault == "html_with_200":
            return HTML_PAGE
        if fault == "error_with_200":
            return error_with_200_reply(state.count_fault(fault))
        status, body, headers = state.answer(request)
        if status < 300 and request.is_api and body.startswith(b"{"):
            path = request.path.removeprefix("/api/v2")
            body = dump_json(state.change(path, json.loads(body)))
        return status, body, headers

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], *, is_truncated: bool
    ) -> None:
        delay_s = self.server_state.faults.reply_delay_s
        if delay_s:
            time.sleep(delay_s / 2)
        has_length = not is_truncated or self.server_state.count_fault("truncate") % 2
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
            if header_delay_s := self.server_state.faults.header_delay_s:
                self.flush_headers()
                self.wfile.flush()
                time.sleep(header_delay_s)
        if has_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if delay_s:
            self.wfile.flush()
            time.sleep(delay_s / 2)
        if is_truncated:
            self.wfile.flush()
            self._disconnect()
            return
        self.wfile.write(body[half:])

    def _disconnect(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--punks", type=int, default=200, help="number of punks (default: 200)")
    parser.add_argument("--sales", type=int, default=500, help="number of sales (default: 500)")
    parser.add_argument("--port", type=int, default=0, help="TCP port (default: any free one)")
    parser.add_argument("--scale", type=int, default=1, help="enlargement factor of the images")
    parser.add_argument("--latency", type=float, default=0.0, help="delay of each reply in seconds")
    parser.add_argument("--limit", type=int, help="API requests per window (default: no limit)")
    parser.add_argument("--window", type=int, default=3600, help="length of a window in seconds")
    parser.add_argument(
        "--faults", action="store_true", help="send 5%% status 429, 3%% status 503, and more"
    )
    options = parser.parse_args()
    punks = make_punks(options.punks)
    faults = Faults(rate_limited=0.05, unavailable=0.03, drop=0.02, truncate=0.02)
    server = OpenSeaServer(
        punks,
        make_sales(punks, options.sales),
        faults=faults if options.faults else Faults(),
        image_scale=options.scale,
        latency_s=options.latency,
        limit=options.limit,
        window_s=options.window,
        port=options.port,
    )
    with server:
        command = f"punkdata fetch --root /tmp/punks --base-url {server.base_url}"
        print(f"OPENSEA_API_KEY={KEY} {command}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(server.log)} requests")


if __name__ == "__main__":
    main()
