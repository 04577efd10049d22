"""How coarsely an AVIF was quantized, which its pixels do not show. Pure.

An AVIF file is boxes (ISO/IEC 14496-12, 23008-12) around one AV1 picture. Its frame header
holds `base_q_idx`, from which the steps of all coefficients follow (AV1 Bitstream &
Decoding Process Specification, 5.5 sequence header, 5.9 frame header, 7.12.2 steps).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_MAX_UNITS = 20
_SELECT = 2
"""a choice that is made for each frame"""


def read_base_q_idx(data: bytes) -> int | None:
    """0 (lossless) to 255 (coarsest) of the main picture in an AVIF file; None where it cannot
    be found, as in files that are no single pictures.
    """
    try:
        return _of_picture(_main_item(data))
    except (EOFError, StopIteration):
        return None


@dataclass
class _Bits:
    """Numbers of so many bits, one after the other."""

    data: bytes
    at: int = 0

    def read(self, bits: int) -> int:
        end = self.at + bits
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.at // 8, (end + 7) // 8
        self.at = end
        return int.from_bytes(self.data[first:last]) >> (8 * last - end) & ((1 << bits) - 1)


# -- the boxes -----------------------------------------------------------------------------


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, head = int.from_bytes(data[at : at + 4]), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16]), 16
        length = length or len(data) - at
        if length < head:
            raise EOFError
        yield data[at + 4 : at + 8], data[at + head : at + length]
        at += length


def _box(data: bytes, name: bytes) -> bytes:
    return next(body for kind, body in _boxes(data) if kind == name)


def _main_item(data: bytes) -> bytes:
    """The AV1 data of the primary item, where that lies in one piece in the file."""
    meta = _box(data, b"meta")[4:]
    primary = _Bits(_box(meta, b"pitm"))
    main_id = primary.read(32 if _version(primary) else 16)
    places = _Bits(_box(meta, b"iloc"))
    version = _version(places)
    offset_bits, length_bits, base_bits, index_bits = (8 * places.read(4) for _ in range(4))
    for _ in range(places.read(32 if version == 2 else 16)):
        item_id = places.read(32 if version == 2 else 16)
        in_file = version == 0 or places.read(16) & 15 == 0
        places.read(16)
        base = places.read(base_bits)
        pieces = places.read(16)
        if item_id == main_id and in_file and pieces == 1:
            places.read(index_bits if version else 0)
            start = base + places.read(offset_bits)
            return data[start : start + places.read(length_bits)]
        places.at += pieces * ((index_bits if version else 0) + offset_bits + length_bits)
    raise EOFError


def _version(box: _Bits) -> int:
    """How the box is written; after it come flags that mean nothing here."""
    return box.read(32) >> 24


# -- the picture ---------------------------------------------------------------------------


@dataclass
class _Sequence:
    """What the sequence header says that one needs to read on."""

    is_reduced: bool
    width: int
    height: int
    is_large_block: bool
    screen_tools: int
    whole_moves: int
    order_bits: int
    has_superres: int


def _of_picture(item: bytes) -> int | None:
    sequence = None
    bits = _Bits(item)
    for _ in range(_MAX_UNITS):
        kind, has_extension, has_size = (bits.read(n) for n in (5, 1, 1))
        bits.read(1 + 8 * has_extension)
        size = _leb128(bits) if has_size else len(item) - bits.at // 8
        start = bits.at // 8
        unit = _Bits(item[start : start + size])
        if kind == _SEQUENCE_HEADER:
            sequence = _sequence(unit)
        elif kind in (_FRAME_HEADER, _FRAME):
            return _of_frame(unit, sequence) if sequence else None
        bits.at += 8 * size
    return None


def _leb128(bits: _Bits) -> int:
    value = 0
    for i in range(8):
        byte = bits.read(8)
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value
    raise EOFError


def _sequence(bits: _Bits) -> _Sequence | None:
    bits.read(4)  # profile, and whether it is a still picture
    is_reduced = bool(bits.read(1))
    if is_reduced:
        bits.read(5)
    else:
        if bits.read(1):
            return None  # with a clock: a film
        has_delay = bits.read(1)
        for _ in range(1 + bits.read(5)):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if has_delay and bits.read(1):
                bits.read(4)
    width_bits, height_bits = 1 + bits.read(4), 1 + bits.read(4)
    width, height = 1 + bits.read(width_bits), 1 + bits.read(height_bits)
    if not is_reduced and bits.read(1):
        return None  # with numbered frames
    is_large_block = bool(bits.read(1))
    bits.read(2)
    screen_tools = whole_moves = _SELECT
    order_bits = 0
    if not is_reduced:
        bits.read(4)
        has_order = bits.read(1)
        bits.read(2 * has_order)
        screen_tools = _SELECT if bits.read(1) else bits.read(1)
        if screen_tools:
            whole_moves = _SELECT if bits.read(1) else bits.read(1)
        order_bits = 1 + bits.read(3) if has_order else 0
    return _Sequence(
        is_reduced,
        width,
        height,
        is_large_block,
        screen_tools,
        whole_moves,
        order_bits,
        has_superres=bits.read(1),
    )


def _of_frame(bits: _Bits, sequence: _Sequence) -> int | None:
    if not sequence.is_reduced and bits.read(4) != 0b0001:
        return None  # not a key frame that is shown
    has_fixed_odds = bits.read(1)
    tools = bits.read(1) if sequence.screen_tools == _SELECT else sequence.screen_tools
    if tools and sequence.whole_moves == _SELECT:
        bits.read(1)
    if not sequence.is_reduced and bits.read(1):
        return None  # another size than that of the sequence
    bits.read(sequence.order_bits)
    if sequence.has_superres and bits.read(1):
        return None  # stored narrower than it is
    if bits.read(1):
        bits.read(32)  # a size to show it in
    if tools:
        bits.read(1)
    if not (sequence.is_reduced or has_fixed_odds):
        bits.read(1)
    return _after_tiles(bits, sequence)


def _after_tiles(bits: _Bits, sequence: _Sequence) -> int | None:
    block_px = 128 if sequence.is_large_block else 64
    if not bits.read(1) or max(sequence.width, sequence.height) > 4096:
        return None  # tiles of different sizes
    tiles = 0
    for side in (sequence.width, sequence.height):
        most = (-(-side // block_px) - 1).bit_length()
        for _ in range(most):
            if not bits.read(1):
                break
            tiles += 1
    if tiles:
        bits.read(tiles + 2)
    return bits.read(8)
