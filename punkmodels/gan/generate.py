"""Generation of images, and their output as a grid or as a folder of PNG files."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from punkdata.files import translate_os_errors, write_atomic
from punkdata.progress import Progress
from punkmodels.data.image_grid import make_grid, to_hwc_pixels
from punkmodels.gan.networks import AnyGenerator
from punkmodels.gan.training_images import to_uint8
from punkmodels.training.run_dir import write_json


def sample_batches(
    model: AnyGenerator,
    count: int,
    seed: int,
    condition: torch.Tensor | None = None,
    batch_size: int = 500,
) -> Iterator[torch.Tensor]:
    """Yield batches of the output of `Generator.sample`, on the CPU.

    A larger count extends the images of a smaller one; another batch size changes the images of a
    seed. `condition` is float32 (count, condition_dim).
    """
    device = next(model.parameters()).device
    # A generator on the CPU gives the same noise on every device.
    random = torch.Generator().manual_seed(seed)
    for start in range(0, count, batch_size):
        # Sample a complete batch, because a shorter one would get different random numbers.
        noise = torch.randn(batch_size, model.noise_dim, generator=random)[: count - start]
        batch = None if condition is None else condition[start : start + batch_size].to(device)
        with torch.inference_mode():
            yield model.sample(noise.to(device), batch).cpu()


def generate_images(
    model: AnyGenerator,
    count: int,
    seed: int,
    progress: Progress = lambda done, total: None,
    *,
    condition: torch.Tensor | None = None,
    is_punks: bool = True,
) -> torch.Tensor:
    """Generate images from a seed, see `sample_batches`.

    Returns palette indices, uint8 (count, 24, 24), or, for a generator of images other than punks,
    uint8 (count, channels, size, size).
    """
    images = []
    for done, batch in enumerate(sample_batches(model, count, seed, condition), 1):
        images.append(to_uint8(batch, is_punks=is_punks))
        progress(min(count, 500 * done), count)
    return torch.cat(images)


def write_sprites(images: torch.Tensor, out: Path, metadata: dict[str, object]) -> None:
    """Write a folder of PNG files 00000.png, 00001.png, …, and an index.json with `metadata`.

    The folder appears only when it is complete; if it exists, it must be empty. Raises StorageError
    if it cannot be written.
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
    """Write a roughly square PNG grid of all images; raises StorageError if that fails."""
    columns = max(1, round(len(images) ** 0.5))
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        png = io.BytesIO()
        make_grid(images, columns, scale).save(png, "png")
        write_atomic(out, png.getvalue())
