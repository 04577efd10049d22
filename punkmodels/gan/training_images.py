"""What a generator learns to draw: punks, or anybody's small pictures.

Pictures are square, of 8 to 64 pixels, all of one size: a folder of them, or an array in a .npz or
.npy. Nothing is known of them but their pixels, so their features are the pixels' principal
components.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, UsageError
from punkdata.traits import LABELS
from punkmodels.classifier.features import embed
from punkmodels.data.palette import quantize
from punkmodels.data.skin_tones import detect_skin_tones
from punkmodels.data.splits import SplitTensors

MIN_SIDE_PX, MAX_SIDE_PX = 8, 64
MAX_BYTES = 2_000_000_000
LEAST = 20
COMPONENTS = 64
FITTED_TO = 5_000
"""pictures by which the components are found"""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
CHANNELS = {1: "gray", 3: "RGB", 4: "RGBA"}
WHITES = (1.0, 255.0, 65_535.0)
"""what stands for white in pictures: as a share, in 8 bits, in 16"""


@dataclass(frozen=True)
class TrainingImages:
    """Training images, and what is known of them."""

    images: torch.Tensor
    """punks: palette indices uint8 (N, 24, 24); pictures: uint8 (N, channels, side, side)"""
    labels: torch.Tensor
    """(N, 92); of pictures all 0, here and below"""
    visible: torch.Tensor
    tones: torch.Tensor
    name: str
    about: dict[str, Any]
    """for config.json"""
    mean: torch.Tensor | None = None
    basis: torch.Tensor | None = None
    """of pictures: float32 (pixels, components)"""

    def __len__(self) -> int:
        return len(self.images)

    def show(self, drawn: torch.Tensor) -> torch.Tensor:
        """Drawings, float32 (N, channels, side, side) in [-1, 1], as `images` are; on the CPU."""
        return quantize(drawn)[0].cpu() if self.basis is None else to_pixels(drawn)

    def embed(self, images: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Features, float32 (N, D) on the CPU, by which sets of images are compared."""
        if self.basis is None or self.mean is None:
            return embed(images, device)
        return (images.flatten(1).float() / 255 - self.mean) @ self.basis


def punks(part: SplitTensors) -> TrainingImages:
    """The punks of a part."""
    return TrainingImages(
        part.images,
        part.labels,
        part.visible,
        detect_skin_tones(part.images),
        f"{len(part):,} punks of {part.version}",
        part.data_config,
    )


def pictures(path: Path) -> TrainingImages:
    """Anybody's.

    Raises:
        UsageError: there are none, or they are of different or other sizes.
        DataError: one of them is damaged.
    """
    array, white = _read_array(path) if path.is_file() else (_read_folder(path), 255.0)
    pixels = torch.from_numpy(array)
    n, channels, height, width = pixels.shape
    if height != width or not MIN_SIDE_PX <= width <= MAX_SIDE_PX:
        raise UsageError(
            f"the pictures of {path} have {width}x{height} pixels, not a square of "
            f"{MIN_SIDE_PX} to {MAX_SIDE_PX}",
            hint="cut or resize them first",
        )
    if n < LEAST:
        raise UsageError(f"{path} holds too few pictures ({n}); {LEAST} is the least to learn from")
    flat = pixels[torch.linspace(0, n - 1, min(n, FITTED_TO)).long()].flatten(1).float() / 255
    mean = flat.mean(dim=0)
    count = min(COMPONENTS, len(flat) - 1, flat.shape[1])
    basis = torch.linalg.svd(flat - mean, full_matrices=False).Vh[:count].T.contiguous()
    nothing = torch.zeros(n, len(LABELS))
    stretched = "" if white in WHITES else f", in which {white:g} is white"
    return TrainingImages(
        pixels,
        nothing,
        nothing,
        torch.zeros(n, dtype=torch.int64),
        f"{n:,} {CHANNELS[channels]} pictures of {width}x{height} in {path}{stretched}",
        {
            "version": "pictures",
            "labels_hash": hashlib.sha256(pixels.numpy().tobytes()).hexdigest(),
            "punks": n,
            "pictures": str(path.resolve()),
        },
        mean,
        basis,
    )


def to_pixels(drawn: torch.Tensor) -> torch.Tensor:
    """uint8 on the CPU, of float32 in [-1, 1]."""
    return ((drawn.float() + 1) * 127.5).round().clamp(0, 255).byte().cpu()


def to_signed(pixels: torch.Tensor) -> torch.Tensor:
    """The reverse."""
    return pixels.float() / 127.5 - 1


def _read_folder(path: Path) -> NDArray[np.uint8]:
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        what = "holds no pictures" if path.is_dir() else "is not there"
        raise UsageError(f"{path} {what}", hint="name a folder of PNGs, or a .npz")
    modes: set[str] = set()
    found: list[Image.Image] = []
    for file in files:
        try:
            with Image.open(file) as image:
                if found and image.size != found[0].size:
                    raise UsageError(
                        f"{file} has {image.width}x{image.height} pixels, {files[0].name} "
                        f"{found[0].width}x{found[0].height}",
                        hint="make all of one size first",
                    )
                if max(image.size) > MAX_SIDE_PX:
                    raise UsageError(
                        f"{file} has {image.width}x{image.height} pixels, more than {MAX_SIDE_PX}",
                        hint="make them smaller first",
                    )
                has_alpha = image.has_transparency_data
                is_deep = image.mode.startswith("I")  # gray in 16 bits, which Pillow would clip
                is_gray = is_deep or image.mode in ("1", "L", "LA")
                modes.add("RGBA" if has_alpha else "L" if is_gray else "RGB")
                found.append(_in_8_bits(image) if is_deep else image.copy())
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001  # decoders raise whatever they like
            raise DataError(f"{file} is no whole picture ({error})") from None
    mode = "RGBA" if "RGBA" in modes else "RGB" if "RGB" in modes else "L"
    stack = np.stack([np.asarray(image.convert(mode)) for image in found])
    return _channels_first(stack, path)


def _in_8_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))


def _read_array(path: Path) -> tuple[NDArray[np.uint8], float]:
    """Pictures uint8 (N, channels, side, side), and the value that was white before."""
    try:
        array = _read_npz(path) if path.suffix == ".npz" else np.lib.format.open_memmap(path, "r")
        if array.nbytes > MAX_BYTES:
            raise UsageError(f"{path} unpacks to more than {MAX_BYTES:,} bytes")
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # of numpy, zipfile, zlib, and of absurd headers
        raise DataError(f"{path} is no array that numpy reads ({error})") from None
    if array.ndim not in (3, 4) or array.dtype.kind not in "buif" or not array.size:
        raise UsageError(
            f"{path} holds {array.dtype} {array.shape}, not pictures (N, side, side) or "
            "(N, side, side, channels)"
        )
    if array.dtype == np.uint8:
        return _channels_first(array, path), 255.0
    if not np.isfinite(array).all():
        raise UsageError(f"{path} holds NaN or infinite values", hint="save 0 to 255")
    if array.min() < 0:
        raise UsageError(f"{path} holds values below 0", hint="save 0 to 255")
    largest = float(array.max())
    white = _white(largest)
    array = np.rint(array * (255 / white)).astype(np.uint8)
    return _channels_first(array, path), white


def _white(largest: float) -> float:
    """What is white where nothing is above `largest`: 16 in the digits of scikit-learn."""
    return next((full for full in WHITES if full / 2 < largest <= full), max(largest, 1.0))


def _read_npz(path: Path) -> NDArray[Any]:
    with zipfile.ZipFile(path) as parts:
        if sum(part.file_size for part in parts.infolist()) > MAX_BYTES:
            raise UsageError(f"{path} unpacks to more than {MAX_BYTES:,} bytes")
        files = {name.removesuffix(".npy"): name for name in parts.namelist()}
        conditions_from_names = [name for name in ("images", "x_train", "data") if name in files]
        if not conditions_from_names and len(files) != 1:
            raise UsageError(
                f"{path} holds {', '.join(files) or 'nothing'}; which are the pictures?",
                hint='save them as "images"',
            )
        with parts.open(files[[*conditions_from_names, *files][0]]) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array


def _channels_first(array: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[-1] in CHANNELS:
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1] not in CHANNELS:
        raise UsageError(f"{path} holds arrays {array.shape}: neither gray, RGB nor RGBA")
    return np.array(array, order="C")  # of a file that is only mapped, too
