"""Every dependency has a pin, an open range and a documented reason."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from support.paths import REPOSITORY

NAMES = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Distributions with another name than their module."""
SCRIPTS = {path.stem for path in (REPOSITORY / "benchmarks").glob("*.py")}
OURS = {"punkdata", "punkmodels", "support", *SCRIPTS}
IN_NOTEBOOKS = {"IPython"}  # Imported only if a notebook has done so.
CAPPED = {"httpx"}
"""Dependencies whose next major version is known to break us."""


def test_every_dependency_is_pinned_open_and_explained() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    pins = {
        line.split("==")[0].lower(): line
        for line in (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    reasons = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    for requirement in project["dependencies"]:
        name, _, _ = requirement.partition(">=")
        assert name.lower() in pins, f"{name} is not in constraints.txt"
        assert f"\n| {name} | " in reasons, f"CONTRIBUTING.md does not say why {name}"
        forbidden = "[~!]|==" if name in CAPPED else "[<~!]|=="
        assert not re.search(forbidden, requirement), f"{requirement} is not open"
    extras = defaultdict(list)
    for extra, requirements in project["optional-dependencies"].items():
        for requirement in requirements:
            name = re.split(r"[>\[]", requirement)[0]
            if name != "punkdata":
                assert name.lower() in pins, f"{name} is not in constraints.txt"
                assert not re.search("[<~!]|==", requirement), f"{requirement} is not open"
                extras[name].append(extra)
    for name, of_package in extras.items():
        row = re.search(rf"^\| {re.escape(name)} \| ([\w, ]+) \| \S", reasons, re.MULTILINE)
        assert row, f"CONTRIBUTING.md does not say why {name}"
        assert set(row[1].split(", ")) == set(of_package), f"CONTRIBUTING.md: extras of {name}"
    assert "torch==2.13.0" in pins.values(), "without the local suffix of a CPU build"


@pytest.mark.parametrize(
    ("folders", "kinds"),
    [
        (
            ("punkdata", "punkmodels"),
            ("models", "plot", "hub", "log", "onnx", "s3", "tune", "wandb"),
        ),
        (("tests", "benchmarks", "docs", "notebooks", "examples", "cassettes"), None),
    ],
)
def test_every_imported_package_is_declared(
    folders: tuple[str, ...], kinds: tuple[str, ...] | None
) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {*project["dependencies"]}
    declared = declared.union(*(extras[kind] for kind in kinds or extras))
    names = {re.split(r"[>\[<]", requirement)[0].lower() for requirement in declared}
    for file in (file for folder in folders for file in (REPOSITORY / folder).rglob("*.py")):
        for module in find_imports(file) - OURS - IN_NOTEBOOKS - sys.stdlib_module_names:
            distribution = NAMES.get(module, module).lower()
            assert {distribution, distribution.replace("_", "-")} & names, f"{file}: {module}"


def find_imports(file: Path) -> set[str]:
    """Return the names of the packages that a file imports, anywhere in it."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules}
