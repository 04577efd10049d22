"""Generation of images, and their output as a grid or as a folder of PNG files."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from punkdata.files import translate_os_errors, write_atomic
from punkmodels.data.image_grid import make_grid, to_hwc_pixels
from punkmodels.data.palette import quantize
from punkmodels.gan.mlp import AnyGenerator
from punkmodels.gan.training_images import to_pixels
from punkmodels.training.run_dir import write_json


def generate_sprites(
    model: AnyGenerator,
    count: int,
    seed: int,
    progress: Callable[..., None] = lambda done, total: None,
    *,
    condition: torch.Tensor | None = None,
    keep_raw: bool = True,
    is_punks: bool = True,
    batch_size: int = 500,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generate images from a seed; a larger count extends the images of a smaller one.

    Args:
        model: The generator, in evaluation mode.
        count: Number of images.
        seed: Random seed of the noise.
        progress: Called with the number of generated images and the total.
        condition: Conditions, float32 (count, condition_dim); None for an unconditional generator.
        keep_raw: Also return the output of the generator before quantization.
        is_punks: Whether the generator was trained on punks.
        batch_size: Images generated at a time; another size changes the images of a seed.

    Returns:
        Palette indices, uint8 (count, 24, 24), or, for images other than punks, uint8
        (count, channels, size, size); and the output of the generator, RGBA or other channels,
        float32 in [-1, 1], which is empty without `keep_raw`. Both are on the CPU.
    """
    device = next(model.parameters()).device
    # A generator on the CPU gives the same noise on every device.
    random = torch.Generator().manual_seed(seed)
    images, raw = [], []
    with torch.inference_mode():
        for start in range(0, count, batch_size):
            n = min(batch_size, count - start)
            # Sample a complete batch, because a shorter one would get different random numbers.
            noise = torch.randn(batch_size, model.noise_dim, generator=random)[:n]
            batch = None if condition is None else condition[start : start + n].to(device)
            output = model(noise.to(device), batch)[:, :4].cpu()
            raw += [output] * keep_raw
            images.append(quantize(output)[0] if is_punks else to_pixels(output))
            progress(start + n, count)
    return torch.cat(images), torch.cat(raw) if keep_raw else torch.empty(0, 4, 24, 24)


def write_sprites(images: torch.Tensor, out: Path, metadata: dict[str, object]) -> None:
    """Write a folder of PNG files 00000.png, 00001.png, …, and an index.json.

    The folder appears only when it is complete.

    Args:
        images: See `generate_sprites`.
        out: The folder; if it exists, it must be empty.
        metadata: Entries of index.json in addition to "images", the list of file names.

    Raises:
        StorageError: The folder cannot be written.
    """
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
            folder = Path(temporary) / "images"
            folder.mkdir()
            names = [f"{i:05d}.png" for i in range(len(images))]
            for name, pixels in zip(names, to_hwc_pixels(images), strict=True):
                is_gray = pixels.shape[-1] == 1
                Image.fromarray(pixels.squeeze(-1) if is_gray else pixels).save(folder / name)
            write_json(folder / "index.json", {**metadata, "images": names})
            if out.is_dir():
                out.rmdir()  # It is empty, and rename does not replace folders everywhere.
            folder.rename(out)


def write_grid(images: torch.Tensor, out: Path, scale: int) -> None:
    """Write a roughly square grid of all images as a PNG.

    Args:
        images: See `generate_sprites`.
        out: The PNG file.
        scale: Enlargement factor.

    Raises:
        StorageError: The file cannot be written.
    """
    columns = max(1, round(len(images) ** 0.5))
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        png = io.BytesIO()
        make_grid(images, columns, scale).save(png, "png")
        write_atomic(out, png.getvalue())
