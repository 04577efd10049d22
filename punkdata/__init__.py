"""The CryptoPunks as a small, exact, labeled data set.

>>> from punkdata import PunkDataset
>>> train = PunkDataset("data", split="train")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from punkdata._version import __version__

# pyarrow reads this once, when it is loaded. Its usual allocator keeps what a Parquet file took
# while it was unpacked, nearly as much again as the sprites; the system's gives it back (compare
# benchmarks/reading.py under mimalloc). Who has chosen one, or loaded pyarrow before, keeps theirs.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

__all__ = ["PunkDataset", "__version__", "open_snapshot"]

if TYPE_CHECKING:
    from punkdata.dataset import PunkDataset
    from punkdata.snapshots.reader import open_snapshot


def __getattr__(name: str) -> Any:
    # Lazily: PunkDataset needs torch and open_snapshot pyarrow, and both take seconds.
    if name == "PunkDataset":
        from punkdata.dataset import PunkDataset

        return PunkDataset
    if name == "open_snapshot":
        from punkdata.snapshots.reader import open_snapshot

        return open_snapshot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
