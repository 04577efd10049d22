from __future__ import annotations

import json

import pytest

from punkdata.sources.recording_format import Reply, canonical_url, strip_cursor


@pytest.mark.parametrize(
    ("url", "canonical", "query_url"),
    [
        ("https://a.test/x?b=2&a=1", "https://a.test/x?a=1&b=2", "https://a.test/x?a=1&b=2"),
        (
            "https://a.test/x?next=q%3D&a=1",
            "https://a.test/x?a=1&next=q%3D",
            "https://a.test/x?a=1",
        ),
        ("https://a.test/x?next=q", "https://a.test/x?next=q", "https://a.test/x"),
        ("https://a.test/x?a=#top", "https://a.test/x?a=", "https://a.test/x?a="),
    ],
)
def test_canonical_url_and_strip_cursor(url: str, canonical: str, query_url: str) -> None:
    assert canonical_url(url) == canonical
    assert strip_cursor(canonical) == query_url


def test_reply_round_trips_through_one_line() -> None:
    reply = Reply(url="https://a.test/?q=\n", status=200, body="0" * 64, time="now", **{"pass": 2})
    line = reply.to_json_line()
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert json.loads(line)["pass"] == 2
    assert Reply.model_validate_json(line) == reply
