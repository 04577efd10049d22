from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def new_root(tmp_path: Path) -> Path:
    """Return the data root that the `fetch` fixture writes to; it does not exist yet."""
    return tmp_path / "data"
