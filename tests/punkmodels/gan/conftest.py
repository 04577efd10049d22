"""Fixtures for all tests of generators."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def seed_torch() -> None:
    """Seed torch, so that no test depends on the tests that ran before it."""
    torch.manual_seed(0)
