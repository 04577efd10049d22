"""The map of the gallery's page."""

from __future__ import annotations

import base64
import re

import numpy as np
import pyarrow as pa
import pytest
from support.gallery_page import OpenPage, Page, punk_rows, read_status

from punkdata.analysis.gallery.punk_map import MAP_FILE, MAP_SIZE, pack_map
from punkdata.snapshots.reader import Snapshot

PLACE = """([id, places]) => {
    const box = document.querySelector("#map-stage").getBoundingClientRect();
    const [xs, ys] = places;
    const bounds = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    const scale = Math.min(4.5, 0.95 * Math.min(
        box.width / (bounds[2] - bounds[0] + 1), box.height / (bounds[3] - bounds[1] + 1)));
    return [
        box.left + box.width / 2 + (xs[id] - (bounds[0] + bounds[2]) / 2) * scale,
        box.top + box.height / 2 + (ys[id] - (bounds[1] + bounds[3]) / 2) * scale,
    ];
}"""
"""Return where the whole map shows a punk, in pixels of the page."""


def read_places() -> np.ndarray:
    with np.load(MAP_FILE) as arrays:
        return np.asarray(arrays["places"])


def find_punk(page: Page, punk_id: int) -> tuple[float, float]:
    places = read_places()[:60].T.astype(int).tolist()
    x, y = page.evaluate(PLACE, [punk_id, places])
    return float(x), float(y)


def test_places_are_packed_in_three_bytes() -> None:
    places = read_places()
    assert places.shape == (10_000, 2)
    assert places.max() < MAP_SIZE
    assert len(np.unique(places, axis=0)) == 10_000
    packed = pack_map(pa.chunked_array([[7, 9999]]))
    assert packed is not None
    codes = np.frombuffer(b"\0" + base64.b64decode(packed)[:3], ">u4")
    assert [codes[0] >> 12, codes[0] & 4095] == places[7].tolist()
    assert pack_map(pa.chunked_array([[7, 10_000]])) is None


@pytest.mark.browser
def test_hover_names_a_punk_and_a_click_opens_it(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    page = open_page(address="#view=map")
    page.mouse.move(*find_punk(page, 20))
    tip = page.locator(".map-tip")
    expect(tip).to_contain_text("#20")
    expect(tip).to_contain_text(punk_rows(priced_snapshot)[20]["type"])
    page.mouse.move(1, 1)
    expect(tip).to_be_hidden()
    page.mouse.click(*find_punk(page, 31))
    expect(page.get_by_role("heading", name="Punk 31", exact=True)).to_be_focused()
    expect(page.locator(".map-cursor")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#map-stage")).to_be_focused()


@pytest.mark.browser
def test_lasso_selects_the_punks_inside(open_page: OpenPage) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    page = open_page(address="#view=map")
    x, y = find_punk(page, 20)
    page.get_by_role("button", name="Lasso").click()
    page.mouse.move(x - 12, y - 12)
    page.mouse.down()
    for dx, dy in ((12, -12), (12, 12), (-12, 12)):
        page.mouse.move(x + dx, y + dy)
    page.mouse.up()
    num_selected = int(read_status(page).split()[0])
    assert 1 <= num_selected < 30
    assert re.search(r"area=-?\d+\.-?\d+,", page.url)
    expect(page.get_by_role("button", name="Lasso")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Punks", exact=True).click()
    assert int(read_status(page).split()[0]) == num_selected
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert int(read_status(page).split()[0]) == num_selected
    page.get_by_role("button", name="Clear filters").click()
    assert read_status(page) == "60 punks"


@pytest.mark.browser
def test_map_works_with_the_keyboard(open_page: OpenPage) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    page = open_page(address="#view=map")
    option = page.locator("#map-option")
    page.locator("#map-stage").focus()
    seen = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        seen.add(option.inner_text())
    assert len(seen) > 1
    punk = option.inner_text().split(":")[0]
    for _ in range(8):
        page.keyboard.press("+")
    page.get_by_role("button", name="Select visible").click()
    assert int(read_status(page).split()[0]) < 60
    page.locator("#map-stage").focus()
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=punk, exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="in an area of the map").click()
    assert read_status(page) == "60 punks"


@pytest.mark.browser
def test_map_is_colored_by_what_the_address_says(open_page: OpenPage) -> None:
    page = open_page(address="#view=map&color=last")
    legend = page.locator(".map-legend")
    assert re.search(r"up to [\d.,]+ ETH", legend.inner_text())
    page.get_by_label("Color").select_option("Earring")
    assert legend.locator("li").all_inner_texts() == ["Earring", "without Earring"]
    assert "color=Earring" in page.url
    unpriced = open_page("unpriced", "#view=map&color=last")
    assert unpriced.get_by_label("Color").input_value() == "type"
    assert not unpriced.get_by_role("option", name="Last sale").count()


@pytest.mark.browser
def test_wheel_zooms_until_sprites_are_drawn(open_page: OpenPage) -> None:
    page = open_page(address="#view=map&punk=20")
    cursor = page.locator(".map-cursor")
    assert float(cursor.get_attribute("width")) < 24
    page.mouse.move(*find_punk(page, 20))
    for _ in range(12):
        page.mouse.wheel(0, -400)
    page.wait_for_function("() => document.querySelector('.map-cursor').width.baseVal.value > 24")


@pytest.mark.browser
def test_two_fingers_zoom_the_map(open_page: OpenPage) -> None:
    page = open_page(address="#view=map&punk=20", viewport={"width": 1000, "height": 700})
    session = page.context.new_cdp_session(page)
    x, y = find_punk(page, 20)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": left, "y": top, "id": i} for i, (left, top) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = page.locator(".map-cursor").bounding_box()
    touch("touchStart", (x - 10, y))
    touch("touchStart", (x - 10, y), (x + 10, y))
    for step in range(1, 20):
        touch("touchMove", (x - 10 - 4 * step, y), (x + 10 + 4 * step, y))
    touch("touchEnd")
    after = page.locator(".map-cursor").bounding_box()
    assert after["width"] > before["width"]
    assert after["x"] + after["width"] / 2 == pytest.approx(x, abs=6)
    assert page.locator("#detail").get_by_role("heading", name="Punk 20", exact=True).count() == 1
