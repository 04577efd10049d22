"""Trained generators: their config.json, and loading and exporting of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.networks import PUNK_SHAPE, AnyGenerator, ImageShape, build_generator
from punkmodels.training.pretrained import (
    SavedData,
    SavedRun,
    Tensors,
    export_model,
    is_finished,
    load_weights,
    read_run_config,
    restore_model,
)

BUNDLED_DCGAN = Path(__file__).parents[1] / "weights" / "dcgan"
"""Folder of the weights that are part of the package, `bundled`."""


class SavedImages(SavedData):
    """The section `data` of config.json."""

    image_shape: ImageShape = PUNK_SHAPE


class SavedDcgan(SavedRun):
    """The config.json of a GAN's run or exported weights."""

    task: Literal["dcgan"]
    options: DcganConfig
    data: SavedImages


def read_dcgan_config(run: Path) -> SavedDcgan:
    """Read the config.json of a run or of exported weights; raises as `read_run_config`."""
    return read_run_config(run, SavedDcgan, "DCGAN")


def load_generator(run: Path, device: torch.device) -> AnyGenerator:
    """Load the averaged generator of a run or of exported weights, in evaluation mode.

    Raises DataError if the run is not a GAN or has no complete checkpoint, or if its weights do not
    fit its options.
    """
    saved = read_dcgan_config(run)
    tensors = load_weights(run, "ema")
    counts = None
    if saved.options.model.head == "palette":
        counts = _counts_like(tensors, run)
    model = build_generator(saved.options, saved.data.image_shape, counts)
    restore_model(run, model, tensors)
    return model.eval().to(device)


def _counts_like(tensors: Tensors, run: Path) -> torch.Tensor:
    """Return color counts that give a palette head the shape of the saved tensors."""
    counts = torch.zeros(NUM_PIXELS, len(PALETTE), dtype=torch.int64)
    try:  # Layer 12 of a generator with a palette head is that head.
        colors, valid = (tensors[f"layers.12.{name}"] for name in ("colors", "valid"))
        return counts.scatter_(1, colors.long(), valid.long())
    except (KeyError, RuntimeError, TypeError) as error:
        raise DataError(f"the weights of {run} do not fit its options ({error})") from None


def export_generator(run: Path, out: Path) -> None:
    """Write the weights in half precision, and config.json; raises as `load_generator`."""
    num_steps = read_dcgan_config(run).options.num_steps
    model = load_generator(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run, num_steps)}, out)
