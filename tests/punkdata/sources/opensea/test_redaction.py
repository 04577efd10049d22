from __future__ import annotations

import base64
import json
from collections.abc import Callable
from html import unescape
from urllib.parse import unquote

import httpx
import pytest
from pydantic import SecretStr
from support.opensea_server import KEY

from punkdata.sources.opensea.http.redaction import make_redactor
from punkdata.sources.opensea.http.transport import NetworkTransport

BASE_URL = "https://api.test"
KEYS = [KEY, "0123456789abcdef", "Ab._~-" * 33, "uxUX-5u0075x75uXx"]


def escape(pattern: str) -> Callable[[str], str]:
    """Return a function that writes each character of a text with an escape."""
    return lambda text: "".join(pattern.format(ord(character)) for character in text)


def escape_every_second(text: str) -> str:
    return "".join(c if i % 2 else f"\\u{ord(c):04X}" for i, c in enumerate(text))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "swapped": str.swapcase,
    "json": escape("\\u{:04x}"),
    "json in json": escape("\\\\u{:04x}"),
    "javascript": escape("\\x{:02X}"),
    "rust": escape("\\u{{{:x}}}"),
    "partly json": escape_every_second,
    "url": escape("%{:02X}"),
    "url in url": escape("%25{:02x}"),
    "url in json": escape("\\u0025{:02x}"),
    "html": escape("&#{};"),
    "html in html": escape("&amp;#x{:X};"),
    "markdown": lambda text: text.replace("-", "\\-").replace("_", "\\_"),
    "hexadecimal": lambda text: text.encode().hex(),
    "wrapped": lambda text: f"{text[:9]}\r\n\t{text[9:]}",
    "cut off": lambda text: text[:15],
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_key_is_redacted_in_every_encoding(key: str, encode: Callable[[str], str]) -> None:
    redact = make_redactor(key)
    text = f'{{"errors": ["the key {encode(key)} is wrong"]}}'
    assert redact(text.encode()) == b'{"errors": ["the key *** is wrong"]}'


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("before", ["", "x", "Bearer ", '{"key": "'])
@pytest.mark.parametrize("after", ["", '"', "\n\n"])
def test_key_is_redacted_in_base64(key: str, before: str, after: str) -> None:
    redact = make_redactor(key)
    text = f"{before}{key}{after}".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        redacted = redact(encode(text))
        assert b"***" in redacted
        assert len(redacted) < len(encode(text)) - len(key)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_key_is_redacted_in_wide_characters(encoding: str) -> None:
    redacted = make_redactor(KEY)(f"key: {KEY}".encode(encoding))
    assert KEY[:4].encode() not in redacted.replace(b"\0", b"")


def test_other_text_is_not_changed() -> None:
    body = json.dumps({"a": [f"{n:064x}" for n in range(5000)], "b": "caf\u00e9 &#38; %20 \\u"})
    for key in KEYS:
        assert make_redactor(key)(body.encode()) == body.encode()
    assert make_redactor("")(b"any") == b"any"


@pytest.mark.parametrize("piece", ["\\", "%25", "&amp;", "\\u0025", f"{KEY[0]} ", f"{KEY[:9]}   "])
def test_hostile_text_takes_one_pass(piece: str) -> None:
    text = (piece * 300_000).encode()
    assert make_redactor(KEY)(text) == text


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("status", [200, 400, 401, 503])
def test_no_reply_contains_the_key(encode: Callable[[str], str], status: int) -> None:
    text = encode(KEY)

    def answer(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(f'{{"error": {{"message": "no: {text}"}}}}'.encode())
        headers = {"location": f"/?{text}", "etag": text} if text.isprintable() else {}
        return httpx.Response(status, headers=headers, stream=stream)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    transport = NetworkTransport(BASE_URL, SecretStr(KEY), http=http)
    response = transport.handle_request(httpx.Request("GET", f"{BASE_URL}/api/v2/x"))
    shown = f"{response.text} {response.headers}"
    for _ in range(2):
        shown = unescape(unquote(shown.replace("\\u00", "%").replace("\\x", "%")))
    assert KEY[:12].lower() not in "".join(shown.split()).replace("\\", "").lower()
