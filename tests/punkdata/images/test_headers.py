"""Files whose headers contradict each other are refused before a codec allocates memory."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk, encode_image, enlarge_sprite

from punkdata.errors import ImageError
from punkdata.images.av1 import count_pixels
from punkdata.images.avif import check_avif
from punkdata.images.decode import decode_bytes
from punkdata.images.formats import load_pixels, open_any_image, open_image

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])
IMAGE = enlarge_sprite(PUNK.sprite)
SIDES = struct.pack(">II", 336, 336)


def accept_all(width: int, height: int) -> None:
    pass


# -- AVIF --------------------------------------------------------------------------------------


def make_bits(fields: Iterable[tuple[int, int]]) -> bytes:
    """Return bytes with these pairs of value and number of bits, padded with zeros."""
    text = "".join(f"{value:0{num_bits}b}" for value, num_bits in fields if num_bits)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8) if text else b""


def make_unit(kind: int, content: bytes, forbidden_bit: int = 0) -> bytes:
    """Return an open bitstream unit of AV1 with a size of one or two bytes."""
    size = len(content)
    leb128 = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([forbidden_bit << 7 | kind << 3 | 2]) + leb128 + content


def make_sequence(
    side: int,
    *,
    still: bool = False,
    side_bits: int = 16,
    timing: Iterable[tuple[int, int]] = ((0, 1),),
    frame_ids: Iterable[tuple[int, int]] = ((0, 1),),
    points: Iterable[tuple[int, int]] = ((0, 5), (0, 12), (4, 5)),
    tools: Iterable[tuple[int, int]] = ((1, 1), (1, 1)),
) -> bytes:
    """Return a sequence header for square frames of this side."""
    head = [(0, 3), (int(still), 1), (int(still), 1)]
    head += [(0, 5)] if still else [*timing, (0, 1), *points]
    size = [(side_bits - 1, 4), (side_bits - 1, 4), (side - 1, side_bits), (side - 1, side_bits)]
    rest = [(0, 3)] if still else [*frame_ids, (0, 3), (0, 4), (1, 1), (0, 2), *tools]
    return make_unit(1, make_bits([*head, *size, *rest, (0, 64)]))


SHOWN_KEY_FRAME = [(0, 1), (0, 2), (1, 1)]


def make_frame(*fields: tuple[int, int], kind: int = 6) -> bytes:
    return make_unit(kind, make_bits([*fields, (0, 64)]))


@pytest.mark.parametrize(
    ("frame", "num_pixels"),
    [
        # show_existing_frame, frame_type, show_frame; disable_cdf_update, allow tools, override
        (make_frame(*SHOWN_KEY_FRAME, (0, 1), (0, 1), (0, 1)), 100**2),
        (make_frame(*SHOWN_KEY_FRAME, (0, 1), (1, 1), (0, 1), (0, 1)), 100**2),
        (make_frame(*SHOWN_KEY_FRAME, (0, 1), (1, 1), (1, 1), (0, 1), kind=3), 100**2),
        (make_frame(*SHOWN_KEY_FRAME, (0, 1), (0, 1), (1, 1)), 2**32),
        (make_frame((0, 1), (0, 2), (0, 1)), 2**32),  # not shown
        (make_frame((0, 1), (1, 2), (1, 1)), 2**32),  # not a key frame
    ],
)
def test_frame_that_may_have_another_size_counts_as_the_largest(
    frame: bytes, num_pixels: int
) -> None:
    assert count_pixels(make_sequence(100) + frame) == num_pixels


def test_size_follows_optional_fields_of_the_sequence_header() -> None:
    still = make_sequence(100, still=True, side_bits=9)
    frame = make_frame((0, 8))
    assert count_pixels(still + frame) == 100**2
    assert count_pixels(make_unit(2, b"") + still + make_unit(5, b"x" * 200) + frame) == 100**2
    # A forbidden bit that is set is ignored by decoders, and other sizes may follow.
    hidden = make_unit(1, make_sequence(5000, still=True)[2:], forbidden_bit=1)
    assert count_pixels(still + frame + hidden + frame) == 100**2 + 5000**2
    plain = make_frame(*SHOWN_KEY_FRAME)
    tools = [(0, 1), (1, 1), (0, 1), (1, 1)]
    assert count_pixels(make_sequence(99, tools=tools) + plain) == 99**2
    for timing, points, bits in [
        ([(1, 1), (7, 32), (7, 32), (0, 1), (0, 1)], [(0, 5), (0, 12), (9, 5), (0, 1)], 99**2),
        ([(1, 1), (7, 64), (1, 1), (0, 3), (1, 1), (5, 3), (0, 1)], [(0, 5), (0, 17)], 99**2),
        (
            [(1, 1), (7, 64), (0, 1), (1, 1), (3, 5), (0, 42)],
            [(1, 5), (0, 17), (1, 1), (0, 9), (0, 17), (0, 1)],
            2**32,  # Times in the frame header precede the flag for another size.
        ),
    ]:
        assert count_pixels(make_sequence(99, timing=timing, points=points) + plain) == bits
    ids = [(1, 1), (0, 7)]
    assert count_pixels(make_sequence(99, frame_ids=ids) + plain) == 2**32


@pytest.mark.parametrize("side", [672, 2400])
def test_avif_with_more_coded_pixels_than_its_container_states_is_refused(side: int) -> None:
    sides = struct.pack(">II", side, side)
    data = encode_image(IMAGE.resize((side, side)), "AVIF", speed=10).replace(sides, SIDES)
    if side == 672:  # Four times as many pixels are tolerated.
        assert open_image(data).size == (336, 336)
    else:
        with pytest.raises(ImageError, match="encodes more than 336x336 pixels"):
            open_image(data)
        with pytest.raises(ImageError, match="encodes more"):
            open_any_image(data, accept_all)


def test_avif_whose_container_states_another_size_somewhere_is_refused() -> None:
    transparent = Image.fromarray(PUNK.sprite).resize((336, 336), Image.Resampling.NEAREST)
    data = encode_image(transparent, "AVIF")
    check_avif(data, 336, 336)
    # libavif scales each image to the size in its box.
    changed = data.replace(SIDES, struct.pack(">II", 30_000, 30_000), 1)
    with pytest.raises(ImageError, match="encodes more"):
        check_avif(changed, 336, 336)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"av01", b"grid", "is an AVIF of several tiles"),
        (b"iloc", b"iloq", "damaged AVIF"),
        (b"hdlr", b"iinf", "damaged AVIF"),  # Two boxes of one name.
        (b"\x12\x00\x0a", b"\x12\x00\x2a", "damaged AVIF"),  # The sequence header is skipped.
    ],
)
def test_ambiguous_avif_is_refused(old: bytes, new: bytes, reason: str) -> None:
    data = encode_image(IMAGE, "AVIF")
    assert old in data
    with pytest.raises(ImageError, match=reason):
        check_avif(data.replace(old, new, 1), 336, 336)


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"tile_rows": 1}, {"speed": 3}])
def test_usual_avif_is_accepted(options: dict[str, object]) -> None:
    transparent = Image.fromarray(PUNK.sprite).resize((336, 336), Image.Resampling.NEAREST)
    for image in (IMAGE, transparent):
        data = encode_image(image, "AVIF", quality=90, **options)
        assert load_pixels(open_image(data)).size == (336, 336)


# -- JPEG --------------------------------------------------------------------------------------

SIZE_MARKER = b"\xff\xc0"


@pytest.mark.parametrize(
    "inserted",
    [
        b"\xff\xc2\0\x11\x08\xff\xdc\xff\xdc\3\1\x22\0\2\x11\1\3\x11\1",  # another size
        b"\xff\xf0\0\4\xff\xff",  # a marker that Pillow does not skip
        b"\xff\xd8",
        b"junk",
        b"\xff\xe0\0\1",
    ],
)
def test_jpeg_with_ambiguous_headers_is_refused(inserted: bytes) -> None:
    data = encode_image(IMAGE, "JPEG")
    start = data.index(SIZE_MARKER)
    with pytest.raises(ImageError, match="damaged JPEG"):
        open_any_image(data[:start] + inserted + data[start:], accept_all)


def test_jpeg_with_padding_and_metadata_is_read() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a punk"
    data = encode_image(IMAGE, "JPEG", progressive=True, icc_profile=b"x" * 70_000, exif=exif)
    start = data.index(b"\xff\xc2")
    padded = data[:start] + b"\xff" * 5 + data[start:]
    assert load_pixels(open_image(padded)).size == (336, 336)


# -- WebP --------------------------------------------------------------------------------------


def make_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def make_webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_webp_whose_frame_is_larger_than_its_canvas_is_refused() -> None:
    frame = encode_image(IMAGE, "WEBP", lossless=True)[12:]
    canvas = make_chunk(b"VP8X", struct.pack("<I", 0) + b"\x4f\1\0" * 2)
    assert open_image(make_webp(canvas, frame)).size == (336, 336)
    small = make_chunk(b"VP8X", struct.pack("<I", 0) + b"\x4e\1\0" * 2)
    animated = make_chunk(b"VP8X", struct.pack("<I", 2) + b"\x4e\1\0" * 2)
    part = make_chunk(b"ANMF", b"\0" * 16 + frame)
    for data in (make_webp(small, frame), make_webp(animated, part)):
        with pytest.raises(ImageError, match="a frame is larger than the image"):
            open_image(data)


# -- other formats of training images ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_opened_after_their_size_was_checked(kind: str) -> None:
    def refuse(width: int, height: int) -> None:
        raise ImageError(f"{width} x {height}")

    data = encode_image(IMAGE, kind)
    assert open_any_image(data, accept_all).size == (336, 336)
    with pytest.raises(ImageError, match="336 x 336"):
        open_any_image(data, refuse)
    with pytest.raises(ImageError, match=f"is {kind}, not a PNG"):
        decode_bytes(data)


def test_tiff_with_tiles_that_are_larger_than_the_image_is_checked_by_them() -> None:
    sizes: list[tuple[int, int]] = []
    tags = [(256, 336), (257, 336), (258, 8), (259, 1), (262, 1)]
    tags += [(322, 30_000), (323, 20_000), (324, 8), (325, 4)]  # The size of tiles, and one tile.
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 8
    open_any_image(data, lambda width, height: sizes.append((width, height)))
    assert sizes[-1] == (30_000, 20_000)


@pytest.mark.parametrize("data", [b"", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0\0\1\0\1\0"])
def test_formats_that_run_programs_or_are_rare_are_not_opened(data: bytes) -> None:
    with pytest.raises(ImageError, match="not an image"):
        open_any_image(data, accept_all)


def test_damaged_files_raise_only_image_errors() -> None:
    rng = np.random.default_rng(0)
    for kind in ("AVIF", "JPEG", "WEBP"):
        original = encode_image(enlarge_sprite(PUNK.sprite, 96), kind)
        for _ in range(300):
            data = bytearray(original[: rng.integers(13, len(original) + 1)])
            for position in rng.integers(12, len(data), 4):
                data[position] = rng.integers(256)
            try:
                load_pixels(open_image(bytes(data)))
            except ImageError:
                continue
