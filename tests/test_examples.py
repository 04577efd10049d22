"""The scripts in examples/, run as a user runs them."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.paths import REPOSITORY

from punkdata.snapshots.reader import Snapshot

PACKAGES = ("punkdata", "punkmodels")


def run(name: str, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, REPOSITORY / "examples" / name, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_train_and_evaluate_lowers_the_loss(snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("train_and_evaluate.py", snapshot.path, 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    losses = [float(text) for text in re.findall(r"loss of the last batch (\S+)", done.stdout)]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert re.search(r"^macro-AP +0\.\d{4}", done.stdout, re.MULTILINE)


def test_train_and_evaluate_without_data_names_the_command_to_run(tmp_path: Path) -> None:
    done = run("train_and_evaluate.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "punkdata fetch" in done.stderr or "punkdata build-dataset" in done.stderr
    assert "Traceback" not in done.stderr


def test_generate_by_label_needs_no_data(tmp_path: Path) -> None:
    done = run("generate_by_label.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 13
    with Image.open(tmp_path / "demo" / "by-label.png") as image:
        assert min(image.size) >= 24 * 8


def test_compare_with_real_shows_each_punk_twice(root: Path) -> None:
    done = run("compare_with_real.py", cwd=root.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("of 576 pixels differ") == 8
    with Image.open(root.parent / "demo" / "real-and-rendered.png") as image:
        assert image.size == (8 * 144, 2 * 144)


PUBLIC = {package: set(importlib.import_module(package).__all__) for package in PACKAGES}


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "examples").glob("*.py")), ids=lambda p: p.name
)
def test_examples_use_public_names_only(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            names = {alias.name for alias in node.names}
            assert package not in PUBLIC or (not module and names <= PUBLIC[package])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id not in PUBLIC or node.attr in PUBLIC[node.value.id]
