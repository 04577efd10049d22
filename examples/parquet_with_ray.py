"""Read the Parquet files of a snapshot with Ray Data: python examples/parquet_with_ray.py [ROOT]

ROOT is a data root or its URL. Needs: pip install "ray[data]"
"""

from __future__ import annotations

import io
import sys

import numpy as np
import ray
from PIL import Image

from punkdata import PunkError, open_snapshot

root = sys.argv[1] if len(sys.argv) > 1 else "data"
try:
    snapshot = open_snapshot(root)
    snapshot.download()  # if it is remote: cache and verify every file
except PunkError as error:
    sys.exit(f"error: {error}")


def decode(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a batch with images as uint8 (N, 4, 24, 24) and labels as float32 (N, 92)."""
    images = [Image.open(io.BytesIO(image["bytes"])).convert("RGBA") for image in rows["image"]]
    return {
        "punk_id": rows["punk_id"],
        "pixels": np.stack([np.array(image).transpose(2, 0, 1) for image in images]),
        "labels": np.stack(rows["labels"]).astype(np.float32),
    }


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
files = sorted(str(path) for path in snapshot.path.glob("punks/train-*.parquet"))
rows = ray.data.read_parquet(files, columns=["punk_id", "image", "labels"])
count, females = 0, 0
for batch in rows.map_batches(decode, batch_size=1000).iter_torch_batches(batch_size=64):
    assert batch["pixels"].shape[1:] == (4, 24, 24)
    count += len(batch["punk_id"])
    females += int(batch["labels"][:, 2].sum())
print(f"{count:,} punks, {females:,} of them Female")
