"""Small classifiers for tests: one that trains in seconds, and one with weights set by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from punkdata.images.sprite import SIDE_PX
from punkdata.traits import ACCESSORIES, LABELS, TYPES
from punkmodels.classifier.classifier import build_model
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import load_split
from punkmodels.training.pretrained import WEIGHTS_FILE, write_tensors
from punkmodels.training.run_dir import write_json


def tiny_config(**options: Any) -> ClassifierConfig:
    """Return the configuration of a network that trains in a second and learns very little."""
    tiny = {"epochs": 1, "batch_size": 16, "width": 4, "hidden": 16, "color_embedding_dim": 4}
    return make_config(**tiny | options)


def save_exact_classifier(root: Path, folder: Path) -> Path:
    """Write exported weights that classify the sprites of `make_punks` without an error.

    The model is linear, and its weights are set by hand: each label depends on one pixel.
    """
    split = load_split(root, "latest", "default", "all")
    config = make_config(model="ridge")
    model = build_model(config, build_pair_table(split.images))
    table, bias = model.network.table.weight, model.network.bias
    with torch.no_grad():
        bias.fill_(-10)
        for i, label in enumerate(LABELS):
            row, column, color = _deciding_pixel(label)
            pair = model.pairs[row * SIDE_PX + column, color]
            if pair:
                table[pair, i] = 20
    folder.mkdir(parents=True)
    about = {
        "task": "classifier",
        "options": config.model_dump(),
        "data": split.data_config,
        "device": {"name": "cpu", "threads": 1},
        "trained": {"epochs": 1, "finished": True},
    }
    write_json(folder / "config.json", about)
    write_tensors(folder / WEIGHTS_FILE, model.state_dict())
    return folder


def _deciding_pixel(label: str) -> tuple[int, int, int]:
    """Return row, column and palette index of a pixel that only punks with this label have."""
    if label in TYPES:
        return 20, 5, 40 + 30 * TYPES.index(label)
    i = ACCESSORIES.index(label)
    return 6 + i // 7, 5 + 2 * (i % 7), 1 + 2 * i
