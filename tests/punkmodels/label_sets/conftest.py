"""Fixtures for all tests of models of label sets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.label_sets import build_rendered_snapshot

from punkmodels.data.splits import load_split
from punkmodels.label_sets.config import make_config
from punkmodels.label_sets.network import BUNDLED_LABEL_SETS, LabelSetModel, load_label_sets
from punkmodels.label_sets.train import encode_split, train_label_sets


@pytest.fixture(scope="session")
def rendered_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with 60 punks whose label sets are possible. Read-only."""
    return build_rendered_snapshot(tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="session")
def train(rendered_root: Path) -> torch.Tensor:
    """The label sets of the training split of the small snapshot, (N, 11)."""
    return encode_split(load_split(rendered_root, "latest", "default", "train"))


@pytest.fixture(scope="session")
def trained(rendered_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 60 steps. Read-only."""
    config = make_config(total_images=1200, batch_size=20, width=22, weight_decay=0.0)
    return train_label_sets(rendered_root, tmp_path_factory.mktemp("runs"), config)


@pytest.fixture(scope="session")
def model() -> LabelSetModel:
    """The bundled model, in double precision."""
    return load_label_sets(BUNDLED_LABEL_SETS, torch.device("cpu")).double()
