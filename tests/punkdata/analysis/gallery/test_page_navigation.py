"""Keyboard, address and history of the gallery's page."""

from __future__ import annotations

import re

import pytest
from support.gallery_page import OpenPage, read_ids, read_option, read_status

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


def test_page_can_be_used_with_the_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("31")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Punk 31", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#punks")).to_be_focused()
    assert read_option(page).startswith("Punk 31: ")
    page.keyboard.press("ArrowLeft")
    assert read_option(page).startswith("Punk 30: ")
    page.keyboard.press("End")
    assert read_option(page).startswith("Punk 59: ")
    page.keyboard.press("ArrowRight")
    assert read_option(page).startswith("Punk 59: ")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    below = int(read_option(page).split(":")[0].removeprefix("Punk "))
    assert below > 1
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Punk {below}", exact=True)).to_be_visible()
    option = page.locator("#option")
    expect(option).to_have_attribute("aria-setsize", "60")
    expect(option).to_have_attribute("aria-posinset", f"{below + 1}")


def test_address_restores_the_state(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label(re.compile("^Ape")).check()
    page.get_by_label("at least").select_option("1")
    page.get_by_label("Sort").select_option("Rarity rank")
    before = read_ids(page)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    address = page.url
    assert "type=Ape" in address
    restored = open_page(address=address[address.index("#") :])
    heading = restored.get_by_role("heading", name=f"Punk {before[0]}", exact=True)
    expect(heading).to_be_visible()
    assert read_ids(restored) == before
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    assert read_status(page) == read_status(restored)


@pytest.mark.parametrize(("typed", "restored"), [("1e-7", 1e-7), ("5e-324", 5e-324), ("-5", None)])
def test_address_restores_price_limits_exactly(
    typed: str, restored: float | None, open_page: OpenPage
) -> None:
    page = open_page()
    page.get_by_label("Price from, ETH").fill(typed)
    status = read_status(page)
    other = open_page(address=f"#{page.url.partition('#')[2]}")
    assert read_status(other) == status
    value = other.get_by_label("Price from, ETH").input_value()
    assert (float(value) if value else None) == restored
    assert other.get_by_label("Price to, ETH").input_value() == ""


@pytest.mark.parametrize(
    "address",
    [
        "#type=Robot&with=Nothing&count=x..y&eth=..&split=other&sort=luck&size=99&punk=12345&view=3",
        "#count=1e9..&eth=NaN..Infinity&ids=a,b,-1,1.5&punk=<script>",
        "#%ff%00&&==&type",
        "#sort=constructor&price=__proto__&count=99..&eth=5-..-1",
        "#sort=-toString&price=constructor",
    ],
)
def test_invalid_address_is_ignored(address: str, open_page: OpenPage) -> None:
    page = open_page(address=address)
    assert read_status(page).endswith("punks")
    expect(page.locator("#detail")).to_be_hidden()


def test_back_button_restores_view_and_scroll_position(open_page: OpenPage) -> None:
    page = open_page(address="#size=6", viewport={"width": 1300, "height": 500})
    read_scroll = "() => document.querySelector('#punks').scrollTop"
    page.evaluate("() => { document.querySelector('#punks').scrollTop = 700; }")
    before = page.evaluate(read_scroll)
    num_entries = page.evaluate("() => history.length")
    for _ in range(3):
        page.mouse.click(500, 300)
        expect(page.locator("#detail")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
    assert page.evaluate("() => history.length") <= num_entries + 1
    assert page.evaluate(read_scroll) > 0
    page.evaluate(f"() => {{ document.querySelector('#punks').scrollTop = {before}; }}")
    page.mouse.click(500, 300)
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    assert abs(page.evaluate(read_scroll) - before) < 200
    page.get_by_role("button", name="Charts").click()
    page.go_back()
    expect(page.locator("#punks")).to_be_visible()


@pytest.mark.parametrize("action", ["clear filters", "escape in charts", "label in charts"])
def test_focus_moves_on_when_its_element_disappears(action: str, open_page: OpenPage) -> None:
    page = open_page(address="#type=Ape&punk=1&view=charts")
    if action == "clear filters":
        page.get_by_role("button", name="Clear filters").press("Enter")
    elif action == "escape in charts":
        page.locator("#detail h2").first.focus()
        page.keyboard.press("Escape")
    else:
        page.locator("table.label-counts").last.get_by_role("button").first.press("Enter")
    assert page.evaluate("() => document.activeElement !== document.body")
