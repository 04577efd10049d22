"""The detail pane of the gallery's page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.gallery_page import READ_PORTRAIT, OpenPage, punk_rows

from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


def test_portrait_shows_the_exact_pixels(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    page = open_page(address="#punk=7")
    sprites = extract_sprites(priced_snapshot.punks().sort_by("punk_id"))
    assert page.evaluate(READ_PORTRAIT) == sprites[7].reshape(-1).tolist()


def test_click_opens_a_punk_with_labels_and_sales(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page()
    page.locator("#strips").click(position={"x": 40 + 2 * 74, "y": 40})
    punk = punk_rows(priced_snapshot)[2]
    pane = page.locator("#detail")
    expect(pane.get_by_role("heading", name="Punk 2", exact=True)).to_be_focused()
    for name in [punk["type"], *punk["accessories"]]:
        expect(pane.get_by_role("button", name=name).first).to_be_visible()
    expect(pane).to_contain_text(f"{punk['sale_count']} times")
    expect(pane).to_contain_text("Nearest punks")
    sales = priced_snapshot.sales()
    assert sales is not None
    num_sales = sales.column("punk_id").to_pylist().count(2)
    expect(pane.locator("table.sales tbody tr")).to_have_count(num_sales)
    pane.get_by_role("button", name="Next punk").click()
    expect(pane.get_by_role("heading", name="Punk 3", exact=True)).to_be_visible()
    pane.get_by_role("button", name=re.compile("pixels? different")).first.click()
    expect(pane.get_by_role("heading", name="Punk 3", exact=True)).to_have_count(0)


def test_nearest_punks_differ_in_the_fewest_pixels(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page(address="#punk=5")
    sprites = extract_sprites(priced_snapshot.punks().sort_by("punk_id"))
    distances = (sprites != sprites[5]).any(axis=-1).sum(axis=(1, 2))
    distances[5] = 577
    shown = re.findall(r"#(\d+) · (\d+)", page.locator(".nearest").inner_text())
    assert len(shown) == 8
    assert [int(distance) for _, distance in shown] == sorted(distances)[:8]
    assert all(distances[int(punk_id)] == int(distance) for punk_id, distance in shown)


def test_hidden_label_is_marked(open_page: OpenPage, snapshot_with_hidden: Snapshot) -> None:
    punk = next(p for p in punk_rows(snapshot_with_hidden) if len(p["accessories"]) > 1)
    page = open_page("hiding", f"#punk={punk['punk_id']}")
    marked = page.locator(".hidden-label").all_inner_texts()
    assert marked == [f"{punk['accessories'][0]} (hidden)"]


def test_cursor_marks_the_open_punk_if_it_is_selected(open_page: OpenPage) -> None:
    page = open_page(address="#punk=50")
    page.get_by_label("Sort").select_option("Rarity rank")
    option = page.locator("#option")
    expect(option).to_have_text(re.compile("^Punk 50: "))
    expect(page.locator("#cursor.open")).to_have_count(1)
    other_type = "Alien" if "Alien" not in option.inner_text() else "Ape"
    page.get_by_label(re.compile(f"^{other_type}")).check()
    expect(page.get_by_role("heading", name="Punk 50", exact=True)).to_be_visible()
    expect(page.locator("#cursor.open")).to_have_count(0)
    for name in ("Previous punk", "Next punk"):
        button = page.get_by_role("button", name=name)
        expect(button).to_have_attribute("aria-disabled", "true")


def test_filter_set_in_the_pane_remains_after_closing(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("2\n")
    page.locator("#detail").get_by_role("button", name="Female").click()
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("12 of 60 punks")
    assert "type=Female" in page.url
    assert "punk=" not in page.url


def test_pane_covers_a_phone_and_a_label_closes_it(open_page: OpenPage) -> None:
    page = open_page(address="#", viewport={"width": 360, "height": 700})
    page.keyboard.press("/")
    page.keyboard.type("2\n")
    assert page.evaluate("() => document.querySelector('main').inert")
    page.locator("#detail").get_by_role("button", name="Female").click()
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("12 of 60 punks")
    assert not page.evaluate("() => document.querySelector('main').inert")


def test_rarity_shows_its_terms(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    punks = punk_rows(priced_snapshot)
    punk = max(punks, key=lambda p: len(p["accessories"]))
    page = open_page(address=f"#punk={punk['punk_id']}")
    detail = page.locator("#detail").inner_text()
    assert f"{punk['rarity_score']:.2f}, rank {punk['rarity_rank']} of 60" in detail
    bits = np.log2(60 / sum(p["type"] == punk["type"] for p in punks))
    assert re.search(rf"{punk['type']}\s+{bits:.1f} bits", detail)
