"""The base installation, without the packages of the extras, says which extra a feature needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.paths import REPOSITORY

from punkdata.extras import EXTRAS

BASE_INSTALLATION = f"""
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name in {sorted(EXTRAS)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""
"""Code that hides the optional packages, as if they were not installed."""


def run_without_extras(code: str, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BASE_INSTALLATION + code, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def run_command(line: str, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    program, *words = line.split()
    code = f"from {program}.cli.app import main; main()"
    return run_without_extras(code, *words, *args, cwd=cwd)


def test_table_lists_the_packages_of_the_extras_for_users() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = re.findall(r"\w+", extras["all"][0].partition("[")[2])
    declared = {
        extra: {requirement.partition(">=")[0] for requirement in extras[extra]} for extra in users
    }
    for module, (_, extra) in EXTRAS.items():
        assert module in declared[extra], f"the extra {extra} does not install {module}"
    assert set(EXTRAS) == set().union(*declared.values())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("punkdata plot", 'this command needs pandas, .*"punkdata[plot]"'),
        ("punkdata info --root s3://bucket", 's3:// needs s3fs, .*"punkdata[s3]"'),
        ("punkmodels train", 'this command needs PyTorch, .*"punkdata[models]"'),
        ("punkmodels tune classifier", 'this command needs PyTorch, .*"punkdata[models]"'),
        ("punkmodels generate", 'this command needs PyTorch, .*"punkdata[models]"'),
        ("punkmodels evaluate bundled", 'this command needs PyTorch, .*"punkdata[models]"'),
    ],
)
def test_command_names_the_missing_extra_in_one_line(
    line: str, message: str, built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(built_root))
    done = run_command(line, cwd=tmp_path)
    pattern = re.escape(message).replace(r"\.\*", "which is not installed; .*pip install ")
    assert "loading PyTorch" not in done.stderr
    error_line = done.stderr.splitlines()[-1]
    assert re.fullmatch(f"error: {pattern}", error_line), done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)


def test_import_of_punk_dataset_raises_import_error(tmp_path: Path) -> None:
    code = """
try:
    from punkdata import PunkDataset
except ImportError as error:
    print(type(error).__name__, error)
"""
    assert run_without_extras(code, cwd=tmp_path).stdout == (
        "MissingExtraError PunkDataset needs PyTorch, which is not installed; "
        'install it with: pip install "punkdata[models]"\n'
    )


@pytest.mark.parametrize("name", ["draw", "load_classifier", "train_classifier", "open_run"])
def test_names_of_punkmodels_raise_import_error(name: str, tmp_path: Path) -> None:
    code = f"""
import punkmodels
try:
    punkmodels.{name}
except ImportError as error:
    print(type(error).__name__, error)
"""
    assert run_without_extras(code, cwd=tmp_path).stdout == (
        f"MissingExtraError punkmodels.{name} needs PyTorch, which is not installed; "
        'install it with: pip install "punkdata[models]"\n'
    )


def test_data_is_read_and_exported_without_extras(built_root: Path, tmp_path: Path) -> None:
    code = "import punkdata, sys; print(punkdata.open_snapshot(sys.argv[1]).punks().num_rows)"
    assert run_without_extras(code, built_root, cwd=tmp_path).stdout == "60\n"
    for line in ("verify", "info", "list", "audit", "gallery", "export imagefolder images"):
        done = run_command(f"punkdata {line}", "--root", built_root, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
