"""Read the training shards with webdataset; each rank reads its own share.

    python examples/shards_by_rank.py [ROOT]
    torchrun --nproc-per-node 2 examples/shards_by_rank.py [ROOT]

ROOT is a data root or its URL. Needs: pip install webdataset
"""

from __future__ import annotations

import os
import sys

import numpy as np
import torch
import webdataset

from punkdata import PunkError, open_snapshot

root = sys.argv[1] if len(sys.argv) > 1 else "data"
try:
    snapshot = open_snapshot(root)
    snapshot.download()  # if it is remote: cache and verify every file
except PunkError as error:
    sys.exit(f"error: {error}")
if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    torch.distributed.init_process_group("gloo")

shards = [str(path) for path in sorted(snapshot.path.glob("shards/punks-train-*.tar"))]
punks = (
    webdataset.WebDataset(shards, shardshuffle=False, nodesplitter=webdataset.split_by_node)
    .decode("pilrgba")
    .to_tuple("png", "json")
    .map_tuple(
        lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1),
        lambda metadata: torch.tensor(metadata["labels"], dtype=torch.float32),
    )
    .batched(64)
)
count, females = 0, 0
for images, labels in punks:  # uint8 (N, 4, 24, 24), float32 (N, 92)
    assert images.shape[1:] == (4, 24, 24)
    count += len(images)
    females += int(labels[:, 2].sum())
rank = os.environ.get("RANK", "0")
print(f"rank {rank}: {count:,} punks, {females:,} of them Female", flush=True)
if torch.distributed.is_initialized():
    torch.distributed.destroy_process_group()
