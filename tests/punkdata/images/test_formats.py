from __future__ import annotations

import struct

import pytest
from PIL import Image
from support.sprites import DrawnPunk, draw_punks, enlarged, picture_bytes, png_bytes, svg_uri

from punkdata.errors import ImageError
from punkdata.images.formats import check_whole, format_name, is_lossless, open_picture

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])
PICTURE = enlarged(PUNK.sprite)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "an empty file"),
        (png_bytes(PUNK.sprite), "PNG"),
        (picture_bytes(PICTURE, "JPEG"), "JPEG"),
        (picture_bytes(PICTURE, "WEBP"), "WebP"),
        (picture_bytes(PICTURE, "AVIF"), "AVIF"),
        (picture_bytes(PICTURE, "GIF"), "GIF"),
        (svg_uri(PUNK.sprite).encode(), "SVG"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><!-- drawn by hand --><svg/>", "SVG"),
        (b"<?xml version='1.0'?><rss/>", "XML"),
        (b"<!DOCTYPE html>", "HTML"),
        (b'{"detail": "gone"}', "JSON"),
        (b"hello", "something else"),
    ],
)
def test_the_first_bytes_tell_the_format(data: bytes, name: str) -> None:
    assert format_name(data) == name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_whole_picture_passes_and_a_cut_one_does_not(kind: str) -> None:
    data = picture_bytes(PICTURE, kind)
    check_whole(data)
    with pytest.raises(ImageError, match="cut short"):
        check_whole(data[: len(data) // 2])


def test_lossless_files_are_known_by_their_parts() -> None:
    assert is_lossless(png_bytes(PUNK.sprite))
    assert is_lossless(picture_bytes(PICTURE, "WEBP", lossless=True))
    clear = Image.fromarray(PUNK.sprite)
    assert is_lossless(picture_bytes(clear, "WEBP", lossless=True, exif=b"Exif\0\0"))
    for kind in ("WEBP", "JPEG", "AVIF"):
        assert not is_lossless(picture_bytes(PICTURE, kind))
    assert not is_lossless(picture_bytes(clear.resize((96, 96)), "WEBP"))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF"])
def test_animations_are_refused(kind: str) -> None:
    frames = [enlarged(punk.sprite, 96) for punk in draw_punks(2)]
    data = picture_bytes(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="is an animation|but GIF"):
        open_picture(data)


def webp_of(size: tuple[int, int], kind: bytes) -> bytes:
    """A WebP file that says it is of that size, and then holds nothing."""
    width, height = size
    match kind:
        case b"VP8X":
            body = (
                b"\0" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
            )
        case b"VP8L":
            body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"\0" * 5
        case _:
            body = b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    part = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(part)) + b"WEBP" + part


@pytest.mark.parametrize("kind", [b"VP8X", b"VP8L", b"VP8 "])
@pytest.mark.parametrize("size", [(16383, 16383), (300, 200), (1, 1)])
def test_a_webp_is_refused_by_its_header_alone(kind: bytes, size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=f"is {size[0]}x{size[1]} pixels"):
        open_picture(webp_of(size, kind))


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
@pytest.mark.parametrize("size", [(2401, 2401), (300, 200), (16, 16)])
def test_a_size_that_no_punk_comes_in_is_refused(kind: str, size: tuple[int, int]) -> None:
    data = picture_bytes(Image.new("RGB", size, "#638596"), kind)
    with pytest.raises(ImageError, match=f"is {size[0]}x{size[1]} pixels, not a square of 24 to"):
        open_picture(data)


def test_a_jpeg_of_very_many_scans_is_refused_at_once() -> None:
    data = picture_bytes(PICTURE, "JPEG", progressive=True)
    at = data.index(b"\xff\xda")
    with pytest.raises(ImageError, match="more than 100 scans"):
        open_picture(data[:at] + data[at:-2] * 20 + data[-2:])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_picture_that_is_stored_turned_is_refused(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(ImageError, match="turned or mirrored"):
        open_picture(picture_bytes(PICTURE, kind, exif=exif))
