"""Draw punks that never existed, and write them where people look."""

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

BATCH = 500


def generate_sprites(
    model: AnyGenerator,
    count: int,
    seed: int,
    progress: Callable[..., None] = lambda done, total: None,
    *,
    condition: torch.Tensor | None = None,
    keep_raw: bool = True,
    of_punks: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sprites of a seed; the first ones are the same for every count.

    Args:
        asked: conditions (count, size); None of a generator that knows none.
        of_punks: False of a generator of other pictures.

    Returns:
        Palette indices uint8 (count, 24, 24), or of other pictures than punks uint8 (count,
        channels, side, side); and as they were before that, float32 in [-1, 1], if they are kept;
        both on the CPU.
    """
    device = next(model.parameters()).device
    # On the CPU, so that a seed means the same noise on every device.
    random = torch.Generator().manual_seed(seed)
    sprites, raw = [], []
    with torch.inference_mode():
        for start in range(0, count, BATCH):
            n = min(BATCH, count - start)
            # Always a whole batch: fewer numbers would not be the first of more.
            z = torch.randn(BATCH, model.noise_dim, generator=random)[:n]
            some = None if condition is None else condition[start : start + n].to(device)
            drawn = model(z.to(device), some)[:, :4].cpu()
            raw += [drawn] * keep_raw
            sprites.append(quantize(drawn)[0] if of_punks else to_pixels(drawn))
            progress(start + n, count)
    return torch.cat(sprites), torch.cat(raw) if keep_raw else torch.empty(0, 4, 24, 24)


def write_sprites(sprites: torch.Tensor, out: Path, about: dict[str, object]) -> None:
    """A folder of PNGs 00000.png …, each pixel as drawn, and an index.json that tells of them.

    Args:
        sprites: as `draw_sprites` gives them.
        about: what index.json says beside the files' names.

    Raises:
        StorageError: the disk is full or refuses.
    """
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            unfinished = Path(folder) / "drawings"
            unfinished.mkdir()
            names = [f"{i:05d}.png" for i in range(len(sprites))]
            for name, pixels in zip(names, to_hwc_pixels(sprites), strict=True):
                Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(
                    unfinished / name
                )
            write_json(unfinished / "index.json", {**about, "images": names})
            if out.is_dir():
                out.rmdir()  # an empty one
            unfinished.rename(out)


def write_grid(sprites: torch.Tensor, out: Path, scale: int) -> None:
    """One picture of all sprites, about as wide as high. Raises as `write_sprites`."""
    columns = max(1, round(len(sprites) ** 0.5))
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        picture = io.BytesIO()
        make_grid(sprites, columns, scale).save(picture, "png")
        write_atomic(out, picture.getvalue())
