"""Fixtures of the command tests."""

from __future__ import annotations

import pytest
from support.opensea_server import KEY, OpenSeaServer


@pytest.fixture
def opensea_environment(server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all commands use the tests' own OpenSea server and its key."""
    monkeypatch.setenv("OPENSEA_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENSEA_API_KEY", KEY)
