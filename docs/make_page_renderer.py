"""Writes punkdata/data/page_renderer.npz, which the gallery page embeds, from the bundled renderer.

python docs/make_page_renderer.py

The file has three arrays, for P pairs of a pixel and a color that it can have:

    num_colors  uint8 (576,)    number of colors that each pixel can have
    colors      uint8 (P,)      index in the palette of the color of each pair, sorted by pixel
    steps       int8 (184, P)   the bias of each pair, and what each of 183 conditions adds to it

Biases and weights are logits in steps of a quarter nat. Sums of integers are exact, so all browsers
draw the same pixels. The best two colors of a pixel are many steps apart.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.analysis.gallery.page_renderer import RENDERER_FILE
from punkmodels.renderer.network import Renderer, load_bundled_renderer

STEP_NATS = 0.25


@torch.no_grad()
def pack_renderer(renderer: Renderer) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a renderer."""
    logits = torch.cat([renderer.bias, renderer.condition_logits()], dim=1).float()
    steps = (logits / STEP_NATS).round().T
    if steps.abs().max() > 127:
        raise ValueError(f"the logits do not fit 8 bits in steps of {STEP_NATS} nats")
    return {
        "num_colors": renderer.occurs.sum(dim=1).to(torch.uint8).numpy(),
        "colors": renderer.colors[renderer.valid].to(torch.uint8).numpy(),
        "steps": steps.to(torch.int8).numpy(),
    }


def main() -> None:
    path = Path(str(RENDERER_FILE))
    np.savez_compressed(path, **pack_renderer(load_bundled_renderer()))
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
