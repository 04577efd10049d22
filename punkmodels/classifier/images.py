"""Images in the formats that a classifier accepts, and their conversion to palette indices.

A tensor has the format of `punkdata.PunkDataset`: RGBA, channels first, uint8, or floating point in
[0, 1]. Files, PIL images and arrays of any other size or background are decoded as
`punkdata.decode_image` decodes a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import ImageError, UsageError
from punkdata.images.decode import decode_image, read_source
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX
from punkmodels.classifier.pictures import Box, FoundPunk, find_punks
from punkmodels.data.array_files import check_byte_range
from punkmodels.data.find_images import find_images

ImageLike: TypeAlias = "str | Path | bytes | Image.Image | NDArray[np.uint8] | torch.Tensor"
"""One image: a path, the bytes of a file, a PIL image, an array (H, W, 3 or 4), or a tensor."""
Images: TypeAlias = "list[Any] | tuple[Any, ...]"
"""Several images: a list or tuple of `ImageLike`."""
FLOAT_DTYPES = (torch.float16, torch.float32, torch.float64)
INTEGER_DTYPES = (torch.int8, torch.int16, torch.int32, torch.int64)
EXPECTED = (
    f"images must be RGBA tensors, (N, 4, {SIDE_PX}, {SIDE_PX}) or (4, {SIDE_PX}, {SIDE_PX}), of "
    "uint8, or of floating-point numbers in [0, 1]"
)


@dataclass(frozen=True)
class Sprite:
    """An RGBA sprite, uint8 (24, 24, 4), its file, and how certain its decoding is.

    `box` is its place in a picture that shows more than the sprite.
    """

    pixels: NDArray[np.uint8]
    path: str | None = None
    confidence: float = 1.0
    box: Box | None = None

    @property
    def name(self) -> str:
        return f"'{self.path}'" if self.path else "the image"


def images_to_indices(images: torch.Tensor) -> torch.Tensor:
    """Convert images as PunkDataset gives them to palette indices, uint8 (N, 24, 24).

    `images` are RGBA, uint8 or floating point in [0, 1], (N, 4, 24, 24) or (4, 24, 24). The result
    is on the same device. Colors outside the palette become the nearest palette color. Raises
    UsageError if the type, shape, dtype or range is another one.
    """
    if not isinstance(images, torch.Tensor):
        raise UsageError(
            f"{EXPECTED}, not {type(images).__name__}",
            hint="classify files, PIL images and arrays with classifier.predict",
        )
    return torch.from_numpy(palette_indices(_to_pixels(images))).to(images.device)


def _to_pixels(images: torch.Tensor) -> NDArray[np.uint8]:
    """Return the RGBA sprites in a tensor, uint8 (N, 24, 24, 4); raises as `images_to_indices`."""
    _check_layout(images)
    _check_shape(images)
    batch = images if images.ndim == 4 else images[None]
    return _to_uint8(batch).cpu().movedim(1, -1).numpy()


def _to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Convert floating-point images in [0, 1]; raise UsageError for other values."""
    if images.dtype == torch.uint8:
        check_byte_range(images.cpu().numpy(), "the images")
        return images
    _check_range(images)
    # Halves are rounded like all other values only in float32.
    return (images.detach().float() * 255).round().to(torch.uint8)


def _check_layout(images: torch.Tensor) -> None:
    """Raise UsageError unless all values of a tensor are stored, at equal distances."""
    if images.is_nested:
        raise UsageError(f"{EXPECTED}, not nested tensors", hint="pass them in a list")
    if images.layout != torch.strided:
        hint = "convert them with: images.to_dense()"
        raise UsageError(f"{EXPECTED}, not of layout {images.layout}", hint=hint)
    if images.is_meta:
        raise UsageError(f"{EXPECTED}, not meta tensors, which have no values")


def _check_shape(images: torch.Tensor) -> None:
    shape = tuple(images.shape)
    if len(shape) in (3, 4) and shape[-3:] == (4, SIDE_PX, SIDE_PX):
        return
    hint = None
    if shape[-3:] == (SIDE_PX, SIDE_PX, 4):
        hint = "convert channels-last images with: images.movedim(-1, -3)"
    elif shape[-3:] == (3, SIDE_PX, SIDE_PX):
        hint = (
            "RGB images lack the transparency that punks have; read RGBA images, or use "
            "classifier.predict, which removes a plain background"
        )
    elif len(shape) in (2, 3) and shape[-2:] == (SIDE_PX, SIDE_PX):
        hint = "for palette indices, use classifier.logits_from_indices"
    elif len(shape) in (3, 4) and shape[-3] == 4:
        hint = "classifier.predict accepts images of other sizes"
    raise UsageError(f"{EXPECTED}, not of shape {shape}", hint=hint)


def _check_range(images: torch.Tensor) -> None:
    """Raise UsageError unless the images are floating point in [0, 1]."""
    if images.dtype not in FLOAT_DTYPES:
        hint = None
        if images.dtype == torch.bfloat16:
            hint = "bfloat16 rounds colors; convert the original images with: images.float()"
        elif images.dtype in INTEGER_DTYPES:
            hint = "convert them with: images.byte()"
        raise UsageError(f"{EXPECTED}, not {images.dtype}", hint=hint)
    if not images.numel():
        return
    low, high = (float(value) for value in images.detach().aminmax())
    if low >= 0 and high <= 1:
        return
    hint = None
    if low >= -1 and high <= 1:
        hint = "convert images in [-1, 1] with: (images + 1) / 2"
    elif low >= 0 and high <= 255:
        hint = "convert images in [0, 255] with: images / 255"
    raise UsageError(f"{EXPECTED}, but the values range from {low:g} to {high:g}", hint=hint)


def read_sprites(source: ImageLike | Images) -> tuple[list[Sprite], bool]:
    """Return the sprites of one or several images, and whether it was a single one.

    `source` is what `Classifier.predict` accepts. Raises ImageError or UsageError as it does.
    """
    if isinstance(source, str | Path) and Path(source).is_dir():
        files = find_images([Path(source)])
        if not files:
            raise UsageError(
                f"'{source}' contains no images",
                hint="pass PNG, JPEG, WebP, AVIF or SVG files, or folders of such files",
            )
        return [sprite for file in files for sprite in _decode(file)], False
    if isinstance(source, torch.Tensor):
        _check_layout(source)
        if _needs_decoding(source):
            return read_sprites(_to_uint8(source).movedim(-3, -1).cpu().numpy())
        return [Sprite(pixels) for pixels in _to_pixels(source)], source.ndim == 3
    if isinstance(source, np.ndarray) and source.ndim == 4:
        return _read_array(source), False
    if isinstance(source, str | Path | bytes | Image.Image | np.ndarray):
        sprites = _read_image(source)
        return sprites, len(sprites) == 1
    if not isinstance(source, list | tuple):
        raise UsageError(
            f"predict does not accept {type(source).__name__}",
            hint="pass a path, bytes, a PIL image, an array, a tensor, or a list of them",
        )
    return [sprite for item in source for sprite in read_sprites(item)[0]], False


def _needs_decoding(images: torch.Tensor) -> bool:
    """Return whether images, (…, channels, height, width), are RGB or enlarged."""
    shape = tuple(images.shape[-3:])
    return images.ndim in (3, 4) and shape[0] in (3, 4) and shape != (4, SIDE_PX, SIDE_PX)


def _read_image(source: str | Path | bytes | Image.Image | NDArray[Any]) -> list[Sprite]:
    if isinstance(source, str | Path):
        return _decode(Path(source))
    if isinstance(source, bytes):
        return _decode(source)
    if isinstance(source, np.ndarray):
        return _read_array(source[None])
    try:
        source.load()
    except Exception as error:  # noqa: BLE001  # decoders raise arbitrary exceptions
        raise ImageError(f"the image cannot be read ({error})") from None
    if source.size == (SIDE_PX, SIDE_PX) and source.mode == "RGBA":
        return _read_array(np.asarray(source)[None])
    return _decode(source)


def _read_array(images: NDArray[Any]) -> list[Sprite]:
    """Return the sprites in an array, uint8 (N, height, width, 3 or 4)."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (3, 4):
        hint = None
        if images.dtype.kind == "f":
            hint = "convert floating-point images with: (images * 255).round().astype('uint8')"
        elif images.dtype == np.uint8 and images.ndim == 4 and images.shape[-3] in (3, 4):
            hint = "convert channels-first images with: numpy.moveaxis(images, -3, -1)"
        raise UsageError(
            "arrays of images must be uint8, (height, width, channels) or (N, height, width, "
            f"channels), RGB or RGBA, not {images.dtype} {images.shape}",
            hint=hint,
        )
    if not all(images.shape[1:]):
        raise UsageError(f"images have no pixels: their shape is {images.shape}")
    check_byte_range(images, "the images")
    is_sprite = images.shape[1:] == (SIDE_PX, SIDE_PX, 4)
    sprites = []
    for image in images:
        # A sprite with transparent pixels needs no decoding, which takes much longer.
        is_decoded = is_sprite and not image[..., 3].all()
        sprites += [Sprite(image)] if is_decoded else _decode(Image.fromarray(image))
    return sprites


def _decode(image: bytes | Path | Image.Image) -> list[Sprite]:
    """Return the sprite in an image, or the punks in a picture that shows more than a sprite."""
    path = str(image) if isinstance(image, Path) else None
    try:
        decoded = decode_image(image)
    except ImageError as error:
        found = _find_punks(image)
        if not found:
            raise error from None
        return [Sprite(punk.pixels, path, box=punk.box) for punk in found]
    sprite = decoded.sprite
    if (PALETTE[palette_indices(sprite)] != sprite).any():
        # A transparent image with other colors: all of them may have been changed.
        found = _find_punks(image)
        if len(found) == 1:
            sprite = found[0].pixels
    return [Sprite(sprite, path, decoded.confidence)]


def _find_punks(image: bytes | Path | Image.Image) -> list[FoundPunk]:
    try:
        return find_punks(read_source(image)[1])
    except ImageError:
        return []
