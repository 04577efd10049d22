"""Reader for the quantizer index of an AVIF file, which Pillow does not expose.

An AVIF file consists of boxes (ISO/IEC 14496-12 and 23008-12) around an AV1 image. The image's
frame header contains `base_q_idx`, which determines the quantization steps of all coefficients
(AV1 Bitstream & Decoding Process Specification, sections 5.5 "Sequence header OBU syntax", 5.9
"Frame header OBU syntax" and 7.12.2 "Dequantization functions").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
"""Types of open bitstream units (OBUs)."""
_MAX_UNITS = 20
_SELECT_PER_FRAME = 2
"""Value of SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV in the specification."""


def read_base_q_idx(data: bytes) -> int | None:
    """Return the quantizer index of the primary image, 0 (lossless) to 255 (coarsest).

    Returns None if it cannot be found: in damaged files, and in files that are not still images.
    """
    try:
        return _find_base_q_idx(_primary_item(data))
    except (EOFError, StopIteration):
        return None


@dataclass
class _BitReader:
    """Reads unsigned integers of a given number of bits, most significant bit first."""

    data: bytes
    position: int = 0
    """Index of the next bit."""

    def read(self, num_bits: int) -> int:
        """Return the next `num_bits` bits as an integer.

        Raises:
            EOFError: Fewer bits are left.
        """
        end = self.position + num_bits
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.position // 8, (end + 7) // 8
        self.position = end
        return int.from_bytes(self.data[first:last]) >> (8 * last - end) & ((1 << num_bits) - 1)


# -- boxes ---------------------------------------------------------------------------------


def _iter_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box."""
    position = 0
    while position + 8 <= len(data):
        length, header_bytes = int.from_bytes(data[position : position + 4]), 8
        if length == 1:
            length, header_bytes = int.from_bytes(data[position + 8 : position + 16]), 16
        length = length or len(data) - position
        if length < header_bytes:
            raise EOFError
        yield data[position + 4 : position + 8], data[position + header_bytes : position + length]
        position += length


def _find_box(data: bytes, name: bytes) -> bytes:
    return next(body for kind, body in _iter_boxes(data) if kind == name)


def _primary_item(data: bytes) -> bytes:
    """Return the AV1 data of the primary item.

    Raises:
        EOFError: The item is missing, or not stored contiguously in the file.
        StopIteration: A required box is missing.
    """
    meta = _find_box(data, b"meta")[4:]
    primary = _BitReader(_find_box(meta, b"pitm"))
    primary_id = primary.read(32 if _box_version(primary) else 16)
    locations = _BitReader(_find_box(meta, b"iloc"))
    version = _box_version(locations)
    offset_bits, length_bits, base_bits, index_bits = (8 * locations.read(4) for _ in range(4))
    for _ in range(locations.read(32 if version == 2 else 16)):
        item_id = locations.read(32 if version == 2 else 16)
        is_in_file = version == 0 or locations.read(16) & 15 == 0
        locations.read(16)
        base = locations.read(base_bits)
        num_extents = locations.read(16)
        if item_id == primary_id and is_in_file and num_extents == 1:
            locations.read(index_bits if version else 0)
            start = base + locations.read(offset_bits)
            return data[start : start + locations.read(length_bits)]
        extent_bits = (index_bits if version else 0) + offset_bits + length_bits
        locations.position += num_extents * extent_bits
    raise EOFError


def _box_version(box: _BitReader) -> int:
    """Read a full box's version and flags, and return the version."""
    return box.read(32) >> 24


# -- AV1 headers ---------------------------------------------------------------------------


@dataclass
class _SequenceHeader:
    """The fields of a sequence header on which the layout of the frame header depends."""

    is_reduced: bool
    """reduced_still_picture_header."""
    width: int
    height: int
    has_large_superblocks: bool
    """use_128x128_superblock."""
    screen_content_tools: int
    """seq_force_screen_content_tools."""
    integer_mv: int
    """seq_force_integer_mv."""
    order_hint_bits: int
    has_superres: bool


def _find_base_q_idx(item: bytes) -> int | None:
    """Return base_q_idx from the first frame header of an AV1 item."""
    sequence = None
    bits = _BitReader(item)
    for _ in range(_MAX_UNITS):
        kind, has_extension, has_size = (bits.read(n) for n in (5, 1, 1))
        bits.read(1 + 8 * has_extension)
        size = _read_leb128(bits) if has_size else len(item) - bits.position // 8
        start = bits.position // 8
        unit = _BitReader(item[start : start + size])
        if kind == _SEQUENCE_HEADER:
            sequence = _read_sequence_header(unit)
        elif kind in (_FRAME_HEADER, _FRAME):
            return _read_frame_header(unit, sequence) if sequence else None
        bits.position += 8 * size
    return None


def _read_leb128(bits: _BitReader) -> int:
    """Return an integer in the variable-length code LEB128, of up to 8 bytes."""
    value = 0
    for i in range(8):
        byte = bits.read(8)
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value
    raise EOFError


def _read_sequence_header(bits: _BitReader) -> _SequenceHeader | None:
    """Return the fields of a sequence header, or None if it has timing information or frame ids."""
    bits.read(4)  # seq_profile, still_picture
    is_reduced = bool(bits.read(1))
    if is_reduced:
        bits.read(5)  # seq_level_idx
    elif not _skip_operating_points(bits):
        return None
    width_bits, height_bits = 1 + bits.read(4), 1 + bits.read(4)
    width, height = 1 + bits.read(width_bits), 1 + bits.read(height_bits)
    if not is_reduced and bits.read(1):
        return None  # frame_id_numbers_present_flag
    has_large_superblocks = bool(bits.read(1))
    bits.read(2)  # enable_filter_intra, enable_intra_edge_filter
    screen_content_tools = integer_mv = _SELECT_PER_FRAME
    order_hint_bits = 0
    if not is_reduced:
        bits.read(4)  # interintra and masked compound, warped motion, dual filter
        has_order_hint = bits.read(1)
        bits.read(2 * has_order_hint)  # enable_jnt_comp, enable_ref_frame_mvs
        screen_content_tools = _SELECT_PER_FRAME if bits.read(1) else bits.read(1)
        if screen_content_tools:
            integer_mv = _SELECT_PER_FRAME if bits.read(1) else bits.read(1)
        order_hint_bits = 1 + bits.read(3) if has_order_hint else 0
    return _SequenceHeader(
        is_reduced,
        width,
        height,
        has_large_superblocks,
        screen_content_tools,
        integer_mv,
        order_hint_bits,
        has_superres=bool(bits.read(1)),
    )


def _skip_operating_points(bits: _BitReader) -> bool:
    """Skip the operating points of a sequence header; return False if it has timing information."""
    if bits.read(1):
        return False  # timing_info_present_flag
    has_initial_delay = bits.read(1)
    for _ in range(1 + bits.read(5)):
        bits.read(12)  # operating_point_idc
        if bits.read(5) > 7:  # seq_level_idx
            bits.read(1)  # seq_tier
        if has_initial_delay and bits.read(1):
            bits.read(4)  # initial_display_delay_minus_1
    return True


def _read_frame_header(bits: _BitReader, sequence: _SequenceHeader) -> int | None:
    """Return base_q_idx, or None if the frame is not a key frame of the sequence's size."""
    if not sequence.is_reduced and bits.read(4) != 0b0001:
        return None  # not a key frame that is shown
    disable_cdf_update = bits.read(1)
    screen_content_tools = sequence.screen_content_tools
    if screen_content_tools == _SELECT_PER_FRAME:
        screen_content_tools = bits.read(1)
    if screen_content_tools and sequence.integer_mv == _SELECT_PER_FRAME:
        bits.read(1)  # force_integer_mv
    if not sequence.is_reduced and bits.read(1):
        return None  # frame_size_override_flag
    bits.read(sequence.order_hint_bits)
    if sequence.has_superres and bits.read(1):
        return None  # use_superres: stored with a smaller width
    if bits.read(1):
        bits.read(32)  # render_width_minus_1, render_height_minus_1
    if screen_content_tools:
        bits.read(1)  # allow_intrabc
    if not (sequence.is_reduced or disable_cdf_update):
        bits.read(1)  # disable_frame_end_update_cdf
    return _read_after_tile_info(bits, sequence)


def _read_after_tile_info(bits: _BitReader, sequence: _SequenceHeader) -> int | None:
    """Skip the tile information and return base_q_idx, or None if tiles differ in size."""
    superblock_px = 128 if sequence.has_large_superblocks else 64
    if not bits.read(1) or max(sequence.width, sequence.height) > 4096:
        return None  # not uniform_tile_spacing_flag
    log2_tiles = 0
    for side in (sequence.width, sequence.height):
        max_log2 = (-(-side // superblock_px) - 1).bit_length()
        for _ in range(max_log2):
            if not bits.read(1):
                break
            log2_tiles += 1
    if log2_tiles:
        bits.read(log2_tiles + 2)  # context_update_tile_id, tile_size_bytes_minus_1
    return bits.read(8)
