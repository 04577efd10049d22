"""Every dependency has a pin, an open range and a documented reason."""

from __future__ import annotations

import re
import tomllib

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
        assert f"| {name} |" in reasons, f"CONTRIBUTING.md does not say why {name}"
        forbidden = "[~!]|==" if name in CAPPED else "[<~!]|=="
        assert not re.search(forbidden, requirement), f"{requirement} is not open"
    for extra in project["optional-dependencies"].values():
        for requirement in extra:
            name = re.split(r"[>\[]", requirement)[0].lower()
            assert name == "punkdata" or name in pins, f"{name} is not in constraints.txt"
    assert "torch==2.13.0" in pins.values(), "without the local suffix of a CPU build"
