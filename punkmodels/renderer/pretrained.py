"""Loading and exporting of trained renderers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.renderer.config import RendererConfig
from punkmodels.renderer.network import Renderer
from punkmodels.training.pretrained import (
    SavedRun,
    export_model,
    is_finished,
    load_weights,
    read_run_config,
    restore_model,
)

BUNDLED_RENDERER = Path(__file__).parents[1] / "weights" / "renderer"
"""Folder of the weights that are part of the package, `bundled-conditional`."""


class SavedRenderer(SavedRun):
    """The config.json of a renderer's run or exported weights."""

    task: Literal["renderer"]
    options: RendererConfig


def read_renderer_config(run: Path) -> SavedRenderer:
    """Read the config.json of a run or of exported weights; raises as `read_run_config`."""
    return read_run_config(run, SavedRenderer, "renderer")


def load_renderer(run: Path, device: torch.device) -> Renderer:
    """Load the averaged renderer of a run or of exported weights, in evaluation mode.

    Raises DataError if the folder has no weights, or if they are damaged or of another model.
    """
    read_renderer_config(run)
    tensors = load_weights(run, "ema")
    occurs = tensors.get("occurs")
    is_table = isinstance(occurs, torch.Tensor) and occurs.shape == (NUM_PIXELS, len(PALETTE))
    if occurs is None or not is_table or not occurs.any(dim=1).all():
        raise DataError(f"the weights of {run} have no valid table of colors per position")
    model = Renderer(occurs.long())
    restore_model(run, model, tensors)
    return model.eval().to(device)


def export_renderer(run: Path, out: Path) -> None:
    """Write the weights in half precision, and config.json; raises as `load_renderer`."""
    num_steps = read_renderer_config(run).options.num_steps
    model = load_renderer(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run, num_steps)}, out)
