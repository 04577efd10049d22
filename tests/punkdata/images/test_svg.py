"""SVGs of rectangles on the 24x24 grid are read, and everything else is refused."""

from __future__ import annotations

import base64
from urllib.parse import quote

import numpy as np
import pytest
from support.sprites import make_color_chart, svg_uri

from punkdata.errors import ImageError
from punkdata.images.svg import read_svg, unwrap_data_uri

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
RECT = '<rect x="1" y="2" width="1" height="1" fill="#102030ff"/>'


def make_svg(body: str, head: str = HEAD) -> bytes:
    return f"{head}{body}</svg>".encode()


def test_all_colors_are_read_from_rectangles() -> None:
    assert (
        read_svg(unwrap_data_uri(svg_uri(make_color_chart()).encode())) == make_color_chart()
    ).all()


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


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB.encode() + make_svg("&b;"), "document type"),
        (b'<!DOCTYPE svg SYSTEM "file:///etc/passwd">' + make_svg(RECT), "document type"),
        (b'<!DOCTYPE svg PUBLIC "x" "http://127.0.0.1/x.dtd">' + make_svg(RECT), "document type"),
        (make_svg("&undefined;"), "damaged"),
        (make_svg(RECT)[:-4], "damaged"),
        (make_svg("<script>alert(1)</script>"), "<script>"),
        (make_svg('<image href="http://127.0.0.1/x.png"/>'), "<image>"),
        (make_svg(f"<g>{RECT}</g>"), "<g>"),
        (make_svg(HEAD + "</svg>"), "<svg>"),
        (make_svg(RECT.replace("/>", ">" + RECT + "</rect>")), "<rect>"),
        (make_svg(RECT.replace(" x=", ' onclick="alert(1)" x=')), "'onclick'"),
        (make_svg(RECT.replace(" x=", ' transform="scale(2)" x=')), "'transform'"),
        (make_svg(RECT.replace(" x=", ' opacity="0.5" x=')), "'opacity'"),
        (make_svg(RECT.replace("#102030ff", "red")), "the color 'red'"),
        (make_svg(RECT.replace("#102030ff", "url(#a)")), "the color"),
        (make_svg(RECT.replace('x="1"', 'x="24"')), "not on the 24x24 grid"),
        (make_svg(RECT.replace('x="1"', 'x="-1"')), "not on the 24x24 grid"),
        (make_svg(RECT.replace('x="1"', 'x="0.5"')), "not on the 24x24 grid"),
        (make_svg(RECT.replace('width="1"', 'width="0"')), "not on the 24x24 grid"),
        (make_svg(RECT.replace('width="1"', 'width="1e9"')), "not on the 24x24 grid"),
        (make_svg(RECT, HEAD.replace("24 24", "32 32")), "viewBox"),
        (make_svg(RECT, HEAD.replace(' viewBox="0 0 24 24"', "")), "viewBox"),
        (make_svg(RECT, HEAD.replace(">", ' width="24" height="48">')), "not square"),
        (make_svg(RECT, HEAD.replace(">", ' style="transform:scale(-1,1)">')), "'style'"),
        (make_svg(RECT, HEAD.replace("2000/svg", "2000/other")), "another namespace"),
        (make_svg(RECT.replace(" x=", ' xmlns="urn:x" x=')), "another namespace"),
        (
            b'<?xml-stylesheet href="data:text/css,rect{fill:red}"?>' + make_svg(RECT),
            "xml-stylesheet",
        ),
        (b'<?xml version="1.0" encoding="unicode_escape"?>' + make_svg(RECT), "other than UTF-8"),
        (make_svg("hello" + RECT), "with text"),
        (make_svg(""), "without rectangles"),
        (make_svg(RECT * 5001), "more than 5,000 rectangles"),
        (make_svg(RECT + " " * 500_001), "more than 500,000 bytes"),
        (b'<?xml version="1.0" encoding="nonsense"?>' + make_svg(RECT), "damaged|UTF-8"),
    ],
)
def test_everything_but_rectangles_on_the_grid_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_svg(data)
