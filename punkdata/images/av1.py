"""Reader for the headers of an AV1 image: its size, and its quantizer index.

AV1 Bitstream & Decoding Process Specification, sections 5.3 "OBU syntax", 5.5 "Sequence header OBU
syntax" and 5.9 "Frame header OBU syntax". The frame header contains `base_q_idx`, which determines
the quantization steps of all coefficients (7.12.2 "Dequantization functions"). All functions raise
EOFError if something is missing.
"""

from collections.abc import Iterator
from typing import NamedTuple

MAX_UNITS = 1000
_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6  # Types of open bitstream units (OBUs).


def count_pixels(item: bytes) -> int:
    """Return the number of pixels of all frames of an AV1 image, or an upper bound."""
    sequence, num_pixels = None, 0
    for kind, unit in _iter_units(item):
        if kind == _SEQUENCE_HEADER:
            sequence = _read_sequence_header(unit)
        elif kind in (_FRAME_HEADER, _FRAME):
            if sequence is None:
                raise EOFError
            is_evident = sequence.is_still or not _may_override_size(unit, sequence)
            num_pixels += sequence.width * sequence.height if is_evident else sequence.max_pixels
    return num_pixels


def find_base_q_idx(item: bytes) -> int:
    """Return base_q_idx from the first sequence header and frame header of an AV1 item."""
    sequence = None
    for kind, unit in _iter_units(item):
        if kind == _SEQUENCE_HEADER:
            sequence = _read_sequence_header(unit)
        elif kind in (_FRAME_HEADER, _FRAME) and sequence and sequence.is_still:
            return _read_frame_header(unit, sequence)
    raise EOFError


class BitReader:
    """Reads unsigned integers of a given number of bits, most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def read(self, num_bits: int) -> int:
        """Return the next `num_bits` bits as an integer; raises EOFError if fewer are left."""
        end = self.position + num_bits
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.position // 8, (end + 7) // 8
        self.position = end
        return int.from_bytes(self.data[first:last]) >> (8 * last - end) & ((1 << num_bits) - 1)

    def read_leb128(self) -> int:
        """Return an integer in the variable-length code LEB128, of up to 8 bytes."""
        value = 0
        for shift in range(0, 56, 7):
            more, bits = self.read(1), self.read(7)
            value |= bits << shift
            if not more:
                return value
        raise EOFError

    def read_version(self) -> int:
        """Read a full box's version and flags, and return the version."""
        return self.read(32) >> 24


class _Sequence(NamedTuple):
    """What a sequence header says about the frames that follow it."""

    width: int
    height: int
    max_pixels: int  # Number of pixels of the largest frame that a frame header can override.
    is_still: bool  # Whether it has the short form for one image, and so have its frame headers.
    superblock_px: int = 0
    has_superres: bool = False
    screen_content_tools: int = 0  # 2 means that each frame header has a flag of its own.
    integer_mv: int = 0
    has_more_fields: bool = False  # Fields precede the flag for another size in frame headers.


def _iter_units(item: bytes) -> Iterator[tuple[int, BitReader]]:
    """Yield the type and the content of each open bitstream unit."""
    bits = BitReader(item)
    for _ in range(MAX_UNITS):
        if bits.position == 8 * len(item):
            return
        kind, has_extension, has_size = bits.read(5) & 15, bits.read(1), bits.read(1)
        bits.read(1 + 8 * has_extension)
        size = bits.read_leb128() if has_size else len(item) - bits.position // 8
        start = bits.position // 8
        bits.position += 8 * size
        if bits.position > 8 * len(item):
            raise EOFError
        yield kind, BitReader(item[start : start + size])
    raise EOFError


def _may_override_size(bits: BitReader, sequence: _Sequence) -> bool:
    """Return whether a frame may have another size than its sequence header says."""
    is_existing, frame_type, is_shown = bits.read(1), bits.read(2), bits.read(1)
    if is_existing or frame_type != 0 or not is_shown or sequence.has_more_fields:
        return True  # Only a shown key frame has a header as short as this.
    bits.read(1)  # disable_cdf_update
    tools = sequence.screen_content_tools
    allows_tools = bits.read(1) if tools == 2 else tools
    bits.read(1 if allows_tools and sequence.integer_mv == 2 else 0)  # force_integer_mv
    return bool(bits.read(1))  # frame_size_override_flag


def _read_sequence_header(bits: BitReader) -> _Sequence:
    bits.read(4)  # seq_profile, still_picture
    is_still = bool(bits.read(1))  # reduced_still_picture_header
    has_timing = False
    if is_still:
        bits.read(5)  # seq_level_idx
    else:
        has_timing = _skip_operating_points(bits)
    width_bits, height_bits = 1 + bits.read(4), 1 + bits.read(4)
    width, height = 1 + bits.read(width_bits), 1 + bits.read(height_bits)
    max_pixels = 1 << (width_bits + height_bits)
    has_ids = not is_still and bits.read(1)
    bits.read(7 * has_ids)  # delta_frame_id_length, additional_frame_id_length
    superblock_px = 128 if bits.read(1) else 64
    bits.read(2)  # enable_filter_intra, enable_intra_edge_filter
    if is_still:
        return _Sequence(width, height, max_pixels, is_still, superblock_px, bool(bits.read(1)))
    bits.read(4)  # enable_interintra_compound to enable_dual_filter
    if bits.read(1):  # enable_order_hint
        bits.read(2)  # enable_jnt_comp, enable_ref_frame_mvs
    tools = 2 if bits.read(1) else bits.read(1)
    integer_mv = 2
    if tools and not bits.read(1):
        integer_mv = bits.read(1)
    has_more_fields = has_timing or bool(has_ids)
    return _Sequence(
        *(width, height, max_pixels, is_still),
        screen_content_tools=tools,
        integer_mv=integer_mv,
        has_more_fields=has_more_fields,
    )


def _skip_operating_points(bits: BitReader) -> bool:
    """Skip the fields up to the size, and return whether frame headers contain times."""
    delay_bits = 0
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)  # num_units_in_display_tick, time_scale
        if bits.read(1):  # equal_picture_interval: an integer preceded by its length in zeros
            num_zeros = 0
            while not bits.read(1):
                num_zeros += 1
            bits.read(num_zeros if num_zeros < 32 else 0)
        if bits.read(1):  # decoder_model_info_present_flag
            delay_bits = 1 + bits.read(5)
            bits.read(42)  # num_units_in_decoding_tick and two lengths
    has_display_delay = bits.read(1)
    for _ in range(1 + bits.read(5)):
        bits.read(12)  # operating_point_idc
        if bits.read(5) > 7:  # seq_level_idx
            bits.read(1)  # seq_tier
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_display_delay and bits.read(1):
            bits.read(4)
    return delay_bits > 0


def _read_frame_header(bits: BitReader, sequence: _Sequence) -> int:
    """Return base_q_idx of a frame with the short form of headers."""
    bits.read(1)  # disable_cdf_update
    allows_screen_content_tools = bits.read(1)
    bits.read(allows_screen_content_tools)  # force_integer_mv
    if sequence.has_superres and bits.read(1):
        raise EOFError  # use_superres: stored with a smaller width
    if bits.read(1):
        bits.read(32)  # render_width_minus_1, render_height_minus_1
    bits.read(allows_screen_content_tools)  # allow_intrabc
    if not bits.read(1):
        raise EOFError  # not uniform_tile_spacing_flag
    log2_tiles = 0
    for side in (sequence.width, sequence.height):
        num_superblocks = -(-side // sequence.superblock_px)
        for _ in range((num_superblocks - 1).bit_length()):
            if not bits.read(1):
                break
            log2_tiles += 1
    if log2_tiles:
        bits.read(log2_tiles + 2)  # context_update_tile_id, tile_size_bytes_minus_1
    return bits.read(8)
