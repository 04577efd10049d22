"""Writes the renderer that the gallery page embeds, from the bundled weights.

python docs/make_page_renderer.py

The file has no header. It is gzipped, and contains one array after the other:

    576      uint8  number of colors that can occur at each pixel, in all P pairs of pixel and color
    P        uint8  the color of each pair, as an index of the palette; pairs are sorted by pixel
    P        int8   the bias of each pair
    183 x P  int8   what each condition adds to the logit of each pair

Biases and weights are logits in steps of `STEP_NATS`. Sums of integers are exact, so all browsers
draw the same pixels. The steps are far smaller than the differences between the best two colors.
"""

import gzip
from importlib.resources import files
from pathlib import Path

import torch

from punkmodels.renderer.network import Renderer, load_bundled_renderer

PAGE_RENDERER = Path(str(files("punkdata") / "data" / "page_renderer.bin.gz"))
STEP_NATS = 0.25


@torch.no_grad()
def pack_renderer(renderer: Renderer) -> bytes:
    """Return the arrays of a renderer, before they are compressed."""
    logits = torch.cat([renderer.bias, renderer.condition_logits()], dim=1).float() / STEP_NATS
    steps = logits.round()
    if steps.abs().max() > 127:
        raise ValueError(f"the logits do not fit 8 bits in steps of {STEP_NATS} nats")
    num_colors, colors = renderer.occurs.sum(dim=1), renderer.colors[renderer.valid]
    parts = [num_colors.to(torch.uint8), colors.to(torch.uint8), steps.T.to(torch.int8)]
    return b"".join(part.contiguous().numpy().tobytes() for part in parts)


def main() -> None:
    PAGE_RENDERER.write_bytes(gzip.compress(pack_renderer(load_bundled_renderer()), 9, mtime=0))
    print(f"{PAGE_RENDERER}: {PAGE_RENDERER.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
