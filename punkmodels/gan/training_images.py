"""Training images of a GAN: punks from a snapshot, or other small images from files.

Other images are squares of one size, 8 to 64 pixels, in gray, RGB or RGBA: a folder of image files,
which is read recursively, or a .npy or .npz with values of 0 to 255 (uint8), 0 to 1 (floating
point) or booleans, shape (N, size, size) or (N, size, size, channels). No labels and no feature
network are known for them, so their features are the principal components of their pixels.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, NoFileError, UsageError
from punkdata.traits import TYPES
from punkmodels.classifier.pretrained import embed
from punkmodels.data.array_files import check_byte_range, load_images
from punkmodels.data.find_images import RASTER_SUFFIXES, find_images
from punkmodels.data.image_files import open_raster
from punkmodels.data.palette import quantize
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.config import DcganConfig

MIN_SIZE_PX, MAX_SIZE_PX = 8, 64
MIN_IMAGES = 20
DEFAULT_ARRAYS = ("images", "train_images")
"""Names of arrays in a .npz that are read by default; the latter is that of MedMNIST."""
CHANNEL_NAMES = {1: "gray", 3: "RGB", 4: "RGBA"}
PLACE_HINT = "image_dir= must be a folder of PNG files, a .npz or a .npy"
NUM_COMPONENTS = 64
MAX_PCA_IMAGES = 5_000  # from which the principal components are computed


@dataclass(frozen=True)
class TrainingImages:
    """Training images with their labels and features.

    `images` are punks as palette indices, uint8 (N, 24, 24), or other images, uint8 (N, channels,
    size, size). `types` are those of punks, one-hot float32 (N, 5); (N, 0) for other images.
    `description` is for the log, and `data_config` the section `data` of config.json. `embed`
    computes features of images on a device, and returns float32 (N, D) on the CPU: those of the
    bundled feature network for punks, and principal components of the pixels for other images.
    """

    images: torch.Tensor
    types: torch.Tensor
    description: str
    data_config: dict[str, Any]
    embed: Callable[[torch.Tensor, torch.device], torch.Tensor]

    def __len__(self) -> int:
        return len(self.images)


def from_split(split: SplitTensors) -> TrainingImages:
    types = split.labels[:, : len(TYPES)]
    description = f"{len(split):,} punks of {split.version}"
    return TrainingImages(split.images, types, description, split.data_config, embed)


def from_image_dir(path: Path, array_name: str | None = None) -> TrainingImages:
    """Read training images from a folder of image files, a .npz or a .npy.

    `array_name` is that of the array in a .npz with several; see `load_images`. Raises UsageError
    if there are too few images, they are black, or their sizes or formats differ or are not
    supported, and DataError if an image or the array is damaged.
    """
    place = f"{path}"
    if path.is_file():
        array, found_name = _read_array(path, array_name)
        place += "" if found_name in (None, "images") else f", array {found_name}"
    elif array_name:
        raise UsageError(f"'{path}' is a folder, which has no array", hint="remove image_array=")
    else:
        array = _read_folder(path)
    check_byte_range(array, f"the images in '{path}'")
    n, height, width, channels = array.shape
    if height != width or not MIN_SIZE_PX <= width <= MAX_SIZE_PX or channels not in CHANNEL_NAMES:
        raise UsageError(
            f"'{path}' contains images of {width}x{height} pixels and {channels} channels; gray, "
            f"RGB or RGBA squares of {MIN_SIZE_PX} to {MAX_SIZE_PX} pixels are supported",
            hint="crop or resize them first",
        )
    if n < MIN_IMAGES:
        raise UsageError(
            f"'{path}' contains too few images ({n}); at least {MIN_IMAGES} are needed"
        )
    pixels = torch.from_numpy(array).permute(0, 3, 1, 2).contiguous()
    data_config = {
        "version": "images",
        "labels_hash": hashlib.sha256(pixels.numpy().tobytes()).hexdigest(),
        "punks": n,
        "image_shape": list(pixels.shape[1:]),
    }
    description = f"{n:,} {CHANNEL_NAMES[channels]} images of {width}x{height} in {place}"
    embed = _fit_principal_components(pixels)
    return TrainingImages(pixels, torch.zeros(n, 0), description, data_config, embed)


def read_images_again(
    run: Path, config: DcganConfig, pixels_hash: str, moved_to: Path | None = None
) -> TrainingImages:
    """Read the images that a run was trained on, at their new location if they were moved.

    `pixels_hash` is the `labels_hash` of its config.json. Raises UsageError if the run was trained
    on punks or the images do not exist, and DataError if they differ.
    """
    if not config.image_dir:
        raise UsageError(f"'{run}' was trained on punks", hint="remove image_dir=")
    path = moved_to or Path(config.image_dir)
    hint = "if they were moved, pass their new location with image_dir="
    if not path.exists():
        raise NoFileError(
            f"there is no file or folder '{path}' with the images that '{run}' was trained on",
            hint=hint,
        )
    images = from_image_dir(path, config.image_array)
    if images.data_config["labels_hash"] != pixels_hash:
        raise DataError(
            f"the images in '{path}' differ from those that '{run}' was trained on",
            hint=f"restore them; {hint}",
        )
    return images


def to_uint8(generated: torch.Tensor, *, is_punks: bool) -> torch.Tensor:
    """Convert palette indices, or images in [-1, 1], to the format of `TrainingImages`."""
    if generated.dtype == torch.uint8:
        return generated.cpu()
    if is_punks:
        return quantize(generated)[0].cpu()
    return ((generated.float() + 1) * 127.5).round().clamp(0, 255).byte().cpu()


def to_signed(pixels: torch.Tensor) -> torch.Tensor:
    """Convert uint8 to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def _read_folder(path: Path) -> NDArray[np.uint8]:
    """Return the images of a folder, uint8 (N, H, W, channels), in the richest of their modes."""
    if not path.is_dir():
        raise NoFileError(f"there is no file or folder '{path}'", hint=PLACE_HINT)
    files = find_images([path], RASTER_SUFFIXES, recursive=True)
    if not files:
        raise UsageError(f"'{path}' contains no images", hint=PLACE_HINT)
    images = [_read_file(file) for file in files]
    if len({image.size for image in images}) > 1:
        raise UsageError(f"the images in '{path}' differ in size", hint="resize them first")
    mode = max((image.mode for image in images), key=len)
    pixels = np.stack([np.asarray(image.convert(mode)) for image in images])
    return pixels if pixels.ndim == 4 else pixels[..., None]


def _read_file(file: Path) -> Image.Image:
    image = open_raster(file, MAX_SIZE_PX)
    is_gray = image.mode in ("1", "L", "LA")
    mode = "RGBA" if image.has_transparency_data else "L" if is_gray else "RGB"
    return image.convert(mode)


def _read_array(path: Path, name: str | None) -> tuple[NDArray[np.uint8], str | None]:
    """Return the images in an array file, and the name of the array in a .npz."""
    array, name = load_images(path, name, DEFAULT_ARRAYS)
    array = array[..., None] if array.ndim == 3 else array
    is_fraction = array.dtype == bool or (
        array.dtype.kind == "f" and array.size and array.min() >= 0 and array.max() <= 1
    )
    if array.ndim != 4 or not (array.dtype == np.uint8 or is_fraction):
        raise UsageError(
            f"'{path}' contains an array of type {array.dtype} and shape {array.shape}",
            hint="save images (N, size, size) or (N, size, size, channels) as uint8, or as "
            "floating-point numbers from 0 to 1",
        )
    # A copy, so a memory-mapped file can be closed.
    return (np.rint(array * 255.0) if is_fraction else array).astype(np.uint8), name


def _fit_principal_components(
    pixels: torch.Tensor,
) -> Callable[[torch.Tensor, torch.device], torch.Tensor]:
    """Return `TrainingImages.embed` for images like these."""
    n = len(pixels)
    rows = torch.linspace(0, n - 1, min(n, MAX_PCA_IMAGES)).long()
    flat = pixels[rows].flatten(1).float() / 255
    mean = flat.mean(dim=0)
    count = min(NUM_COMPONENTS, len(flat) - 1, flat.shape[1])
    basis = torch.linalg.svd(flat - mean, full_matrices=False).Vh[:count].T.contiguous()
    return lambda images, _: (images.flatten(1).float() / 255 - mean) @ basis
