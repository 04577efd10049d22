from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punkdata.errors import DataError, UsageError
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR
from punkmodels.data.image_files import read_sprites, write_grid, write_sprites
from punkmodels.data.image_grid import to_hwc_pixels
from punkmodels.data.palette import quantize
from punkmodels.data.splits import load_split


@pytest.fixture(scope="module")
def sprites(built_root: Path) -> torch.Tensor:
    return load_split(built_root, "latest", "default", "train").images


@pytest.fixture(scope="module")
def opaque_sprites(sprites: torch.Tensor) -> torch.Tensor:
    """Sprites without half-transparent pixels and with a transparent corner."""
    opaque = sprites.clone()
    opaque[torch.from_numpy(PALETTE[opaque.numpy()][..., 3] == 128)] = 0
    opaque[:, 0, 0] = 0
    return opaque


def save_tiles(sprites: torch.Tensor, path: Path, scale: int = 1, mode: str = "RGBA") -> None:
    """Save a multiple of four sprites as a PNG with four tiles in a row."""
    rows = sprites.reshape(-1, 4, 24, 24).transpose(1, 2).reshape(-1, 96)
    image = Image.fromarray(PALETTE[rows.numpy()])
    if mode == "RGB":
        background = Image.new("RGBA", image.size, BACKGROUND_COLOR)
        background.alpha_composite(image)
        image = background.convert("RGB")
    image.resize((96 * scale, len(rows) * scale), Image.Resampling.NEAREST).save(path)


@pytest.mark.parametrize("scale", [1, 3])
def test_read_sprites_reads_tiles_row_by_row(
    scale: int, sprites: torch.Tensor, tmp_path: Path
) -> None:
    save_tiles(sprites[:8], tmp_path / "tiles.png", scale)
    raw = read_sprites(tmp_path / "tiles.png", 24 * scale)
    assert torch.equal(quantize(raw)[0], sprites[:8])


def test_read_sprites_reads_a_folder_in_name_order(sprites: torch.Tensor, tmp_path: Path) -> None:
    for i in (1, 0, 2):
        Image.fromarray(PALETTE[sprites[i].numpy()]).save(tmp_path / f"{i}.png")
    assert torch.equal(quantize(read_sprites(tmp_path))[0], sprites[:3])


def test_read_sprites_makes_the_corner_color_transparent(
    opaque_sprites: torch.Tensor, tmp_path: Path
) -> None:
    save_tiles(opaque_sprites[:4], tmp_path / "tiles.png", mode="RGB")
    assert torch.equal(quantize(read_sprites(tmp_path / "tiles.png"))[0], opaque_sprites[:4])


def test_read_sprites_reads_back_a_generated_grid(
    opaque_sprites: torch.Tensor, tmp_path: Path
) -> None:
    write_grid(
        to_hwc_pixels(opaque_sprites[:13]), tmp_path / "grid.png", 4
    )  # The grid has 16 places.
    raw = read_sprites(tmp_path / "grid.png", 96)
    assert torch.equal(quantize(raw)[0], opaque_sprites[:13])


def test_read_sprites_drops_empty_tiles_only_at_the_end(
    sprites: torch.Tensor, tmp_path: Path
) -> None:
    first = sprites[:4].clone()
    first[1] = 0
    save_tiles(first, tmp_path / "tiles.png")
    Image.new("RGBA", (24, 24)).save(tmp_path / "zero.png")
    assert torch.equal(quantize(read_sprites(tmp_path))[0][:4], first)
    assert len(read_sprites(tmp_path)) == 5


def test_read_sprites_refuses_upscaled_tiles(sprites: torch.Tensor, tmp_path: Path) -> None:
    save_tiles(sprites[:8], tmp_path / "tiles.png", 4)
    with pytest.raises(DataError, match=r"upscaled by a factor of 4; add tile_size=96"):
        read_sprites(tmp_path / "tiles.png")


def test_read_sprites_ignores_the_color_of_transparent_pixels(
    sprites: torch.Tensor, tmp_path: Path
) -> None:
    pixels = PALETTE[sprites[0].numpy()].copy()
    pixels[pixels[..., 3] == 0] = (255, 255, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert torch.equal(quantize(read_sprites(tmp_path))[0], sprites[:1])


def test_read_sprites_refuses_a_size_not_divisible_by_24(tmp_path: Path) -> None:
    Image.new("RGBA", (42, 42)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png' is 42x42, which cannot be split into tiles"):
        read_sprites(tmp_path)


def test_read_sprites_skips_and_counts_hidden_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sprite = Image.fromarray(PALETTE[np.full((24, 24), 7)])
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("a.PNG", "b.tif", ".ipynb_checkpoints/a.png"):
        sprite.save(tmp_path / name)
    (tmp_path / "._a.png").write_bytes(b"x")
    assert len(read_sprites(tmp_path)) == 2
    assert capsys.readouterr().err == f"skipped in '{tmp_path}': 2 hidden files or folders\n"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_read_sprites_refuses_16_bits_per_channel(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((24, 24), 300, np.uint16)).save(file)
    with pytest.raises(UsageError, match="not of 8 bits per channel"):
        read_sprites(file)


def test_files_of_programs_are_not_run(tmp_path: Path) -> None:
    # Pillow would start Ghostscript for PostScript, whatever the name of the file.
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 24\nshowpage\n")
    with pytest.raises(DataError, match="it is damaged or not an image"):
        read_sprites(tmp_path)


def test_read_sprites_refuses_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no images"):
        read_sprites(tmp_path)


def truncated_png() -> bytes:
    noise = torch.randint(0, 256, (240, 240, 4), generator=torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    Image.fromarray(noise.to(torch.uint8).numpy()).save(buffer, "PNG")
    return buffer.getvalue()[:100_000] + bytes(100_000)


@pytest.mark.parametrize("data", [b"not an image", truncated_png()], ids=["text", "truncated"])
def test_read_sprites_names_a_damaged_file(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png' cannot be read"):
        read_sprites(tmp_path)


def test_folder_contains_one_png_per_sprite_and_an_index(tmp_path: Path) -> None:
    sprites = PALETTE[torch.randint(0, 222, (3, 24, 24)).numpy()]
    write_sprites(sprites, tmp_path / "out", {"seed": 7})
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert index == {"seed": 7, "images": ["00000.png", "00001.png", "00002.png"]}
    for name, sprite in zip(index["images"], sprites, strict=True):
        with Image.open(tmp_path / "out" / name) as image:
            assert image.mode == "RGBA"
            assert np.array_equal(np.asarray(image), sprite)


def test_grid_is_almost_square(tmp_path: Path) -> None:
    write_grid(np.ones((10, 24, 24, 4), np.uint8), tmp_path / "new" / "grid.png", scale=2)
    with Image.open(tmp_path / "new" / "grid.png") as image:
        assert image.size == (3 * 48, 4 * 48)
