"""Generated punks that a classifier trains on, stored beside its run."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from punkdata.errors import DataError
from punkdata.files import write_atomic

EXAMPLES_FILE = "synthetic.npz"


Examples = tuple[torch.Tensor, torch.Tensor]
"""palette indices uint8 (N, 24, 24), and labels float32 (N, 92)"""


def save_examples(run: Path, examples: Examples) -> None:
    """Beside the run, so that it can be looked at and gone on with without the generator."""
    images, labels = (tensor.numpy() for tensor in examples)
    packed = io.BytesIO()
    np.savez_compressed(packed, images=images, labels=labels.astype(np.uint8))
    write_atomic(run / EXAMPLES_FILE, packed.getvalue())


def load_examples(run: Path) -> Examples:
    """What `save_examples` wrote.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with (
            (run / EXAMPLES_FILE).open("rb") as opened,
            np.load(opened, allow_pickle=False) as file,
        ):
            images, labels = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{run / EXAMPLES_FILE} is missing or damaged ({error})") from None
    return images, labels.float()
