"""Make the images of the README: python docs/make_images.py [ROOT]

They show generated punks only, because the artwork of the collection belongs to its owners: the
bundled renderer draws label sets that no real punk has, and sprites that equal a real
punk anyway are dropped. The gallery shows such punks with invented sales. ROOT is a data root with
the real snapshot. Needs Chromium.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from playwright.sync_api import sync_playwright
from pydantic import SecretStr

from punkdata.analysis.gallery.html import render_gallery
from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea
from punkdata.images.palette import PALETTE
from punkdata.sources.opensea.http.transport import NetworkTransport
from punkdata.traits import decode_labels
from punkmodels.data.image_grid import make_grid
from punkmodels.data.splits import load_split
from punkmodels.renderer.network import BUNDLED_RENDERER
from punkmodels.renderer.synthetic import render_labeled_examples

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from support.opensea_server import KEY, OpenSeaServer  # noqa: E402
from support.sales_events import make_sales  # noqa: E402
from support.sprites import FakePunk  # noqa: E402

GRID = 64
GALLERY = 600


@dataclass
class GeneratedPunk(FakePunk):
    """A punk for the tests' OpenSea server with a generated sprite."""

    pixels: np.ndarray = field(default_factory=lambda: np.zeros((24, 24, 4), np.uint8))

    @property
    def sprite(self) -> np.ndarray:
        return self.pixels


def generate_new_punks(root: Path, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return palette indices (N, 24, 24) and labels (N, 92) of punks that do not exist."""
    everyone = load_split(root, "latest", "default", "all")
    images, labels = render_labeled_examples(
        BUNDLED_RENDERER, everyone, 2 * count, 0, torch.device("cpu"), visible_only=True
    )
    known = {image.tobytes() for image in everyone.images.numpy()}
    is_new = []
    for image in images.numpy():
        is_new.append(image.tobytes() not in known)
        known.add(image.tobytes())
    rows = torch.tensor(is_new).nonzero()[:count, 0]
    return images[rows], labels[rows]


def capture_gallery(punks: list[FakePunk], out: Path) -> None:
    """Write a screenshot of the gallery of these punks, with invented sales."""
    with TemporaryDirectory() as folder, OpenSeaServer(punks, make_sales(punks, 2_000)) as server:
        root = Path(folder)
        network = NetworkTransport(server.base_url, SecretStr(KEY))
        fetch_opensea(root, network, server.base_url)
        network.close()
        page_file = root / "gallery.html"
        page_file.write_text(render_gallery(build_dataset(root).snapshot), "utf-8")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(page_file.as_uri())
            page.locator("canvas").first.wait_for()
            page.screenshot(path=out)
            browser.close()


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "data")
    folder = DOCS / "images"
    folder.mkdir(exist_ok=True)
    images, labels = generate_new_punks(root, GALLERY)
    make_grid(images[:GRID]).save(folder / "generated.png")
    punks: list[FakePunk] = []
    for i, (image, row) in enumerate(zip(images.numpy(), labels.numpy(), strict=True)):
        punk_type, accessories = decode_labels(row)
        punks.append(GeneratedPunk(i, punk_type, list(accessories), PALETTE[image]))
    capture_gallery(punks, folder / "gallery.png")


if __name__ == "__main__":
    main()
