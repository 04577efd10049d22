"""Reader for the boxes of an AVIF file (ISO/IEC 14496-12 and 23008-12), around AV1 images.

The size in the boxes is only a claim: a decoder allocates memory for the size in the headers of the
AV1 images, which `av1` reads. Pillow does not expose these headers.
"""

from collections.abc import Iterator

from punkdata.errors import ImageError
from punkdata.images.av1 import BitReader, count_pixels, find_base_q_idx

MAX_Q_IDX = 255  # The coarsest quantization.
MAX_CODED_RATIO = 4
"""Maximum number of pixels of all coded frames, relative to the container; 2 with transparency."""


def iter_boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box of an AVIF, and the start and the end of its content.

    In a damaged file the end may lie before the start, or beyond the data.
    """
    end = 0
    while end + 8 <= len(data):
        name, start, length = data[end + 4 : end + 8], end + 8, int.from_bytes(data[end : end + 4])
        if length == 1:  # The actual length, in 8 bytes, follows the name.
            start, length = end + 16, int.from_bytes(data[end + 8 : end + 16])
        # A length of 0 means that the box extends to the end of the file.
        end = end + length if length else len(data)
        yield name, start, end
        end = max(start, end)


def check_avif(data: bytes, width: int, height: int) -> None:
    """Check that a decoder allocates memory for the size in the container, and not for much more.

    Raises ImageError otherwise, and if the file is damaged, an animation, or made of tiles.
    """
    if any(name == b"moov" for name, *_ in iter_boxes(data)):
        raise ImageError("is an animation")
    try:
        meta = _find_box(data, b"meta")[4:]
        types = _read_types(meta)
        coded = [item for item_id, item in _read_items(data, meta) if (item_id, b"av01") in types]
        num_pixels = sum(count_pixels(item) for item in coded)
        sizes = _read_sizes(meta)
    except EOFError:
        raise ImageError("is a damaged AVIF (its headers are incomplete)") from None
    if any(kind == b"grid" for _, kind in types):
        raise ImageError("is an AVIF of several tiles", hint="save it as a PNG")
    limit = width * height
    if num_pixels > MAX_CODED_RATIO * limit or any(w * h > limit for w, h in sizes):
        raise ImageError(f"is a damaged AVIF (it encodes more than {width}x{height} pixels)")


def read_base_q_idx(data: bytes) -> int:
    """Return the quantizer index of the primary image, 0 (lossless) to 255 (coarsest).

    Returns 255 if it cannot be found: in damaged files, and in files that are not still images.
    """
    try:
        meta = _find_box(data, b"meta")[4:]
        primary = BitReader(_find_box(meta, b"pitm"))
        primary_id = primary.read(32 if primary.read_version() else 16)
        return find_base_q_idx(dict(_read_items(data, meta))[primary_id])
    except (EOFError, KeyError):
        return MAX_Q_IDX


# -- the following functions raise EOFError if something is missing ----------------------------


def _find_box(data: bytes, name: bytes) -> bytes:
    """Return the content of the only box of this name."""
    found = [data[start:end] for kind, start, end in iter_boxes(data) if kind == name]
    if len(found) != 1:  # Two readers could choose different ones.
        raise EOFError
    return found[0]


def _read_types(meta: bytes) -> set[tuple[int, bytes]]:
    """Return the numbers of all items with their types, for example (1, b"av01")."""
    box = _find_box(meta, b"iinf")
    entries = box[8 if BitReader(box).read_version() else 6 :]
    types = set()
    for name, start, end in iter_boxes(entries):
        entry = BitReader(entries[start:end])
        if name == b"infe" and (version := entry.read_version()) >= 2:
            item_id = entry.read(16 if version == 2 else 32)
            entry.read(16)  # item_protection_index
            types.add((item_id, entry.read(32).to_bytes(4)))
    return types


def _read_sizes(meta: bytes) -> list[tuple[int, int]]:
    """Return the width and height of all items."""
    properties = _find_box(_find_box(meta, b"iprp"), b"ipco")
    boxes = [
        properties[start:end] for name, start, end in iter_boxes(properties) if name == b"ispe"
    ]
    return [(int.from_bytes(box[4:8]), int.from_bytes(box[8:12])) for box in boxes]


def _read_items(data: bytes, meta: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the content of each item."""
    locations = BitReader(_find_box(meta, b"iloc"))
    version = locations.read_version()
    id_bits = 32 if version == 2 else 16
    offset_bits, length_bits, base_bits, index_bits = (8 * locations.read(4) for _ in range(4))
    bytes_left = len(data)  # Items that share their content could otherwise use much memory.
    for _ in range(locations.read(id_bits)):
        item_id = locations.read(id_bits)
        method = locations.read(16) & 15 if version else 0
        if method > 1:  # 0: in the file, 1: in the box idat.
            raise EOFError
        source = _find_box(meta, b"idat") if method else data
        locations.read(16)  # data_reference_index
        base = locations.read(base_bits)
        content = b""
        for _ in range(locations.read(16)):
            locations.read(index_bits if version else 0)
            start = base + locations.read(offset_bits)
            extent = source[start : start + locations.read(length_bits)]
            bytes_left -= len(extent)
            if bytes_left < 0:
                raise EOFError
            content += extent
        yield item_id, content
