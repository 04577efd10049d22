"""The CryptoPunks as a small, exact, labeled data set.

>>> from punkdata import PunkDataset
>>> train = PunkDataset("data", split="train")

The names in `__all__` are the public Python API. Most are imported on first use, because torch
and pyarrow take seconds to load. The classes of exceptions, whose base is PunkError, are in
punkdata.errors.
"""

import logging as _logging
import os as _os
import typing as _typing

from punkdata._version import __version__
from punkdata.errors import PunkError

if _typing.TYPE_CHECKING:
    from punkdata.analysis.price_model import PriceModel, fit_price_model
    from punkdata.analysis.prices import load_sales, price_table
    from punkdata.dataset import PunkDataset
    from punkdata.images.decode import DecodedImage, decode_image
    from punkdata.images.image_grid import make_grid
    from punkdata.snapshots.reader import Snapshot, open_snapshot
    from punkdata.splits import SPLITS
    from punkdata.traits import ACCESSORIES, LABELS, TYPES

# Without a configuration of logging, nothing is shown: PunkError and progress bars say enough.
_logging.getLogger(__name__).addHandler(_logging.NullHandler())

# pyarrow reads this variable when it is imported. Unlike its default allocator (mimalloc), the
# system's allocator returns the memory in which a Parquet file was decompressed, which is nearly
# as much as the sprites need; benchmarks/reading.py measures it.
_os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

__all__ = [
    "ACCESSORIES",
    "LABELS",
    "SPLITS",
    "TYPES",
    "DecodedImage",
    "PriceModel",
    "PunkDataset",
    "PunkError",
    "Snapshot",
    "__version__",
    "decode_image",
    "fit_price_model",
    "load_sales",
    "make_grid",
    "open_snapshot",
    "price_table",
]

_MODULES = {
    "ACCESSORIES": "traits",
    "LABELS": "traits",
    "SPLITS": "splits",
    "TYPES": "traits",
    "DecodedImage": "images.decode",
    "PriceModel": "analysis.price_model",
    "PunkDataset": "dataset",
    "Snapshot": "snapshots.reader",
    "decode_image": "images.decode",
    "fit_price_model": "analysis.price_model",
    "load_sales": "analysis.prices",
    "make_grid": "images.image_grid",
    "open_snapshot": "snapshots.reader",
    "price_table": "analysis.prices",
}


if not _typing.TYPE_CHECKING:  # Type checkers would accept any name.

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        from punkdata.extras import translate_missing_package

        with translate_missing_package(name):
            return getattr(import_module(f"punkdata.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
