"""Reader for the on-chain SVG of a punk, in which every rectangle is one pixel."""

import base64
import binascii
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image, ImageColor

from punkdata.errors import ImageError
from punkdata.images.sprite import SIDE_PX, Sprite

MAX_SVG_BYTES = 500_000
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_HARMLESS = {"id", "version", "shape-rendering", "preserveAspectRatio", _XML_SPACE}
_SVG_ATTRIBUTES = _HARMLESS | {"viewBox", "width", "height"}
_RECT_ATTRIBUTES = _HARMLESS | {"x", "y", "width", "height", "fill"}

_NOT_PLAIN = f"is an SVG with anything but colored rectangles on the {SIDE_PX}x{SIDE_PX} grid"


def unwrap_data_uri(data: bytes) -> bytes:
    """Return the bytes inside a data URI; data that is not a data URI is returned unchanged.

    A strict URI parser would cut off the contract's own URIs, which contain raw "#" characters.
    """
    text = data.lstrip()
    if text[:5].lower() != b"data:":
        return data
    head, comma, body = text.partition(b",")
    media_type = head[5:].lower()
    if not comma or not media_type.startswith(b"image/"):
        raise ImageError("is a data URI, but not of an image")
    body = unquote_to_bytes(body)  # This changes nothing in a raw SVG, which contains no "%".
    if not media_type.endswith(b";base64"):
        return body
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise ImageError("is a data URI with damaged base64") from None


def read_svg(data: bytes) -> Sprite:
    """Return the sprite in an SVG of rectangles on the 24x24 grid; anything else is refused.

    A real one looks like this; later rectangles are painted over earlier ones:

        <svg xmlns="http://www.w3.org/2000/svg" version="1.2" viewBox="0 0 24 24">
        <rect x="9" y="5" width="1" height="1" shape-rendering="crispEdges" fill="#000000ff"/> …
    """
    if len(data) > MAX_SVG_BYTES:
        raise ImageError(f"is an SVG of more than {MAX_SVG_BYTES:,} bytes")
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise ImageError("is an SVG with a document type declaration") from None
    except (ParseError, LookupError, ValueError):  # The last two are due to the encoding.
        raise ImageError("is a damaged SVG") from None
    view_box = root.get("viewBox", "").replace(",", " ").split()
    if (
        not _is_plain(root, "svg", _SVG_ATTRIBUTES)
        or b"<?xml-stylesheet" in data
        or view_box != ["0", "0", str(SIDE_PX), str(SIDE_PX)]
        or root.get("width") != root.get("height")
    ):
        raise ImageError(_NOT_PLAIN)
    canvas = Image.new("RGBA", (SIDE_PX, SIDE_PX))
    for rectangle in root:
        _paint(canvas, rectangle)
    return np.array(canvas)  # A copy, because np.asarray would return a read-only view.


def _is_plain(element: Element, name: str, attributes: set[str]) -> bool:
    """Return whether an element has this name, no text, and only these attributes."""
    has_text = (element.text or "").strip() or (element.tail or "").strip()
    is_named = element.tag.removeprefix(_NAMESPACE) == name
    return is_named and not has_text and attributes.issuperset(element.keys())


def _paint(canvas: Image.Image, element: Element) -> None:
    fill = element.get("fill", "")
    try:
        color = ImageColor.getcolor(fill if fill.startswith("#") else "", "RGBA")
        sides = [float(element.get(name, "0")) for name in ("x", "y", "width", "height")]
        x, y, width, height = (int(side) if side.is_integer() else -1 for side in sides)
    except ValueError:
        raise ImageError(_NOT_PLAIN) from None
    is_on_grid = min(x, y) >= 0 and 0 < width <= SIDE_PX - x and 0 < height <= SIDE_PX - y
    if not (is_on_grid and _is_plain(element, "rect", _RECT_ATTRIBUTES)) or len(element):
        raise ImageError(_NOT_PLAIN)
    canvas.alpha_composite(Image.new("RGBA", (width, height), color), (x, y))
