"""Images in [0, 1] and shuffled batches, from the images of a data set in memory."""

from collections.abc import Iterator

import torch
from PIL import Image

from punkdata.arguments import check_positive


def to_float(images: torch.Tensor, scale: int) -> torch.Tensor:
    """Return uint8 images (…, 24, 24) in [0, 1] and enlarged, as a copy."""
    return enlarge(images, scale).float().div_(255)


def enlarge(images: torch.Tensor, scale: int) -> torch.Tensor:
    """Return images (…, 24, 24) enlarged without interpolation, (…, 24 * scale, 24 * scale)."""
    for dim in (-2, -1) if scale > 1 else ():
        images = images.repeat_interleave(scale, dim)
    return images


def to_pil(pixels: torch.Tensor, scale: int) -> Image.Image:
    """Return one image, uint8 (3 or 4, 24, 24), enlarged as a PIL image, RGB or RGBA."""
    return Image.fromarray(enlarge(pixels, scale).permute(1, 2, 0).contiguous().numpy())


def iterate_batches(
    images: torch.Tensor,
    targets: torch.Tensor,
    batch_size: int,
    scale: int,
    *,
    shuffle: bool,
    seed: int | None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield one epoch of batches; the arguments are those of `PunkDataset.batches`."""
    check_positive(batch_size=batch_size)
    order = torch.arange(len(images))
    if shuffle:
        generator = torch.Generator()
        generator.manual_seed(generator.seed() if seed is None else seed)
        order = torch.randperm(len(images), generator=generator)
    # images[rows] would copy single values and take three times as long.
    return (
        (to_float(images.index_select(0, rows), scale), targets.index_select(0, rows))
        for rows in torch.split(order, batch_size)
        if len(rows)  # torch.split returns one empty chunk for an empty split
    )
