"""A transport that asks a fake OpenSea without a network, and lets a test change its replies."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import httpx
from support.opensea_api import KEY, FakeOpenSea, Request
from support.row_damage import Change, dump_json

BASE_URL = "http://api.test"


class DirectTransport(httpx.BaseTransport):
    """Answers requests from a `FakeOpenSea`. `change` may replace the documents of its replies."""

    def __init__(self, api: FakeOpenSea, change: Change = lambda path, data: data) -> None:
        self._api = api
        self._change = change
        api.base_url = BASE_URL

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url))
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        asked = Request(request.method, parts.path, query, request.content, KEY)
        status, body, headers = self._api.answer(asked)
        if asked.is_api and status < 300:
            path = parts.path.removeprefix("/api/v2")
            body = dump_json(self._change(path, json.loads(body)))
        return httpx.Response(status, headers=headers, content=body, request=request)
