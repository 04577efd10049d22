"""Charts do not depend on the user's settings of matplotlib."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from support.cli import punkdata_command

from punkdata.analysis.plots import plot_png
from punkdata.charts import chart_style
from punkdata.snapshots.reader import Snapshot

SETTINGS = {
    "text.usetex": True,
    "figure.facecolor": "black",
    "axes.prop_cycle": "cycler('color', ['red'])",
    "font.family": "no such font",
    "font.size": 30,
    "savefig.bbox": "tight",
    "savefig.dpi": 40,
    "savefig.format": "svg",
    "savefig.transparent": True,
    "timezone": "Pacific/Apia",
    "xtick.labelsize": 1,
}


def plot_in_process(
    built_root: Path, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `punkdata plot` in another process, whose current folder is `folder`."""
    out = folder / "plots"
    command = punkdata_command("plot", "accessory-counts", "--root", built_root, "--out", out)
    paths = os.pathsep.join(path for path in sys.path if path)
    env = os.environ | {"PYTHONPATH": paths} | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["price-over-time", "accessory-counts", "co-occurrence"])
def test_settings_of_the_user_change_nothing(name: str, priced_snapshot: Snapshot) -> None:
    expected = plot_png(name, priced_snapshot)
    with matplotlib.rc_context(SETTINGS):
        assert plot_png(name, priced_snapshot) == expected
        assert matplotlib.rcParams["font.size"] == 30, "the settings must be restored"


def test_style_keeps_the_backend_of_the_user() -> None:
    before = dict.__getitem__(matplotlib.rcParams, "backend")
    with chart_style():
        assert dict.__getitem__(matplotlib.rcParams, "backend") == before
    assert dict.__getitem__(matplotlib.rcParams, "backend") == before


def test_unknown_backend_and_damaged_lines_of_matplotlibrc_are_ignored(
    built_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nno colon\nfont.size: huge\n")
    done = plot_in_process(built_root, tmp_path, MPLBACKEND="of-another-environment")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plots" / "accessory-counts.png").stat().st_size > 10_000


def test_unreadable_matplotlibrc_is_one_line_that_names_it(
    built_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe# not UTF-8\n")
    done = plot_in_process(built_root, tmp_path)
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: matplotlib cannot read its configuration file")
    assert "Traceback" not in done.stderr
