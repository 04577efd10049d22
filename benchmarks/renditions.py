"""Restoring sprites from lossless and lossy images: python benchmarks/renditions.py [--every N]

Saves every punk of the latest snapshot in ./data, and synthetic sprites that are not punks, in
common image formats and sizes. Counts how many of them `decode_image` restores exactly, restores
wrongly, and refuses. The last table shows how often a result of a given confidence is exact.
"""

from __future__ import annotations

import argparse
import functools
import io
import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

# One thread per process, because there is one process per core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from punkdata import PunkDataset
from punkdata.errors import ImageError
from punkdata.images.decode import MIN_CONFIDENCE, decode_image
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR

MIXTURES = 2_000
RECOLORED = 1_000
LANCZOS, BICUBIC = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC
NEAREST = Image.Resampling.NEAREST


def enlarge(sprite: np.ndarray, background: str | None = BACKGROUND_COLOR) -> Image.Image:
    """Return the sprite enlarged to 336 pixels, optionally on a background."""
    image = Image.fromarray(sprite)
    if background:
        flat = Image.new("RGBA", image.size, background)
        flat.alpha_composite(image)
        image = flat.convert("RGB")
    return image.resize((336, 336), NEAREST)


def encode(image: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def resize(sprite: np.ndarray, side: int, resampling: Image.Resampling = LANCZOS) -> Image.Image:
    return enlarge(sprite).resize((side, side), resampling)


def svg(sprite: np.ndarray) -> bytes:
    rectangles = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" shape-rendering="crispEdges" '
        f'fill="#{bytes(sprite[y, x]).hex()}"/>'
        for y, x in np.argwhere(sprite[..., 3])
    )
    return (
        'data:image/svg+xml;utf8,<svg xmlns="http://www.w3.org/2000/svg" version="1.2" '
        f'viewBox="0 0 24 24">{rectangles}</svg>'
    ).encode()


RENDITIONS: dict[str, Callable[[np.ndarray], bytes]] = {
    "PNG 24": lambda s: encode(Image.fromarray(s), "PNG"),
    "PNG 336": lambda s: encode(enlarge(s), "PNG"),
    "PNG 512 nearest": lambda s: encode(resize(s, 512, NEAREST), "PNG"),
    "PNG 1024 nearest": lambda s: encode(resize(s, 1024, NEAREST), "PNG", compress_level=1),
    "SVG data URI": svg,
    "AVIF q90 336": lambda s: encode(enlarge(s), "AVIF", quality=90),
    "WebP q80 smooth 512": lambda s: encode(resize(s, 512), "WEBP", quality=80),
    "JPEG q85 336": lambda s: encode(enlarge(s), "JPEG", quality=85),
    "JPEG q85 smooth 250": lambda s: encode(resize(s, 250), "JPEG", quality=85),
    "JPEG q85 bicubic 250": lambda s: encode(resize(s, 250, BICUBIC), "JPEG", quality=85),
    "JPEG q75 smooth 250": lambda s: encode(resize(s, 250), "JPEG", quality=75),
    "PNG smooth 250": lambda s: encode(resize(s, 250), "PNG"),
    "WebP q80 smooth 250": lambda s: encode(resize(s, 250), "WEBP", quality=80),
    "WebP q80 336 transparent": lambda s: encode(enlarge(s, None), "WEBP", quality=80),
    "JPEG q85 336 white": lambda s: encode(enlarge(s, "#ffffff"), "JPEG", quality=85),
}
LOW_QUALITIES = {"JPEG": (40, 60, 75), "WebP": (60, 75, 80, 90), "AVIF": (40, 50, 60, 75)}
RENDITIONS |= {
    f"{kind} q{quality} 336": functools.partial(
        lambda s, kind, quality: encode(enlarge(s), kind, quality=quality),
        kind=kind,
        quality=quality,
    )
    for kind, qualities in LOW_QUALITIES.items()
    for quality in qualities
}


def mixtures(sprites: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return sprites composed of two halves of different punks, or of patches of several."""
    rng = np.random.default_rng(seed)
    sprites_made = []
    for i in range(count):
        sprite, other = sprites[rng.integers(len(sprites), size=2)].copy()
        if i % 2:
            for _ in range(rng.integers(2, 6)):
                other = sprites[rng.integers(len(sprites))]
                (y, x), (h, w) = rng.integers(2, 20, 2), rng.integers(2, 9, 2)
                sprite[y : y + h, x : x + w] = other[y : y + h, x : x + w]
        elif rng.random() < 0.5:
            row = rng.integers(4, 20)
            sprite[row:] = other[row:]
        else:
            column = rng.integers(4, 20)
            sprite[:, column:] = other[:, column:]
        sprites_made.append(sprite)
    return np.stack(sprites_made)


def recolor(sprites: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return punks with half of the colors replaced at random, or with 4 % random pixels.

    These are the hardest sprites to restore, because any color, even a very similar one, can occur
    at any position.
    """
    rng = np.random.default_rng(seed)
    sprites_made = []
    for i in range(count):
        sprite = sprites[rng.integers(len(sprites))].copy()
        if i % 2:
            for color in np.unique(sprite.reshape(-1, 4), axis=0)[1:]:
                if rng.random() < 0.5:
                    sprite[(sprite == color).all(-1)] = PALETTE[rng.integers(1, len(PALETTE))]
        else:
            specks = rng.random((24, 24)) < 0.04
            sprite[specks] = PALETTE[rng.integers(0, len(PALETTE), specks.sum())]
            sprite[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
        sprites_made.append(sprite)
    return np.stack(sprites_made)


def decode_all(job: tuple[str, np.ndarray]) -> list[tuple[str, float, float]]:
    """Return outcome, confidence and decoding time in s for each sprite."""
    name, sprites = job
    rows = []
    for sprite in sprites:
        data = RENDITIONS[name](sprite)
        start = time.perf_counter()
        try:
            decoded = decode_image(data, min_confidence=0)
            outcome = "exact" if decoded.sprite.tobytes() == sprite.tobytes() else "wrong"
            confidence = decoded.confidence
        except ImageError as error:
            outcome, confidence = f"refused: {error.message}", 0.0
        rows.append((outcome, confidence, time.perf_counter() - start))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--every", type=int, default=1, help="use only every Nth sprite (default: 1)"
    )
    parser.add_argument("--only", default="", help="use only formats whose name contains this text")
    options = parser.parse_args()
    punks = PunkDataset("data", split="all")
    originals = np.stack([np.asarray(punks.image(i)) for i in range(len(punks))])
    groups = {
        "punks": originals,
        "mixtures": mixtures(originals, MIXTURES),
        "recolored": recolor(originals, RECOLORED),
    }
    cores = min(2, os.cpu_count() or 1)
    by_confidence: list[tuple[float, bool]] = []
    print(
        f"{'image':26}{'sprites':12}{'exact':>8}{'wrong':>7}{'refused':>9}{'exact of':>11}", end=""
    )
    print(f"{'accepted':>10}{'ms each':>9}\n{'':63}{'accepted':>10}", flush=True)
    with ProcessPoolExecutor(cores) as pool:
        for name in RENDITIONS:
            if options.only not in name:
                continue
            for group, sprites in groups.items():
                chosen = sprites[:: options.every]
                jobs = [(name, part) for part in np.array_split(chosen, 8 * cores) if len(part)]
                rows = [row for part in pool.map(decode_all, jobs) for row in part]
                accepted = [outcome for outcome, c, _ in rows if c >= MIN_CONFIDENCE]
                exact = accepted.count("exact")
                by_confidence += [(c, o == "exact") for o, c, _ in rows if 0 < c < 1]
                print(
                    f"{name:26}{group:12}{exact:8,}{len(accepted) - exact:7,}"
                    f"{len(rows) - len(accepted):9,}"
                    f"{exact / max(len(accepted), 1):11.3%}{len(accepted) / len(rows):10.2%}"
                    f"{1000 * np.mean([seconds for *_, seconds in rows]):9.1f}",
                    flush=True,
                )
    print(f"\nshare of exact results by confidence; below {MIN_CONFIDENCE} images are refused")
    print(f"{'confidence':18}{'images':>10}{'exact':>9}")
    bounds = (0.0, 0.5, 0.8, 0.9, 0.98, 0.99, 0.999, 1.0)
    for low, high in itertools.pairwise(bounds):
        exact = [is_exact for confidence, is_exact in by_confidence if low <= confidence < high]
        if exact:
            print(f"{f'{low} to {high}':18}{len(exact):10,}{np.mean(exact):9.2%}")


if __name__ == "__main__":
    main()
