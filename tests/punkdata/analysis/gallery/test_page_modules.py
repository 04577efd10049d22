"""The pure modules of the gallery's page, tested in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.skipif(NODE is None, reason="needs Node.js 20: nodejs.org, or: apt-get install nodejs")
@pytest.mark.parametrize("file", TESTS, ids=[file.name for file in TESTS])
def test_module_in_node(file: Path) -> None:
    assert NODE
    done = subprocess.run(
        [NODE, "--test", str(file)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
