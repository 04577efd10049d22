"""The workflows of continuous integration agree with each other and with the Makefile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from typing import Any

import pytest
import yaml
from support.paths import REPOSITORY

from punkdata import __version__

WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text("utf-8"))
    for path in (REPOSITORY / ".github" / "workflows").glob("*.yml")
}


def steps(*workflows: str) -> list[dict[str, Any]]:
    jobs = [job for name in workflows for job in WORKFLOWS[name]["jobs"].values()]
    return [step for job in jobs for step in job["steps"]]


def test_workflows_use_one_version_of_each_action() -> None:
    versions = defaultdict(set)
    for step in steps(*WORKFLOWS):
        if "uses" in step:
            action, _, version = step["uses"].partition("@")
            versions[action].add(version)
    assert {"actions/checkout", "pypa/gh-action-pypi-publish"} <= versions.keys()
    for action, found in versions.items():
        assert len(found) == 1, f"{action} has the versions {found}"
        assert re.fullmatch(r"v\d+|release/v\d+", *found), f"{action}@{found} is not pinned"


def test_workflows_call_make_targets_that_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8").replace("$(VENV)", ".venv")
    makefile = re.sub(r"\$\((INSTALLED|READY)\)", r".venv/.\1", makefile).lower()
    called = {
        target
        for step in steps(*WORKFLOWS)
        for target in re.findall(r"^ *make (\S+)", step.get("run", ""), re.MULTILINE)
    }
    assert {"test", ".venv/.ready"} <= called
    for target in called:
        assert f"\n{target}:" in makefile, f"there is no make {target}"


def test_only_the_publishing_job_of_a_tag_may_get_a_token() -> None:
    release = WORKFLOWS["release.yml"]
    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML reads the key `on` as a boolean.
    assert release["permissions"] == {"contents": "read"}
    permissions = {name: job.get("permissions") for name, job in release["jobs"].items()}
    assert permissions == {"build": None, "publish": {"id-token": "write"}}
    publish = release["jobs"]["publish"]
    assert (publish["needs"], publish["environment"]) == ("build", "pypi")
    secrets = (REPOSITORY / ".github/workflows/release.yml").read_text("utf-8")
    assert "secrets." not in secrets, "trusted publishing needs no stored token"


@pytest.mark.skipif(sys.platform == "win32", reason="the workflow runs on Linux")
@pytest.mark.parametrize(
    ("tag", "is_accepted"),
    [(f"v{__version__}", True), (__version__, False), (f"v{__version__}.1", False), ("v", False)],
)
def test_release_requires_a_tag_with_the_version(tag: str, is_accepted: bool) -> None:
    (check,) = [s for s in steps("release.yml") if s.get("name", "").startswith("Check that")]
    command = ["bash", "-e", "-c", check["run"]]
    environment = os.environ | {"GITHUB_REF_NAME": tag}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == is_accepted
    assert is_accepted or f"the tag is {tag}" in done.stdout
