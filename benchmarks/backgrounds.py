"""Restoring sprites from opaque images: python benchmarks/backgrounds.py

Composites every punk of the latest snapshot in ./data onto plain backgrounds, saves it as an opaque
PNG, and counts how `decode_image` reads it.
"""

import io

from PIL import Image

from punkdata import PunkDataset
from punkdata.errors import ImageError
from punkdata.images.decode import decode_image


def main() -> None:
    punks = PunkDataset("data", split="all")
    print(f"{'background':12}{'exact':>8}{'wrong':>8}{'refused':>8}")
    for color in ("#638596", "#808080", "#ffffff", "#000000"):
        counts = {"exact": 0, "wrong": 0, "refused": 0}
        for i in range(len(punks)):
            punk = punks.image(i)
            opaque = Image.new("RGBA", punk.size, color)
            opaque.alpha_composite(punk)
            file = io.BytesIO()
            opaque.convert("RGB").save(file, "PNG")
            try:
                is_exact = decode_image(file.getvalue()).sprite.tobytes() == punk.tobytes()
                counts["exact" if is_exact else "wrong"] += 1
            except ImageError:
                counts["refused"] += 1
        print(f"{color:12}" + "".join(f"{n:8,}" for n in counts.values()), flush=True)


if __name__ == "__main__":
    main()
