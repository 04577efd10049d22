"""Reader for the quantizer index of an AVIF file, which Pillow does not expose.

An AVIF file consists of boxes (ISO/IEC 14496-12 and 23008-12) around an AV1 image. The image's
frame header contains `base_q_idx`, which determines the quantization steps of all coefficients
(AV1 Bitstream & Decoding Process Specification, sections 5.5 "Sequence header OBU syntax", 5.9
"Frame header OBU syntax" and 7.12.2 "Dequantization functions").
"""

from punkdata.images.formats import iter_boxes

MAX_Q_IDX = 255  # The coarsest quantization.
_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6  # Types of open bitstream units (OBUs).


def read_base_q_idx(data: bytes) -> int:
    """Return the quantizer index of the primary image, 0 (lossless) to 255 (coarsest).

    Returns 255 if it cannot be found: in damaged files, and in files that are not still images.
    """
    try:
        return _find_base_q_idx(_primary_item(data))
    except EOFError:
        return MAX_Q_IDX


class _BitReader:
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


def _primary_item(data: bytes) -> bytes:
    """Return the AV1 data of the primary item, if it is stored contiguously in the file."""
    meta = _find_box(data, b"meta")[4:]
    primary = _BitReader(_find_box(meta, b"pitm"))
    primary_id = primary.read(32 if primary.read_version() else 16)
    locations = _BitReader(_find_box(meta, b"iloc"))
    version = locations.read_version()
    id_bits = 32 if version == 2 else 16
    offset_bits, length_bits, base_bits, index_bits = (8 * locations.read(4) for _ in range(4))
    index_bits = index_bits if version else 0
    for _ in range(locations.read(id_bits)):
        item_id = locations.read(id_bits)
        is_in_file = version == 0 or locations.read(16) & 15 == 0
        locations.read(16)  # data_reference_index
        base = locations.read(base_bits)
        num_extents = locations.read(16)
        if item_id == primary_id and is_in_file and num_extents == 1:
            locations.read(index_bits)
            start = base + locations.read(offset_bits)
            return data[start : start + locations.read(length_bits)]
        locations.position += num_extents * (index_bits + offset_bits + length_bits)
    raise EOFError


def _find_box(data: bytes, name: bytes) -> bytes:
    """Return the content of the first box of this name, or nothing."""
    return next((data[start:end] for kind, start, end in iter_boxes(data) if kind == name), b"")


def _find_base_q_idx(item: bytes) -> int:
    """Return base_q_idx from the first sequence header and frame header of an AV1 item."""
    sequence = None
    bits = _BitReader(item)
    while True:
        kind, has_extension, has_size = (bits.read(n) for n in (5, 1, 1))
        bits.read(1 + 8 * has_extension)
        size = bits.read_leb128() if has_size else len(item) - bits.position // 8
        start = bits.position // 8
        unit = _BitReader(item[start : start + size])
        if kind == _SEQUENCE_HEADER:
            sequence = _read_sequence_header(unit)
        elif kind in (_FRAME_HEADER, _FRAME) and sequence:
            return _read_frame_header(unit, *sequence)
        bits.position += 8 * size


def _read_sequence_header(bits: _BitReader) -> tuple[int, int, int]:
    """Return the numbers of superblocks across and down, and enable_superres."""
    bits.read(4)  # seq_profile, still_picture
    if not bits.read(1):
        raise EOFError  # not reduced_still_picture_header
    bits.read(5)  # seq_level_idx
    width_bits, height_bits = 1 + bits.read(4), 1 + bits.read(4)
    width, height = 1 + bits.read(width_bits), 1 + bits.read(height_bits)
    superblock_px = 128 if bits.read(1) else 64
    bits.read(2)  # enable_filter_intra, enable_intra_edge_filter
    return -(-width // superblock_px), -(-height // superblock_px), bits.read(1)


def _read_frame_header(bits: _BitReader, across: int, down: int, has_superres: int) -> int:
    bits.read(1)  # disable_cdf_update
    allows_screen_content_tools = bits.read(1)
    bits.read(allows_screen_content_tools)  # force_integer_mv
    if has_superres and bits.read(1):
        raise EOFError  # use_superres: stored with a smaller width
    if bits.read(1):
        bits.read(32)  # render_width_minus_1, render_height_minus_1
    bits.read(allows_screen_content_tools)  # allow_intrabc
    if not bits.read(1):
        raise EOFError  # not uniform_tile_spacing_flag
    log2_tiles = 0
    for num_superblocks in (across, down):
        for _ in range((num_superblocks - 1).bit_length()):
            if not bits.read(1):
                break
            log2_tiles += 1
    if log2_tiles:
        bits.read(log2_tiles + 2)  # context_update_tile_id, tile_size_bytes_minus_1
    return bits.read(8)
