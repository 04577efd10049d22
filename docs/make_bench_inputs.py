"""Writes what is fixed in PunkBench: python docs/make_bench_inputs.py data

generated.npz has sprites of the bundled VAE-GAN that no punk could be, and input_hashes.json the
hashes of the inputs of all tracks, made from a snapshot of all 10,000 punks, and the
versions of the image codecs. Both are part of
version 1: other files are another version.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import features

import punkmodels
from punkdata import open_snapshot
from punkdata.analysis.nearest_outfits import find_nearest_outfits
from punkdata.analysis.part_masks import recover_parts
from punkdata.images.palette import palette_indices
from punkmodels.bench import open_set
from punkmodels.bench.inputs import HASHES_FILE, SEEDS, load_inputs
from punkmodels.bench.tracks import TRACKS


def write_generated(snapshot: Path) -> None:
    """Write the first 500 generated sprites that no legal outfit draws."""
    generator = punkmodels.load_generator("bundled-vae-gan", device="cpu")
    sprites = palette_indices(generator.generate(1000, seed=0)).reshape(1000, -1)
    distance = find_nearest_outfits(
        recover_parts(open_snapshot(snapshot)).compositor, sprites, 0
    ).distance_px
    chosen = sprites[distance > 0][: open_set.NUM_EACH]
    np.savez_compressed(str(open_set.GENERATED_FILE), sprites=chosen)
    print(f"{len(chosen)} of {np.count_nonzero(distance)} impossible sprites")


def main() -> None:
    snapshot = open_snapshot(sys.argv[1] if len(sys.argv) > 1 else "data").path
    write_generated(snapshot)
    hashes = {
        f"{name} {split}": load_inputs(track, snapshot, split).sha256
        for name, track in TRACKS.items()
        for split in SEEDS
    }
    codecs = {f"codec {name}": str(features.version(name)) for name in ("libjpeg_turbo", "webp")}
    Path(str(HASHES_FILE)).write_text(json.dumps(hashes | codecs, indent=1) + "\n")


if __name__ == "__main__":
    main()
