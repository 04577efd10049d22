"""Rendering, layout and accessibility of the gallery's page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support.gallery_page import OpenPage
from support.npm import npm_file

pytestmark = pytest.mark.browser

AXE = ("axe-core@4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")
AXE_ADDRESSES = (
    *("", "#punk=3", "#q=%23999", "#view=charts", "#view=charts&ids=999"),
    *("#view=compare", "#view=compare&compare=3,4"),
    *("#view=make", "#view=make&make=Ape,Pipe", "#view=picture"),
)
"""The states of the page that axe checks."""

MEASURE_STRIPS = """() => {
    const box = document.querySelector("#punks").getBoundingClientRect();
    const strips = [...document.querySelectorAll("#strips canvas")]
        .map((canvas) => canvas.getBoundingClientRect());
    const visible = strips.filter((s) => s.bottom > box.top && s.top < box.bottom);
    const top = Math.min(...visible.map((s) => s.top)) - box.top;
    const bottom = box.bottom - Math.max(...visible.map((s) => s.bottom));
    return [top, bottom, strips.length];
}"""
"""Return the uncovered CSS pixels at the top and bottom of the grid, and the number of strips."""

COUNT_BLURRED = """(scale) => {
    const canvas = document.querySelector("#strips canvas");
    const left = document.querySelector("#cursor").getBoundingClientRect().left
        - canvas.getBoundingClientRect().left;
    const side = 24 * scale;
    const { data } = canvas.getContext("2d").getImageData(
        Math.round(left * devicePixelRatio), 0, side, side);
    const pixels = new Uint32Array(data.buffer);
    const blockStart = (x, y) =>
        Math.floor(y / scale) * scale * side + Math.floor(x / scale) * scale;
    let blurred = 0;
    for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
            blurred += pixels[y * side + x] !== pixels[blockStart(x, y)];
    return [blurred, new Set(pixels).size];
}"""
"""Return the number of pixels of the first punk that differ from the rest of their block, and the
number of its colors."""


def test_grid_draws_only_strips_near_the_visible_part(open_page: OpenPage) -> None:
    page = open_page(address="#size=6", viewport={"width": 420, "height": 500})
    for share in (0.2, 0.7, 1, 0.4):
        page.evaluate(
            f"() => {{ const p = document.querySelector('#punks');"
            f"p.scrollTop = {share} * p.scrollHeight; }}"
        )
        # Strips are drawn in the animation frame after the scroll event.
        page.wait_for_function(f"() => Math.max(...({MEASURE_STRIPS})().slice(0, 2)) <= 4")
        assert page.evaluate(MEASURE_STRIPS)[2] <= 5


@pytest.mark.parametrize("density", [1, 1.25, 1.5, 2])
def test_sprites_are_sharp_at_any_pixel_density(density: float, open_page: OpenPage) -> None:
    page = open_page(device_scale_factor=density)
    size = page.evaluate("() => parseFloat(document.querySelector('#cursor').style.width)")
    scale = size * density / 24
    assert scale == pytest.approx(round(scale))
    num_blurred, num_colors = page.evaluate(COUNT_BLURRED, round(scale))
    assert num_blurred == 0
    assert num_colors > 2


def test_captions_follow_the_color_scheme(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    pixels = "() => document.querySelector('#strips canvas').toDataURL()"
    light = page.evaluate(pixels)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => ({pixels})() !== light", arg=light)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (2200, "dark")])
def test_page_fits_the_width_in_light_and_dark(
    scheme: str, width: int, open_page: OpenPage
) -> None:
    viewport = {"width": width, "height": 700}
    page = open_page(address="#punk=3", viewport=viewport, color_scheme=scheme)
    read_width = "() => document.documentElement.scrollWidth"
    assert page.evaluate(read_width) <= width
    page.keyboard.press("Escape")
    for view in ("Charts", "Make", "Picture"):
        page.get_by_role("button", name=view).click()
        assert page.evaluate(read_width) <= width
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    is_dark = sum(map(int, re.findall(r"\d+", background))) < 3 * 128
    assert is_dark == (scheme == "dark")


@pytest.mark.parametrize("address", ["#punk=3", "#view=make", "#view=picture"])
def test_every_control_has_a_name(address: str, open_page: OpenPage) -> None:
    page = open_page(address=address)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex='0']")]
            .filter((e) => e.offsetParent && !(e.textContent.trim() || e.ariaLabel
                || (e.labels && e.labels.length)))
            .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.network
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_axe_finds_no_accessibility_violations(open_page: OpenPage, tmp_path: Path) -> None:
    axe = npm_file(*AXE, "package/axe.min.js", tmp_path).decode()
    for address in AXE_ADDRESSES:
        for width, scheme in ((1300, "light"), (360, "dark")):
            page = open_page(
                address=address,
                viewport={"width": width, "height": 700},
                color_scheme=scheme,
                bypass_csp=True,
            )
            page.evaluate(axe)
            found = page.evaluate("() => axe.run().then((result) => result.violations)")
            assert [(v["id"], v["nodes"][0]["html"]) for v in found] == [], (address, width)


def test_filters_close_in_the_charts_of_a_phone(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    page.get_by_text("Filters", exact=True).click()
    panel = page.locator("#filter-panel")
    assert panel.bounding_box()["height"] <= 0.46 * 800
    page.get_by_role("button", name="Charts").click()
    assert panel.get_attribute("open") is None
    assert panel.bounding_box()["height"] < 60
