"""The scripts to start from, run as a person would."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from pydantic import SecretStr
from support.opensea_server import KEY, OpenSeaServer
from support.sales_events import paid, sale_event
from support.sprites import draw_punks

from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea
from punkdata.snapshots.reader import Snapshot
from punkdata.sources.opensea.transport import NetworkTransport, open_http

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


def test_what_explains_a_price_is_found(tmp_path: Path) -> None:
    """Prices that one accessory makes three times as high, in a market that doubles each year."""
    rng = random.Random(0)
    punks, sales = draw_punks(60), []
    worn = Counter(name for punk in punks for name in punk.accessories)
    ((hat, _),) = worn.most_common(1)
    for _ in range(900):
        years = rng.random() * 3
        punk = rng.choice(punks)
        eth = 2**years * (3 if hat in punk.accessories else 1) * rng.lognormvariate(0, 0.05)
        at = 1_500_000_000 + int(years * 365 * 86400)
        sales.append(sale_event(punk.punk_id, at, paid(f"{eth:.6f}")))
    with OpenSeaServer(punks, sales) as server:
        network = NetworkTransport(open_http(), server.base_url, SecretStr(KEY))
        fetch_opensea(tmp_path, network, server.base_url)
        network.close()
    build_dataset(tmp_path)
    done = run("prices.py", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    explained = [
        float(line.split()[-1])
        for line in done.stdout.splitlines()
        if line.startswith(("median of", "the market"))
    ]
    assert explained[-1] > 0.9 > max(explained[:-1])
    times = re.search(rf"{re.escape(hat)} +(\d+\.\d+) +\d+ sales", done.stdout)
    assert times
    assert float(times[1]) == pytest.approx(3, rel=0.1)


def test_too_few_sales_to_explain_are_said(priced: Snapshot, tmp_path: Path) -> None:
    done = run("prices.py", priced.path, cwd=tmp_path)
    assert done.returncode == 1
    assert re.search(r"holds \d+ sales with a price, too few to learn from: 500 are", done.stderr)


def test_prices_has_a_help_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    assert "usage: prices.py" in run("prices.py", "--help", cwd=tmp_path).stdout
    assert run("prices.py", "data", "more", cwd=tmp_path).returncode == 2


def test_a_network_of_your_own_learns(snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("train_and_evaluate.py", snapshot.path, 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    losses = [float(text) for text in re.findall(r"loss of the last batch (\S+)", done.stdout)]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert re.search(r"mean average precision +0\.\d{4}", done.stdout)


def test_without_data_they_say_what_to_type(tmp_path: Path) -> None:
    for name in ("prices.py", "train_and_evaluate.py"):
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
