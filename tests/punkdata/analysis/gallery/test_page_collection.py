"""What the page computes from its data, compared with the snapshot, in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.gallery_page import punk_rows

from punkdata.analysis.gallery.html import render_gallery
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites

NODE = shutil.which("node")
READ_PAGE = Path(__file__).parents[3] / "support" / "read_page.mjs"
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js 20 or later")


def read_collection(page: str, folder: Path, *names: str) -> dict[str, Any]:
    assert NODE
    file = folder / "gallery.html"
    file.write_text(page, "utf-8")
    command = [NODE, str(READ_PAGE), str(file), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["priced_snapshot", "market_snapshot", "snapshot"])
def test_prices_and_scores_are_those_of_the_snapshot(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    snapshot: Snapshot = request.getfixturevalue(name)
    columns = {
        "last": "last_sale_eth",
        "median": "median_sale_eth",
        "highest": "max_sale_eth",
        "rarityScore": "rarity_score",
    }
    page = render_gallery(snapshot)
    found = read_collection(page, tmp_path, "id", "lastSoldAt", "sales", *columns)
    rows = punk_rows(snapshot)
    punks = [rows[punk_id] for punk_id in found["id"]]
    for key, column in columns.items():
        expected = [punk[column] for punk in punks]
        assert [value is None for value in found[key]] == [value is None for value in expected]
        known = [value or 0 for value in expected]
        assert [value or 0 for value in found[key]] == pytest.approx(known, rel=1e-12)
    times = [punk["last_sold_at"] and int(punk["last_sold_at"].timestamp()) for punk in punks]
    assert found["lastSoldAt"] == times


def test_sales_have_their_times_and_accounts(owned_snapshot: Snapshot, tmp_path: Path) -> None:
    page = render_gallery(owned_snapshot, with_transactions=True)
    found = read_collection(page, tmp_path, "id", "sales", "owner", "addresses")
    table = owned_snapshot.sales()
    assert table is not None
    sales = found["sales"]
    assert sales["at"] == [int(time.timestamp()) for time in table["sold_at"].to_pylist()]
    assert [found["id"][row] for row in sales["row"]] == table["punk_id"].to_pylist()
    digits = found["addresses"]
    addresses = [f"0x{digits[i : i + 40]}" for i in range(0, len(digits), 40)]
    assert len(set(addresses)) == len(addresses)
    for role in ("seller", "buyer"):
        in_page = [None if n is None else addresses[n] for n in sales[role]]
        in_table = [name if len(name or "") == 42 else None for name in table[role].to_pylist()]
        assert in_page == in_table
    rows = punk_rows(owned_snapshot)
    owners = [None if n is None else addresses[n] for n in found["owner"]]
    assert owners == [rows[punk_id]["owner"] for punk_id in found["id"]]
    assert any(owners)
    hashes = [sales["transactions"][i : i + 64].strip() for i in range(0, 64 * len(table), 64)]
    expected = [
        name[2:] if len(name) == 66 else "" for name in table["transaction_hash"].to_pylist()
    ]
    assert hashes == expected


def test_layers_draw_every_pixel_and_replace_the_sprites(
    layered_root: Path, tmp_path: Path
) -> None:
    snapshot = open_snapshot(layered_root)
    page = render_gallery(snapshot)
    assert 'id="sprites">' in page
    found = read_collection(page, tmp_path, "id", "pixels", "palette")
    palette = np.array([tuple(bytes.fromhex(color)) for color in found["palette"]], np.uint8)
    drawn = palette[np.array(found["pixels"])].reshape(-1, 24, 24, 4)
    punks = snapshot.punks()
    assert (drawn[np.argsort(found["id"])] == extract_sprites(punks.sort_by("punk_id"))).all()
