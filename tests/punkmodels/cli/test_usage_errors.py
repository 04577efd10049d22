"""Usage errors are found before PyTorch is loaded, which takes seconds."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import atexit, sys
atexit.register(lambda: print("torch" in sys.modules, file=sys.stderr))
from punkmodels.cli.app import main
main()
"""


@pytest.mark.parametrize(
    "line",
    [
        "generate --count ten",
        "generate --out grid.jpg",
        "generate --count 1000000",
        "generate --model latest",
        "generate --model nothing-here",
        "generate --type Zombei",
        "generate --type Zombie --accessory Pype",
        "generate --type Zombie --accessory Pipe --accessory Cigarette",
        "generate --type Alien --skin-tone 2",
        "generate --model bundled-conditional",
        "generate --labels-from latest:nothing",
        "generate --labels-from latest:test",
        "evaluate nothing-here",
        "evaluate latest",
        "evaluate bundled",
        "evaluate images .",
        "predict empty",
        "predict image.png --model nothing-here",
        "train classifier",
        "train classifier --preset nope",
        "train classifier --set nothing=3",
        "train classifier --augment-with nothing-here",
        "train dcgan --resume latest",
        "train dcgan --image-dir nothing",
        "train dcgan --recipe mlp --conditional type",
        "train renderer --version s3-nothing",
        "tune classifier",
        "export nothing-here",
        "options nothing-here",
    ],
)
def test_usage_error_is_found_before_torch_is_loaded(line: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "image.png").write_bytes(b"")
    command = [sys.executable, "-c", CODE, *shlex.split(line)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    *_, error, is_torch_loaded = done.stderr.splitlines()
    assert (done.returncode, error[:7], is_torch_loaded) == (2, "error: ", "False"), done.stderr
