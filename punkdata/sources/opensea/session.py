"""API session: sends single requests to the OpenSea API and turns refusals into errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import httpx
from pydantic import BaseModel

from punkdata.errors import NetworkError, RefusedError
from punkdata.sources.opensea.rate_limit import RETRY_HINT
from punkdata.sources.opensea.schemas import parse_body

_M = TypeVar("_M", bound=BaseModel)


class ApiSession:
    """Sends requests to the endpoints of one API, which are below `base_url`/api/v2."""

    def __init__(self, transport: httpx.BaseTransport, base_url: str) -> None:
        self._transport = transport
        self._api_url = f"{base_url}/api/v2"

    def get(self, model: type[_M], path: str) -> _M:
        """Send a GET request and return its parsed body.

        Raises:
            NetworkError: The status is not 2xx.
            DataError: The body does not match `model`.
        """
        response = self.send("GET", path, model)
        expect_success(response, path)
        return parse_body(model, response.content, f"GET {path}")

    def send(
        self,
        method: str,
        path: str,
        model: type[BaseModel],
        *,
        params: Mapping[str, str] | None = None,
        content: bytes = b"",
        extensions: Mapping[str, bool] = MappingProxyType({}),
    ) -> httpx.Response:
        """Send one request and return its response, whatever its status.

        Args:
            model: Schema that a successful body must match. The transport checks it, so that
                an invalid reply is retried and not recorded.
            extensions: See `RecordingTransport`.

        Raises:
            RefusedError: The status is 401 or 403.
        """
        endpoint = f"{method} {path}"

        def check(body: bytes) -> None:
            parse_body(model, body, endpoint)

        request = httpx.Request(
            method,
            self._api_url + path,
            params=params,
            content=content,
            extensions={"check": check, **extensions},
        )
        response = self._transport.handle_request(request)
        status = response.status_code
        if status in (401, 403):
            raise RefusedError(
                f"{request.url.host} refused {endpoint} with status {status}"
                f"{_describe_error_body(response.content)}"
            )
        return response


def expect_success(response: httpx.Response, path: str) -> None:
    """Raise NetworkError unless the response to GET `path` has status 2xx."""
    if not response.is_success:
        raise NetworkError(
            f"the server answered GET {path} with status {response.status_code}"
            f"{_describe_error_body(response.content)}",
            hint=RETRY_HINT,
        )


def _describe_error_body(body: bytes) -> str:
    """Return ": " and the message of an error body, or "" if there is none.

    Understands {"errors": [...]}, {"detail": ...} and plain text. HTML is left out.
    """
    try:
        data = json.loads(body)
        found = (data.get("errors") or data.get("detail")) if isinstance(data, dict) else data
        text = ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")
    except (ValueError, RecursionError):
        text = body[:200].decode("utf-8", "replace")
        text = "" if "<" in text else text
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:120]
    return f": {text}" if text else ""
