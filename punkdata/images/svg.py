"""Reader for the on-chain SVG of a punk, in which every rectangle is one pixel.

    data:image/svg+xml;utf8,<svg xmlns="http://www.w3.org/2000/svg" … viewBox="0 0 24 24">
    <rect x="9" y="5" width="1" height="1" shape-rendering="crispEdges" fill="#000000ff"/> …

The file is parsed as a list of rectangles, and the parser stops at anything else. It does not
resolve, include or execute anything that the file refers to.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import ImageError
from punkdata.images.sprite import SIDE_PX

MAX_SVG_BYTES = 500_000
"""Largest accepted file size in bytes."""
MAX_RECTANGLES = 5_000
"""Largest accepted number of rectangles."""

_IGNORED = {"xmlns", "version", "shape-rendering", "preserveAspectRatio", "xml:space", "id"}
_SVG_ATTRIBUTES = _IGNORED | {"viewBox", "width", "height"}
_RECT_ATTRIBUTES = _IGNORED | {"x", "y", "width", "height", "fill"}
_NAMESPACE = "http://www.w3.org/2000/svg"
_FILL = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_NUMBER = re.compile(r"[0-9]{1,2}(\.0{1,6})?")

_RGBA: TypeAlias = tuple[int, int, int, int]


class _Rectangle(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    color: _RGBA


def unwrap_data_uri(data: bytes) -> bytes:
    """Return the bytes inside a data URI; data that is not a data URI is returned unchanged.

    The content may be raw, percent-encoded or base64. The contract's own URIs contain raw "#"
    characters, at which a strict URI parser would cut them off.

    Raises:
        ImageError: The URI's media type is not an image, or its base64 is damaged.
    """
    text = data.lstrip()
    if text[:5].lower() != b"data:":
        return data
    head, comma, body = text.partition(b",")
    media_type = head[5:].decode("latin-1").lower()
    if not comma or not media_type.startswith("image/"):
        raise ImageError("is a data URI, but not of an image")
    if media_type.endswith(";base64"):
        try:
            return base64.b64decode(b"".join(unquote_to_bytes(body).split()), validate=True)
        except binascii.Error:
            raise ImageError("is a data URI with damaged base64") from None
    # A raw SVG of rectangles never contains "%", so content that does is percent-encoded.
    return unquote_to_bytes(body) if b"%" in body else body


def read_svg(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an SVG of rectangles; later ones are painted over earlier ones.

    Returns:
        uint8 (24, 24, 4), RGBA.

    Raises:
        ImageError: The file is not an SVG that consists of rectangles on a 24x24 grid only.
    """
    if len(data) > MAX_SVG_BYTES:
        raise ImageError(f"is an SVG of more than {MAX_SVG_BYTES:,} bytes")
    handler = _RectangleHandler()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = handler.refuse_doctype
    parser.XmlDeclHandler = handler.check_encoding
    parser.ProcessingInstructionHandler = handler.refuse_instruction
    parser.StartElementHandler = handler.start_element
    parser.EndElementHandler = handler.end_element
    parser.CharacterDataHandler = handler.refuse_text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ImageError(f"is a damaged SVG ({expat.errors.messages[error.code]})") from None
    except (LookupError, ValueError):
        raise ImageError("is a damaged SVG (its encoding is unknown)") from None
    if not handler.rectangles:
        raise ImageError("is an SVG without rectangles")
    return _paint(handler.rectangles)


class _RectangleHandler:
    """Collects the rectangles from expat's events, and refuses everything else."""

    def __init__(self) -> None:
        self.rectangles: list[_Rectangle] = []
        self.depth = 0

    def refuse_doctype(self, *_: object) -> None:
        raise ImageError("is an SVG with a document type declaration, which is not supported")

    def check_encoding(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: ARG002  # expat's signature
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            raise ImageError("is an SVG in an encoding other than UTF-8")

    def refuse_instruction(self, target: str, _: str) -> None:
        raise ImageError(f"is an SVG with <?{target[:20]}, which may change its appearance")

    def start_element(self, name: str, attributes: dict[str, str]) -> None:
        expected = "svg" if self.depth == 0 else "rect"
        if name != expected or self.depth > 1:
            raise ImageError(f"is an SVG with <{name[:20]}>; only rectangles are supported")
        self.depth += 1
        supported = _SVG_ATTRIBUTES if expected == "svg" else _RECT_ATTRIBUTES
        for attribute in attributes:
            if attribute not in supported and not attribute.startswith("xmlns:"):
                raise ImageError(
                    f"is an SVG with {attribute[:20]!r}, which may change its appearance"
                )
        if attributes.get("xmlns", _NAMESPACE) != _NAMESPACE:
            raise ImageError("is not an SVG (its xmlns is another namespace)")
        if expected == "svg":
            self._check_grid(attributes)
        else:
            self.rectangles.append(_parse_rectangle(attributes))
        if len(self.rectangles) > MAX_RECTANGLES:
            raise ImageError(f"is an SVG of more than {MAX_RECTANGLES:,} rectangles")

    def end_element(self, name: str) -> None:  # noqa: ARG002  # expat's signature
        self.depth -= 1

    def refuse_text(self, text: str) -> None:
        if text.strip():
            raise ImageError("is an SVG with text; only rectangles are supported")

    def _check_grid(self, attributes: dict[str, str]) -> None:
        # Without a viewBox, the width and height define the coordinate system.
        width = attributes.get("width", "").removesuffix("px")
        height = attributes.get("height", "").removesuffix("px")
        view_box = attributes.get("viewBox") or f"0 0 {width} {height}"
        if view_box.replace(",", " ").split() != ["0", "0", str(SIDE_PX), str(SIDE_PX)]:
            raise ImageError(f"is an SVG whose viewBox is not 0 0 {SIDE_PX} {SIDE_PX}")
        if width != height:
            raise ImageError("is an SVG that is not square")


def _parse_rectangle(attributes: dict[str, str]) -> _Rectangle:
    texts = [attributes.get("x", "0"), attributes.get("y", "0")]
    texts += [attributes.get("width", ""), attributes.get("height", "")]
    if not all(_NUMBER.fullmatch(text) for text in texts):
        raise ImageError("is an SVG with a rectangle that is not on the 24x24 grid")
    x, y, width, height = (int(float(text)) for text in texts)
    if not (width and height and x + width <= SIDE_PX and y + height <= SIDE_PX):
        raise ImageError("is an SVG with a rectangle that is not on the 24x24 grid")
    return _Rectangle(x, y, width, height, _parse_color(attributes.get("fill", "")))


def _parse_color(fill: str) -> _RGBA:
    match = _FILL.fullmatch(fill)
    if match is None:
        raise ImageError(f"is an SVG with the color {fill[:20]!r}, not #rrggbb or #rrggbbaa")
    digits = match[1] if len(match[1]) > 3 else "".join(2 * digit for digit in match[1])
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


def _paint(rectangles: list[_Rectangle]) -> NDArray[np.uint8]:
    canvas = Image.new("RGBA", (SIDE_PX, SIDE_PX))
    for x, y, width, height, color in rectangles:
        canvas.alpha_composite(Image.new("RGBA", (width, height), color), (x, y))
    return np.array(canvas)  # A copy, because np.asarray would return a read-only view.
