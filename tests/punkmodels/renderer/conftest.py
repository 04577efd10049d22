"""Fixtures for all tests of renderers."""

from __future__ import annotations

from pathlib import Path

import pytest

from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.config import make_config
from punkmodels.renderer.train import train_renderer


@pytest.fixture(scope="session")
def train(built_root: Path) -> SplitTensors:
    """The training split of the small snapshot."""
    return load_split(built_root, "latest", "default", "train")


@pytest.fixture(scope="session")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 100 steps. Read-only."""
    config = make_config(total_images=1600, batch_size=16, lr=0.05)
    return train_renderer(built_root, tmp_path_factory.mktemp("runs"), config)
