"""Every dependency has a pin, an open range and a documented reason."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict

from support.paths import REPOSITORY

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
