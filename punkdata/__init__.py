"""The CryptoPunks as a small, exact, labeled data set.

>>> from punkdata import PunkDataset
>>> train = PunkDataset("data", split="train")

The names in `__all__` are the public Python API. Most are imported on first use, because torch
and pyarrow take seconds to load.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from punkdata._version import __version__
from punkdata.errors import PunkError
from punkdata.extras import translate_missing_package

if TYPE_CHECKING:
    from punkdata.dataset import PunkDataset
    from punkdata.images.decode import decode_image
    from punkdata.snapshots.reader import open_snapshot
    from punkdata.traits import ACCESSORIES, LABELS, TYPES

# pyarrow reads this variable when it is imported. Unlike its default allocator (mimalloc), the
# system's allocator returns the memory in which a Parquet file was decompressed, which is nearly
# as much as the sprites need; benchmarks/reading.py measures it.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

__all__ = [
    "ACCESSORIES",
    "LABELS",
    "TYPES",
    "PunkDataset",
    "PunkError",
    "__version__",
    "decode_image",
    "open_snapshot",
]

_MODULES = {
    "PunkDataset": "dataset",
    "decode_image": "images.decode",
    "open_snapshot": "snapshots.reader",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with translate_missing_package(name):
        module = importlib.import_module(f"punkdata.{_MODULES.get(name, 'traits')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
