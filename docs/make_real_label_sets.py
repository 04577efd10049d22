"""Writes punkmodels/label_sets/real_label_sets.npz from a snapshot of all 10,000 punks.

python docs/make_real_label_sets.py data
"""

import sys
from pathlib import Path

import numpy as np

from punkmodels.data.palette import detect_skin_tones
from punkmodels.data.splits import load_split
from punkmodels.label_sets.real import REAL_LABEL_SETS, find_codes, save_real_codes


def main(root: str = "data") -> None:
    punks = load_split(Path(root), "latest", "default", "all")
    punks.require_hidden_labels()
    if len(punks) != 10_000:
        sys.exit(f"{punks.path} has {len(punks)} punks, not all 10,000")
    tones = detect_skin_tones(punks.images)
    codes = [find_codes(labels, tones) for labels in (punks.labels, punks.visible)]
    save_real_codes(np.concatenate(codes))
    counts = [len(np.unique(each)) for each in codes]
    size_kb = REAL_LABEL_SETS.stat().st_size / 1000
    print(
        f"{REAL_LABEL_SETS}: {counts[0]} published and {counts[1]} visible sets, {size_kb:.0f} kB"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
