from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.data.image_files import read_sprites
from punkmodels.data.palette import quantize
from punkmodels.data.splits import load_split
from punkmodels.gan.generate import write_grid


@pytest.fixture(scope="module")
def sprites(built_root: Path) -> torch.Tensor:
    return load_split(built_root, "latest", "default", "train").images


def save(sprites: torch.Tensor, path: Path, scale: int = 1, mode: str = "RGBA") -> None:
    rows = sprites.reshape(-1, 4, 24, 24).transpose(1, 2).reshape(-1, 96)
    image = Image.fromarray(PALETTE[rows.numpy()])
    if mode == "RGB":
        behind = Image.new("RGBA", image.size, "#638596")
        behind.alpha_composite(image)
        image = behind.convert("RGB")
    image.resize((96 * scale, len(rows) * scale), Image.Resampling.NEAREST).save(path)


@pytest.mark.parametrize("scale", [1, 3])
def test_a_sheet_of_tiles_is_read_row_by_row(
    scale: int, sprites: torch.Tensor, tmp_path: Path
) -> None:
    save(sprites[:8], tmp_path / "sheet.png", scale)
    raw = read_sprites(tmp_path / "sheet.png", 24 * scale)
    assert torch.equal(quantize(raw)[0], sprites[:8])


def test_a_folder_is_read_in_order(sprites: torch.Tensor, tmp_path: Path) -> None:
    for i in (1, 0, 2):
        Image.fromarray(PALETTE[sprites[i].numpy()]).save(tmp_path / f"{i}.png")
    assert torch.equal(quantize(read_sprites(tmp_path))[0], sprites[:3])


def test_without_alpha_the_corners_color_is_transparent(
    sprites: torch.Tensor, tmp_path: Path
) -> None:
    opaque = sprites[:4].clone()
    opaque[torch.from_numpy(PALETTE[opaque.numpy()][..., 3] == 128)] = 0
    opaque[:, 0, 0] = 0
    save(opaque, tmp_path / "sheet.png", mode="RGB")
    assert torch.equal(quantize(read_sprites(tmp_path / "sheet.png"))[0], opaque)


def test_a_grid_that_generate_writes_is_what_it_drew(sprites: torch.Tensor, tmp_path: Path) -> None:
    opaque = sprites[:13].clone()
    opaque[torch.from_numpy(PALETTE[opaque.numpy()][..., 3] == 128)] = 0
    opaque[:, 0, 0] = 0
    write_grid(opaque, tmp_path / "grid.png", 4)  # 13 of 16 places
    assert torch.equal(quantize(read_sprites(tmp_path / "grid.png", 96))[0], opaque)


def test_empty_drawings_count_where_they_are_not_the_rest_of_a_sheet(
    sprites: torch.Tensor, tmp_path: Path
) -> None:
    first = sprites[:4].clone()
    first[1] = 0
    save(first, tmp_path / "sheet.png")
    Image.new("RGBA", (24, 24)).save(tmp_path / "zero.png")
    assert torch.equal(quantize(read_sprites(tmp_path))[0][:4], first)
    assert len(read_sprites(tmp_path)) == 5


def test_an_enlarged_sheet_is_not_read_as_fragments(sprites: torch.Tensor, tmp_path: Path) -> None:
    save(sprites[:8], tmp_path / "sheet.png", 4)
    with pytest.raises(DataError, match=r"looks enlarged 4 times; .* --tile-size 96"):
        read_sprites(tmp_path / "sheet.png")


def test_what_is_transparent_has_no_color(sprites: torch.Tensor, tmp_path: Path) -> None:
    pixels = PALETTE[sprites[0].numpy()].copy()
    pixels[pixels[..., 3] == 0] = (255, 255, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert torch.equal(quantize(read_sprites(tmp_path))[0], sprites[:1])


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (42, 42)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png is 42x42, not made of tiles of 24x24"):
        read_sprites(tmp_path)
    with pytest.raises(DataError, match="holds no PNG"):
        read_sprites(tmp_path / "..")
    broken = io.BytesIO()
    noise = torch.randint(0, 256, (240, 240, 4), generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.to(torch.uint8).numpy()).save(broken, "PNG")
    half = broken.getvalue()[:100_000] + bytes(100_000)
    for data in (b"no picture", half):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(DataError, match="cannot be read"):
            read_sprites(tmp_path)
