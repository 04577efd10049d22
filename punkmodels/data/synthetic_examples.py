"""Storage for the generated training examples of a classifier, in its run folder."""

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
"""Palette indices, uint8 (N, 24, 24), and labels, float32 (N, 92)."""


def save_examples(run: Path, examples: Examples) -> None:
    """Store examples in a run folder, so that resuming the run does not need the generator."""
    images, labels = (tensor.numpy() for tensor in examples)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images, labels=labels.astype(np.uint8))
    write_atomic(run / EXAMPLES_FILE, buffer.getvalue())


def load_examples(run: Path) -> Examples:
    """Load the examples that `save_examples` stored.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        with (
            (run / EXAMPLES_FILE).open("rb") as opened,
            np.load(opened, allow_pickle=False) as arrays,
        ):
            images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{run / EXAMPLES_FILE} is missing or damaged ({error})") from None
    return images, labels.float()
