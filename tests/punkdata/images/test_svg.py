"""SVGs of rectangles on the 24x24 grid are read, and everything else is refused."""

from __future__ import annotations

import base64
from urllib.parse import quote

import numpy as np
import pytest

from punkdata.errors import ImageError
from punkdata.images.decode import decode_image
from punkdata.images.svg import read_svg, unwrap_data_uri

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
RECT = '<rect x="1" y="2" width="1" height="1" fill="#102030ff"/>'


def make_svg(body: str, head: str = HEAD) -> bytes:
    return f"{head}{body}</svg>".encode()


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/svg+xml;utf8,{raw}",
        "  data:image/svg+xml,{percent}",
        "data:image/svg+xml;base64,{base64}",
        "DATA:image/svg+xml;charset=utf-8;base64,{base64}",
    ],
)
def test_data_uri_is_unwrapped_in_every_encoding(uri: str) -> None:
    data = make_svg(RECT)
    contents = {
        "raw": data.decode(),
        "percent": quote(data.decode()),
        "base64": base64.b64encode(data).decode(),
    }
    assert unwrap_data_uri(uri.format(**contents).encode()) == data


def test_data_that_is_not_a_uri_is_unchanged() -> None:
    assert unwrap_data_uri(b"\x89PNG") == b"\x89PNG"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        (b"data:text/html,<p>", "not of an image"),
        (b"data:image/png;base64", "not of an image"),
        (b"data:image/png;base64,iVBO*", "damaged base64"),
    ],
)
def test_unsupported_data_uri_is_refused(uri: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        unwrap_data_uri(uri)


@pytest.mark.parametrize(
    ("fill", "color"),
    [("#abc", (0xAA, 0xBB, 0xCC, 255)), ("#010203", (1, 2, 3, 255)), ("#01020380", (1, 2, 3, 128))],
)
def test_color_notations_are_read(fill: str, color: tuple[int, ...]) -> None:
    rect = RECT.replace("#102030ff", fill)
    assert read_svg(make_svg(rect))[2, 1].tolist() == list(color)


def test_later_rectangles_are_painted_over_earlier_ones() -> None:
    background = '<rect width="24" height="24" fill="#638596"/>'
    wide = '<rect x="3" y="4" width="5.0" height="2" fill="#000000"/>'
    pixels = read_svg(make_svg(background + wide))
    expected = np.full((24, 24, 4), (0x63, 0x85, 0x96, 255), np.uint8)
    expected[4:6, 3:8] = (0, 0, 0, 255)
    assert (pixels == expected).all()


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
PLAIN = "anything but colored rectangles"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB.encode() + make_svg("&b;"), "document type"),
        (b'<!DOCTYPE svg SYSTEM "file:///etc/passwd">' + make_svg(RECT), "document type"),
        (b'<!DOCTYPE svg PUBLIC "x" "http://127.0.0.1/x.dtd">' + make_svg(RECT), "document type"),
        (make_svg("&undefined;"), "damaged"),
        (make_svg(RECT)[:-4], "damaged"),
        (b'<?xml version="1.0" encoding="nonsense"?>' + make_svg(RECT), "damaged"),
        (b'<?xml version="1.0" encoding="utf-7"?>' + make_svg(RECT), "damaged"),
        (make_svg(RECT + " " * 500_001), "more than 500,000 bytes"),
        (b'<?xml-stylesheet href="data:text/css,rect{fill:red}"?>' + make_svg(RECT), PLAIN),
    ],
)
def test_hostile_or_damaged_svg_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_svg(data)


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '<image href="http://127.0.0.1/x.png"/>',
        f"<g>{RECT}</g>",
        HEAD + "</svg>",
        "hello" + RECT,
        RECT + "hello",
        RECT.replace("/>", ">hello</rect>"),
        RECT.replace("/>", ">" + RECT + "</rect>"),
        RECT.replace(" x=", ' onclick="alert(1)" x='),
        RECT.replace(" x=", ' transform="scale(2)" x='),
        RECT.replace(" x=", ' opacity="0.5" x='),
        RECT.replace(" x=", ' xmlns="urn:x" x='),
        RECT.replace("#102030ff", "red"),
        RECT.replace("#102030ff", "url(#a)"),
        RECT.replace(' fill="#102030ff"', ""),
        RECT.replace('x="1"', 'x="24"'),
        RECT.replace('x="1"', 'x="-1"'),
        RECT.replace('x="1"', 'x="0.5"'),
        RECT.replace('x="1"', 'x="nan"'),
        RECT.replace('width="1"', 'width="0"'),
        RECT.replace('width="1"', 'width="1e9"'),
        RECT.replace(' width="1"', ""),
    ],
)
def test_anything_but_rectangles_on_the_grid_is_refused(body: str) -> None:
    with pytest.raises(ImageError, match=PLAIN):
        read_svg(make_svg(body))


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace("24 24", "32 32"),
        HEAD.replace(' viewBox="0 0 24 24"', ""),
        HEAD.replace(">", ' width="24" height="48">'),
        HEAD.replace(">", ' style="transform:scale(-1,1)">'),
        HEAD.replace("2000/svg", "2000/other"),
    ],
)
def test_other_coordinate_systems_are_refused(head: str) -> None:
    with pytest.raises(ImageError, match=PLAIN):
        read_svg(make_svg(RECT, head))


def test_svg_without_rectangles_is_refused() -> None:
    with pytest.raises(ImageError, match="only one color"):
        decode_image(make_svg(""))
