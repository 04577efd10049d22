"""The scripts in examples/, run as a user runs them."""

from __future__ import annotations

import ast
import importlib
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
from support.paths import REPOSITORY
from support.sales_events import paid, sale_event
from support.sprites import make_punks

from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea
from punkdata.snapshots.reader import Snapshot
from punkdata.sources.opensea.http.transport import NetworkTransport

PACKAGES = ("punkdata", "punkmodels")


def run(name: str, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, REPOSITORY / "examples" / name, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_price_table_counts_the_sales_with_a_price(
    priced_snapshot: Snapshot, tmp_path: Path
) -> None:
    done = run("price_table.py", priced_snapshot.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = priced_snapshot.sales()
    assert table is not None
    prices = table.column("price_eth").drop_null()
    assert done.stdout.startswith(f"{len(prices)} of {len(table)} sales have a price in ETH")
    assert "Zombie" in done.stdout


def test_price_table_without_sales_fails(snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("price_table.py", snapshot.path, cwd=tmp_path)
    assert done.returncode == 1
    assert "has no sales" in done.stderr


def test_price_model_finds_a_known_effect(tmp_path: Path) -> None:
    """One accessory triples the price, in a market that doubles each year."""
    rng = random.Random(0)
    punks, sales = make_punks(60), []
    counts = Counter(name for punk in punks for name in punk.accessories)
    ((accessory, _),) = counts.most_common(1)
    for _ in range(900):
        years = rng.random() * 3
        punk = rng.choice(punks)
        factor = 3 if accessory in punk.accessories else 1
        eth = 2**years * factor * rng.lognormvariate(0, 0.05)
        sold_at = 1_500_000_000 + int(years * 365 * 86400)
        sales.append(sale_event(punk.punk_id, sold_at, paid(f"{eth:.6f}")))
    with OpenSeaServer(punks, sales) as server:
        network = NetworkTransport(server.base_url, SecretStr(KEY))
        fetch_opensea(tmp_path, network, server.base_url)
        network.close()
    build_dataset(tmp_path)
    done = run("price_model.py", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    r2 = [
        float(line.split()[-1])
        for line in done.stdout.splitlines()
        if line.startswith(("median of", "market"))
    ]
    assert r2[-1] > 0.9 > max(r2[:-1])
    estimate = re.search(rf"{re.escape(accessory)} +(\d+\.\d+) +\d+ sales", done.stdout)
    assert estimate
    assert float(estimate[1]) == pytest.approx(3, rel=0.1)


def test_price_model_needs_500_sales(priced_snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("price_model.py", priced_snapshot.path, cwd=tmp_path)
    assert done.returncode == 1
    assert re.search(r"has \d+ sales with a price, but at least 500 are needed", done.stderr)


def test_price_model_has_help_and_refuses_extra_arguments(tmp_path: Path) -> None:
    assert "usage: price_model.py" in run("price_model.py", "--help", cwd=tmp_path).stdout
    assert run("price_model.py", "data", "more", cwd=tmp_path).returncode == 2


def test_train_and_evaluate_lowers_the_loss(snapshot: Snapshot, tmp_path: Path) -> None:
    done = run("train_and_evaluate.py", snapshot.path, 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    losses = [float(text) for text in re.findall(r"loss of the last batch (\S+)", done.stdout)]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert re.search(r"^macro-AP +0\.\d{4}", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["price_model.py", "train_and_evaluate.py"])
def test_examples_without_data_name_the_command_to_run(name: str, tmp_path: Path) -> None:
    done = run(name, cwd=tmp_path)
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
