"""The on-chain SVG of a punk, one rectangle a pixel, to its 24x24 pixels. Pure.

    data:image/svg+xml;utf8,<svg xmlns="http://www.w3.org/2000/svg" … viewBox="0 0 24 24">
    <rect x="9" y="5" width="1" height="1" shape-rendering="crispEdges" fill="#000000ff"/> …

The text is read as a list of rectangles, by a parser that stops at anything else: nothing
is looked up, included, executed or drawn by the file's own rules.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import ImageError

MAX_SVG_BYTES = 500_000
MAX_RECTANGLES = 5_000
_SIDE = 24
_IGNORED = {"xmlns", "version", "shape-rendering", "preserveAspectRatio", "xml:space", "id"}
_SVG_ATTRIBUTES = _IGNORED | {"viewBox", "width", "height"}
_NAMESPACE = "http://www.w3.org/2000/svg"
_RECT_ATTRIBUTES = _IGNORED | {"x", "y", "width", "height", "fill"}
_FILL = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_NUMBER = re.compile(r"[0-9]{1,2}(\.0{1,6})?")


def unwrap_data_uri(data: bytes) -> bytes:
    """The bytes inside a data URI, written raw, percent-encoded or base64; others unchanged.

    The contract's own URIs carry raw `#`, where a strict reader would cut them off.

    Raises:
        ImageError: the URI is not of a picture, or its base64 is damaged.
    """
    text = data.lstrip()
    if text[:5].lower() != b"data:":
        return data
    head, comma, body = text.partition(b",")
    kind = head[5:].decode("latin-1").lower()
    if not comma or not kind.startswith("image/"):
        raise ImageError("is a data URI, but not of a picture")
    if kind.endswith(";base64"):
        try:
            return base64.b64decode(b"".join(unquote_to_bytes(body).split()), validate=True)
        except binascii.Error:
            raise ImageError("is a data URI with damaged base64") from None
    # "%" stands in no raw SVG of rectangles, so what has one is percent-encoded.
    return unquote_to_bytes(body) if b"%" in body else body


def read_svg(data: bytes) -> NDArray[np.uint8]:
    """The pixels that the rectangles paint, one over the other: uint8 (24, 24, 4).

    Raises:
        ImageError: it is not an SVG of rectangles on a grid of 24x24, and nothing but that.
    """
    if len(data) > MAX_SVG_BYTES:
        raise ImageError(f"is an SVG of more than {MAX_SVG_BYTES:,} bytes")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.XmlDeclHandler = reader.check_encoding
    parser.ProcessingInstructionHandler = reader.refuse_instruction
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ImageError(f"is a damaged SVG ({expat.errors.messages[error.code]})") from None
    except (LookupError, ValueError):
        raise ImageError("is a damaged SVG (its encoding is unknown)") from None
    if not reader.rectangles:
        raise ImageError("is an SVG without rectangles")
    return _painted(reader.rectangles)


class _Reader:
    def __init__(self) -> None:
        self.rectangles: list[tuple[tuple[int, int, int, int], tuple[int, int, int, int]]] = []
        self.depth = 0

    def refuse_doctype(self, *_: object) -> None:
        raise ImageError("is an SVG with a document type, which may hide anything")

    def check_encoding(self, version: str, encoding: str | None, alone: int) -> None:  # noqa: ARG002
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            raise ImageError("is an SVG in an encoding other than UTF-8")

    def refuse_instruction(self, target: str, _: str) -> None:
        raise ImageError(f"is an SVG with <?{target[:20]}, which may change the picture")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        expected = "svg" if self.depth == 0 else "rect"
        if name != expected or self.depth > 1:
            raise ImageError(f"is an SVG with <{name[:20]}>, not just rectangles")
        self.depth += 1
        known = _SVG_ATTRIBUTES if expected == "svg" else _RECT_ATTRIBUTES
        for attribute in attributes:
            if attribute not in known and not attribute.startswith("xmlns:"):
                raise ImageError(f"is an SVG with {attribute[:20]!r}, which may change the picture")
        if attributes.get("xmlns", _NAMESPACE) != _NAMESPACE:
            raise ImageError("is not an SVG (it has another xmlns)")
        if expected == "svg":
            self._check_grid(attributes)
        else:
            self.rectangles.append((_place(attributes), _color(attributes.get("fill", ""))))
        if len(self.rectangles) > MAX_RECTANGLES:
            raise ImageError(f"is an SVG of more than {MAX_RECTANGLES:,} rectangles")

    def end(self, name: str) -> None:  # noqa: ARG002
        self.depth -= 1

    def text(self, text: str) -> None:
        if text.strip():
            raise ImageError("is an SVG with text, not just rectangles")

    def _check_grid(self, attributes: dict[str, str]) -> None:
        # An SVG without viewBox takes its grid from its size.
        sides = [attributes.get(name, "").removesuffix("px") for name in ("width", "height")]
        grid = attributes.get("viewBox") or f"0 0 {sides[0]} {sides[1]}"
        if grid.replace(",", " ").split() != ["0", "0", "24", "24"]:
            raise ImageError("is an SVG whose grid (viewBox) is not 0 0 24 24")
        if sides[0] != sides[1]:
            raise ImageError("is an SVG that is not square")


def _place(attributes: dict[str, str]) -> tuple[int, int, int, int]:
    texts = [attributes.get("x", "0"), attributes.get("y", "0")]
    texts += [attributes.get("width", ""), attributes.get("height", "")]
    if not all(_NUMBER.fullmatch(text) for text in texts):
        raise ImageError("is an SVG with a rectangle beside the grid")
    x, y, width, height = (int(float(text)) for text in texts)
    if not (width and height and x + width <= _SIDE and y + height <= _SIDE):
        raise ImageError("is an SVG with a rectangle beside the grid")
    return x, y, width, height


def _color(fill: str) -> tuple[int, int, int, int]:
    match = _FILL.fullmatch(fill)
    if match is None:
        raise ImageError(f"is an SVG with the color {fill[:20]!r}, not #rrggbb or #rrggbbaa")
    digits = match[1] if len(match[1]) > 3 else "".join(2 * digit for digit in match[1])
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


def _painted(
    rectangles: list[tuple[tuple[int, int, int, int], tuple[int, int, int, int]]],
) -> NDArray[np.uint8]:
    canvas = Image.new("RGBA", (_SIDE, _SIDE))
    for (x, y, width, height), color in rectangles:
        canvas.alpha_composite(Image.new("RGBA", (width, height), color), (x, y))
    return np.array(canvas)  # a copy, which may be written to
