"""The three scripts to start from, run as a person would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from punkdata.snapshot import Snapshot

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / name, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_prices_by_type(priced: Snapshot, tmp_path: Path) -> None:
    done = run("price_table.py", priced.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = priced.sales()
    assert table is not None
    prices = table.column("price_eth").drop_null()
    assert done.stdout.startswith(f"{len(prices)} of {len(table)} sales have a price in ETH")
    assert "Zombie" in done.stdout


def test_prices_where_there_are_none(snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("price_table.py", snapshot.path, cwd=tmp_path)
    assert done.returncode == 1
    assert "knows no sales" in done.stderr


def test_a_network_of_your_own_learns(snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("train_and_evaluate.py", snapshot.path, 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    losses = [float(text) for text in re.findall(r"loss of the last batch (\S+)", done.stdout)]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert re.search(r"mean average precision +0\.\d{4}", done.stdout)


def test_without_data_they_say_what_to_type(tmp_path: Path) -> None:
    for name in ("price_table.py", "train_and_evaluate.py"):
        done = run(name, cwd=tmp_path)
        assert done.returncode == 1
        assert "punkdata fetch" in done.stderr
        assert "Traceback" not in done.stderr


def test_punks_by_name_need_no_data(tmp_path: Path) -> None:
    done = run("asked_for.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("asked for: ") == 12
    with Image.open(tmp_path / "demo" / "asked-for.png") as picture:
        assert min(picture.size) >= 24 * 8
