"""Writes punkdata/data/punk_map.npz, the places of all 10,000 punks on the map of the gallery.

python docs/make_punk_map.py data

t-SNE places punks near each other whose features are similar, in the network that scores generated
punks (punkmodels/weights/features). Those in almost the same place are then moved apart. It takes
two minutes on one core. The result depends on the last digits of floats, which differ between
machines, so another machine writes another file.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from sklearn.manifold import TSNE

from punkdata.analysis.gallery.punk_map import MAP_FILE, MAP_SIZE
from punkmodels.classifier.pretrained import embed
from punkmodels.data.splits import load_split

PERPLEXITY = 40  # about the number of punks that share a hair style and glasses

MIN_DISTANCE = 16  # between two punks, in places
NUM_STEPS = 300


def main(root: str = "data") -> None:
    punks = load_split(Path(root), "latest", "default", "all")
    if punks.punk_ids.tolist() != list(range(10_000)):
        sys.exit(f"{punks.path} does not have all 10,000 punks")
    features = embed(punks.images, torch.device("cpu")).numpy()
    places = TSNE(perplexity=PERPLEXITY, init="pca", random_state=0).fit_transform(features)
    center = (places.max(axis=0) + places.min(axis=0)) / 2
    radius = np.abs(places - center).max()
    margin = 2 * MIN_DISTANCE
    unit = (MAP_SIZE - 1) / 2 - margin
    moved = move_apart((places - center) / radius * unit) + unit + margin
    np.savez_compressed(MAP_FILE, places=np.rint(moved).astype(np.uint16))
    print(f"{MAP_FILE}: {MAP_FILE.stat().st_size / 1000:.0f} kB")


def move_apart(places: np.ndarray) -> np.ndarray:
    """Push punks, float (N, 2), away from those that are nearer than `MIN_DISTANCE`."""
    moved = places + np.random.default_rng(0).normal(0, 0.01, places.shape)
    for _ in range(NUM_STEPS):
        first, second = cKDTree(moved).query_pairs(MIN_DISTANCE, output_type="ndarray").T
        offsets = moved[first] - moved[second]
        distances = np.linalg.norm(offsets, axis=1, keepdims=True)
        push = offsets / distances * (MIN_DISTANCE - distances) / 4
        np.add.at(moved, first, push)
        np.add.at(moved, second, -push)
    return moved


if __name__ == "__main__":
    main(*sys.argv[1:])
