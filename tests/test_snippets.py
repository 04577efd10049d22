"""The Python snippets in the README and docs/ run, on a snapshot of generated punks with sales."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cli import run
from support.network import open_network
from support.opensea_server import OpenSeaServer
from support.paths import REPOSITORY
from support.sales_events import make_sales
from support.sprites import FakePunk, make_punks

from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
# Snippets that need an object store, a web server, an image of the reader, or all 10,000 punks.
NOT_RUN = ("s3://", "https://", "hf://", "punk.jpg", "punk.png", "you/", "masks=True", "part_mask")
SLOW = ("train_classifier", "tune_classifier", "onnxruntime", '("latest")')


@dataclass
class RenderedPunk(FakePunk):
    """A punk whose sprite the bundled renderer draws, so that the bundled classifier knows it.

    Aliens and Apes wear a cap: hardly any real one has a bare head, so the classifier refuses it.
    """

    @property
    def sprite(self) -> np.ndarray:
        import punkmodels

        names = ["Cap"] if self.type in ("Alien", "Ape") else self.accessories
        return np.array(punkmodels.draw(self.type, *names, scale=1, allow_impossible=True))


def list_snippets() -> list[Any]:
    """Return the snippets that can run; those that take many seconds are marked slow."""
    return [
        pytest.param(
            code,
            id=f"{page.relative_to(REPOSITORY).as_posix()}-{number}",
            marks=[pytest.mark.slow] if any(word in code for word in SLOW) else [],
        )
        for page in PAGES
        for number, code in enumerate(
            re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        )
        if not any(word in code for word in NOT_RUN)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a reader, with snapshots in data/ and demo/synthetic/."""
    folder = tmp_path_factory.mktemp("reader")
    punks: list[FakePunk] = [RenderedPunk(p.punk_id, p.type, p.accessories) for p in make_punks()]
    with OpenSeaServer(punks, make_sales(punks, 300)) as server:
        network = open_network(server)
        fetch_opensea(folder / "data", network, server.base_url)
        network.close()
    build_dataset(folder / "data")
    synthetic = folder / "demo" / "synthetic"
    assert run("fetch", "--replay", REPOSITORY / "cassettes" / "inline", "--root", synthetic) == 0
    assert run("build-dataset", "--root", synthetic) == 0
    return folder


def test_most_snippets_are_run() -> None:
    blocks = sum(page.read_text("utf-8").count("```python\n") for page in PAGES)
    assert len(list_snippets()) >= 0.75 * blocks


@pytest.mark.parametrize("code", list_snippets())
def test_snippet_runs(code: str, folder: Path) -> None:
    if "weights/model.onnx" in code:
        classifier = REPOSITORY / "punkmodels" / "weights" / "classifier"
        export = [sys.executable, "-m", "punkmodels", "export", classifier, "--onnx"]
        subprocess.run(export, cwd=folder, check=True, capture_output=True)
    if '("latest")' in code and not (folder / "runs").exists():
        train = "import punkmodels; punkmodels.train_classifier('data', epochs=1)"
        subprocess.run([sys.executable, "-c", train], cwd=folder, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
