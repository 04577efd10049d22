"""The CryptoPunks as a small, exact, labeled data set.

>>> from punkdata import PunkDataset
>>> train = PunkDataset("data", split="train")

The names in `__all__` are the public Python API. Each is imported on first use, because torch and
pyarrow take seconds to load.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from punkdata._version import __version__

if TYPE_CHECKING:
    from punkdata.dataset import PunkDataset
    from punkdata.errors import PunkError
    from punkdata.images.decode import decode_image
    from punkdata.snapshots.reader import open_snapshot
    from punkdata.traits import ACCESSORIES, LABELS, TYPES

# pyarrow reads this variable once, when it is imported. Its default allocator (mimalloc) does not
# return the memory in which a Parquet file was decompressed, which is nearly as much as the sprites
# need; the system's allocator does. benchmarks/reading.py measures the difference. This line has
# no effect if the user has set the variable or has already imported pyarrow.
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
    "ACCESSORIES": "punkdata.traits",
    "LABELS": "punkdata.traits",
    "TYPES": "punkdata.traits",
    "PunkDataset": "punkdata.dataset",
    "PunkError": "punkdata.errors",
    "decode_image": "punkdata.images.decode",
    "open_snapshot": "punkdata.snapshots.reader",
}
"""Module that defines each public name."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
