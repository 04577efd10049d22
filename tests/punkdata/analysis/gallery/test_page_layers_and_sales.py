"""The layers and the sales of one punk, in the gallery's page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.gallery_page import READ_PORTRAIT, OpenPage

from punkdata.analysis.gallery.html import render_gallery
from punkdata.analysis.part_masks import recover_parts
from punkdata.snapshots.reader import Snapshot, open_snapshot

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def layered_snapshot(gallery_folder: Path, layered_root: Path) -> Snapshot:
    """A snapshot whose layers are known; its page is named "layered"."""
    snapshot = open_snapshot(layered_root)
    (gallery_folder / "layered.html").write_text(render_gallery(snapshot), "utf-8")
    return snapshot


@pytest.fixture(scope="session")
def traded_snapshot(gallery_folder: Path, owned_snapshot: Snapshot) -> Snapshot:
    """A snapshot with rates; its page is named "traded", and has transactions."""
    page = render_gallery(owned_snapshot, with_transactions=True)
    (gallery_folder / "traded.html").write_text(page, "utf-8")
    return owned_snapshot


def test_layer_can_be_removed_and_shown_again(
    open_page: OpenPage, layered_snapshot: Snapshot
) -> None:
    parts = recover_parts(layered_snapshot)
    punks = layered_snapshot.punks(columns=["punk_id", "accessories"]).to_pylist()
    punk = next(p for p in punks if len(p["accessories"]) == 3)
    page = open_page("layered", f"#punk={punk['punk_id']}")
    before = page.evaluate(READ_PORTRAIT)
    name = punk["accessories"][1]
    button = page.get_by_role("button", name=f"Layer {name}")
    button.click()
    page.mouse.move(1, 1)
    expect(button).to_have_attribute("aria-pressed", "false")
    note = f"Without {name}. Click it again to restore it."
    expect(page.locator("#detail")).to_contain_text(note)
    without = parts.without(punk["punk_id"], [name])
    page.evaluate("() => document.activeElement.blur()")
    assert page.evaluate(READ_PORTRAIT) == without.reshape(-1).tolist()
    button.click()
    page.mouse.move(1, 1)
    page.evaluate("() => document.activeElement.blur()")
    assert page.evaluate(READ_PORTRAIT) == before


def test_pointing_at_a_layer_shows_its_pixels(
    open_page: OpenPage, layered_snapshot: Snapshot
) -> None:
    parts = recover_parts(layered_snapshot)
    punks = layered_snapshot.punks(columns=["punk_id", "accessories"]).to_pylist()
    punk = next(p for p in punks if len(p["accessories"]) == 2)
    page = open_page("layered", f"#punk={punk['punk_id']}")
    items = page.locator(".layers li")
    assert items.count() == 3
    mask = parts.masks(np.array([punk["punk_id"]]))[0]
    num_pixels = 0
    for i in range(3):
        items.nth(i).hover()
        alpha = np.array(page.evaluate(READ_PORTRAIT)).reshape(-1, 4)[:, 3]
        num_pixels += int((alpha == 255).sum())
    assert num_pixels == (mask != 255).sum()
    assert "pixels" in items.first.inner_text()


def test_sale_has_parties_dollars_and_a_link(
    open_page: OpenPage, traded_snapshot: Snapshot
) -> None:
    table = traded_snapshot.sales()
    assert table is not None
    page = open_page("traded", "#punk=0")
    sales = [sale for sale in reversed(table.to_pylist()) if sale["punk_id"] == 0]
    rows = page.locator("table.sales tbody tr")
    expect(rows).to_have_count(len(sales))
    for i, sale in enumerate(sales):
        text = rows.nth(i).inner_text()
        is_priced = "ETH" in text.split("from")[0] and not sale["is_zero_amount"]
        if is_priced and sale["price_usd"] is not None and sale["market"] == "cryptopunks":
            assert f"${sale['price_usd']:,.0f}" in text
        links = rows.nth(i).get_by_role("link")
        targets = [link.get_attribute("href") for link in links.all()]
        assert f"https://etherscan.io/address/{sale['buyer']}" in targets
        assert f"https://etherscan.io/address/{sale['seller']}" in targets
    history = page.get_by_role("link", name="All transactions of this punk")
    assert history.get_attribute("href") == "https://cryptopunks.app/cryptopunks/details/0"
    assert history.get_attribute("rel") == "noopener noreferrer"
    figure = page.locator("#detail figure")
    expect(figure).to_contain_text("this punk")
    expect(figure).to_contain_text("in each month")


def test_click_on_an_account_selects_the_punks_that_it_traded(
    open_page: OpenPage, traded_snapshot: Snapshot
) -> None:
    table = traded_snapshot.sales()
    assert table is not None
    sales = table.to_pylist()
    seller = next(sale["seller"] for sale in reversed(sales) if sale["punk_id"] == 0)
    traded = {s["punk_id"] for s in sales if seller in (s["seller"], s["buyer"])}
    page = open_page("traded", "#punk=0")
    page.locator("table.sales .account").first.click()
    assert page.locator("#query").input_value() == f"{seller[:6]}…{seller[-4:]}"
    expect(page.locator("#status")).to_have_text(f"{len(traded)} of 60 punks")


def test_owner_leads_to_all_punks_of_the_account(
    open_page: OpenPage, traded_snapshot: Snapshot
) -> None:
    page = open_page("traded", "#punk=7")
    detail = page.locator("#detail")
    expect(detail).to_contain_text("who has 9 punks")
    detail.locator("dd .account").first.click()
    owner = page.locator("#query").input_value()
    page.locator("#query").fill(f"owner={owner}")
    expect(page.locator("#status")).to_have_text("9 of 60 punks")
    assert "Owner" not in open_page("traded", "#punk=8").locator("#detail").inner_text()
