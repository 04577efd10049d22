"""Requests as the fake OpenSea server receives them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Request:
    """A request that the server received."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    key: str | None
    status: int = 0
    """Status of the reply, or 0 if the connection was broken."""
    time: float = 0.0
    conditions: dict[str, str] = field(default_factory=dict)
    """Headers that make the request conditional, for example "if-none-match"."""

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")
