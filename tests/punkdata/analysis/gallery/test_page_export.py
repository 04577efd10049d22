"""What a reader takes along from the gallery's page: files, a link and a comparison."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.gallery_page import OpenPage, Page, punk_rows, read_ids

from punkdata.snapshots.reader import Snapshot

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


def save(page: Page, name: str) -> Path:
    """Choose an entry of the export menu, and return the file that the browser saves."""
    page.locator("#export summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    expect(page.locator("#message")).to_have_text(f"Saved {download.value.suggested_filename}.")
    return Path(download.value.path())


def test_selection_is_saved_as_csv_and_json(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    page = open_page(address="#type=Ape&sort=-last")
    ids = read_ids(page)
    punks = {punk["punk_id"]: punk for punk in punk_rows(priced_snapshot)}
    with save(page, "CSV table").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["punk_id"]) for row in rows] == ids
    saved: list[dict[str, Any]] = json.loads(save(page, "JSON").read_text("utf-8"))
    assert [punk["punk_id"] for punk in saved] == ids
    for row, punk in zip(rows, saved, strict=True):
        expected = punks[punk["punk_id"]]
        for name in set(punk) - {"last_sold_at"}:
            # The page has numbers with fewer digits than the snapshot.
            is_float = isinstance(expected[name], float)
            assert punk[name] == (pytest.approx(expected[name]) if is_float else expected[name])
        if expected["last_sold_at"]:
            assert punk["last_sold_at"] == f"{expected['last_sold_at']:%Y-%m-%dT%H:%M:%SZ}"
        assert row["accessories"] == "|".join(expected["accessories"])


# Each punk has 192 pixels, a caption of 20 and a gap of 4; 60 of them are in 8 columns and rows.
@pytest.mark.parametrize(("address", "size"), [("#", (1572, 1732)), ("#ids=3", (200, 220))])
def test_contact_sheet_shows_the_selection(
    address: str, size: tuple[int, int], open_page: OpenPage
) -> None:
    page = open_page(address=address)
    with Image.open(save(page, "Contact sheet")) as sheet:
        assert sheet.size == size
        assert len(sheet.convert("RGB").getcolors(1 << 16) or []) > 5


def test_link_is_copied(open_page: OpenPage) -> None:
    page = open_page(address="#type=Ape", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#export summary").press("Enter")
    page.get_by_role("button", name="Copy link").press("Enter")
    expect(page.locator("#message")).to_have_text("The link is in the clipboard.")
    assert page.evaluate("() => navigator.clipboard.readText()") == page.url


def test_menu_closes_with_escape_and_without_a_selection(open_page: OpenPage) -> None:
    page = open_page(address="#q=unicorn")
    summary = page.locator("#export summary")
    summary.press("Enter")
    expect(page.get_by_role("button", name="JSON")).to_be_disabled()
    expect(page.get_by_role("button", name="Copy link")).to_be_enabled()
    summary.press("Escape")
    assert page.locator("#export").get_attribute("open") is None
    expect(summary).to_be_focused()


def test_punks_are_compared_side_by_side(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    page = open_page(address="#punk=7")
    page.locator("#detail").get_by_role("button", name="Compare").click()
    page.keyboard.press("Escape")
    page.focus("#punks")
    page.keyboard.press("Home")
    page.keyboard.press("c")
    expect(page.locator("#message")).to_have_text("Punk 0 added to the comparison.")
    page.get_by_role("button", name="Compare (2)").click()
    page.get_by_label("Punk number").fill("#12")
    page.keyboard.press("Enter")
    table = page.locator("#compare table")
    assert table.locator(".open-punk").all_inner_texts() == ["#7", "#0", "#12"]
    punks = punk_rows(priced_snapshot)
    types = table.locator("tbody tr").first.locator("td").all_inner_texts()
    assert types == [punks[i]["type"] for i in (7, 0, 12)]
    restored = open_page(address=page.url[page.url.index("#") :])
    assert restored.locator("#compare table").inner_text() == table.inner_text()
    page.get_by_role("button", name="Remove punk 0").click()
    expect(table.locator("thead th")).to_have_count(2)
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator("#compare")).to_contain_text("Compare up to 6 punks side by side.")


def test_a_seventh_punk_is_refused(open_page: OpenPage) -> None:
    page = open_page(address="#view=compare&compare=1,2,3,4,5,6&q=7,8")
    page.get_by_role("button", name="Add the 2 selected punks").click()
    expect(page.locator("#compare")).to_contain_text("At most 6 punks fit; remove one first.")
    page.get_by_label("Punk number").fill("12345")
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_contain_text("No punk in this snapshot has this number.")
