"""The search field of the gallery's page."""

from __future__ import annotations

import re

import pytest
from support.gallery_page import OpenPage, punk_rows, read_ids, read_status

from punkdata.snapshots.reader import Snapshot

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


def test_search_for_unknown_numbers_and_names(open_page: OpenPage) -> None:
    page = open_page()
    no_match = page.locator("#no-match")
    page.locator("#query").fill("12345")
    page.keyboard.press("Enter")
    expect(no_match).to_have_text("No punk in this snapshot has the number 12345.")
    page.get_by_role("button", name="Clear filters").click()
    assert page.locator("#query").input_value() == ""
    page.locator("#query").fill("zombie Unicorn")
    expect(no_match).to_have_text("No type or accessory is called “unicorn”.")


@pytest.mark.parametrize("text", ["mohawk", "Male", "ape", "3D Glasses", " hat "])
def test_search_finds_types_and_accessories(
    text: str, open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page()
    page.locator("#query").fill(text)
    page.keyboard.press("Enter")
    word = re.compile(rf"\b{text.strip()}", re.IGNORECASE)
    expected = [
        punk["punk_id"]
        for punk in punk_rows(priced_snapshot)
        if any(word.search(name) for name in (punk["type"], *punk["accessories"]))
    ]
    assert read_ids(page) == expected


def test_search_for_several_numbers_is_a_filter(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#query").fill("3, 1 and 2")
    page.keyboard.press("Enter")
    assert read_ids(page) == [1, 2, 3]
    page.locator("#query").fill("")
    assert read_status(page) == "60 punks"


def test_search_combines_words_exclusions_and_prices(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page(address="#type=Male")
    punks = [
        punk
        for punk in punk_rows(priced_snapshot)
        if punk["type"] == "Male" and (punk["last_sale_eth"] or 0) > 5
    ]
    excluded = punks[0]["accessories"][0]
    page.locator("#query").fill(f'-"{excluded}" >5eth')
    expected = [punk["punk_id"] for punk in punks if excluded not in punk["accessories"]]
    assert 0 < len(expected) < len(punks)
    assert read_ids(page) == expected
    address = page.url.partition("#")[2]
    restored = open_page(address=f"#{address}")
    assert read_ids(restored) == expected
    assert restored.locator("#query").input_value() == f'-"{excluded}" >5eth'


def test_suggestions_work_with_keyboard_and_mouse(open_page: OpenPage) -> None:
    page = open_page()
    field, options = page.locator("#query"), page.locator("#suggestions li")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    expect(options.first).to_have_text(re.compile("^zombie mohawk"))
    page.keyboard.type("zom")
    expect(options).to_have_count(1)
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    assert field.input_value() == "zombie "
    page.keyboard.type("-ear")
    options.first.click()
    assert field.input_value() == "zombie -earring "
    expect(field).to_be_focused()
    page.keyboard.type("moh")
    assert options.count() > 1
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(field).to_have_attribute("aria-expanded", "false")
    assert field.input_value() == "zombie -earring moh"


def test_chosen_numbers_of_an_address_can_be_dropped(open_page: OpenPage) -> None:
    page = open_page(address="#ids=7,5")
    assert read_ids(page) == [5, 7]
    page.get_by_role("button", name="2 chosen punks").click()
    assert read_status(page) == "60 punks"
