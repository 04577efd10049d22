"""Making a punk in the gallery's page."""

from __future__ import annotations

import contextlib
import io
from urllib.parse import unquote_plus

import numpy as np
import pytest
from PIL import Image
from support.gallery_page import OpenPage, Page, punk_rows

from punkdata.errors import UsageError
from punkdata.snapshots.reader import Snapshot
from punkdata.traits import check_traits

pytestmark = pytest.mark.browser

COUNT_COLORS = """(selector) => {
    const canvas = document.querySelector(selector);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


def read_made(page: Page) -> str:
    """Return the name of the made punk."""
    return str(page.inner_text(".made h2"))


def choose(page: Page, name: str) -> None:
    """Click the button of an accessory."""
    page.locator(".chip").get_by_text(name, exact=True).click()


def test_zombie_with_3d_glasses_is_made_in_three_clicks(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("button", name="Make").click()
    page.get_by_label("Zombie", exact=True).last.check()
    choose(page, "3D Glasses")
    assert read_made(page) == "Zombie with 3D Glasses"
    assert page.evaluate(COUNT_COLORS, ".made canvas") > 5
    assert page.locator(".chip[aria-pressed=true]").all_inner_texts() == ["3D Glasses"]
    assert page.locator("#make .nearest button").count() == 8
    assert page.inner_text(".novelty").startswith("Nobody has this")
    # The link holds the punk.
    address = page.evaluate("() => location.hash")
    assert unquote_plus(address) == "#view=make&make=Zombie,3D Glasses"
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert read_made(page) == "Zombie with 3D Glasses"


def test_impossible_accessories_are_disabled_with_a_reason(open_page: OpenPage) -> None:
    page = open_page(address="#view=make&make=Female,1,Tiara")
    beanie = page.locator(".chip").get_by_text("Beanie", exact=True)
    assert beanie.get_attribute("aria-disabled") == "true"
    reason = "Beanie: only for the types Alien, Ape, Male and Zombie."
    assert beanie.get_attribute("title") == reason
    beanie.focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#message") == reason
    assert read_made(page) == "Female with Tiara"
    page.locator("#make").get_by_label("Male", exact=True).check()
    assert read_made(page) == "Male without accessories"
    message = "Removed, because the type Male cannot have it: Tiara."
    assert page.inner_text("#message") == message
    page.locator("#make").get_by_label("Ape", exact=True).check()
    assert page.locator("input[name=made-tone]").first.is_disabled()


def test_accessories_are_found_by_name(open_page: OpenPage) -> None:
    page = open_page(address="#view=make")
    page.locator("#make").get_by_label("Find an accessory").fill("mohawk")
    names = page.locator(".chip:visible").all_inner_texts()
    assert names == ["Mohawk", "Mohawk Dark", "Mohawk Thin", "Red Mohawk"]
    assert page.locator("#make legend:visible").all_inner_texts()[2:] == ["Hat or hair"]


def test_view_starts_with_the_labels_of_the_search(open_page: OpenPage) -> None:
    page = open_page(address="#q=zombie 3d pipe -cap")
    page.get_by_role("button", name="Make").click()
    assert read_made(page) == "Zombie with 3D Glasses and Pipe"


def test_search_leaves_the_view(open_page: OpenPage) -> None:
    page = open_page(address="#view=make")
    page.get_by_role("combobox", name="Search").fill("zombie")
    page.wait_for_selector("#punks:visible")
    assert page.locator("#filter-panel").is_visible()


def test_random_punks_differ_and_back_returns_to_the_previous_one(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("button", name="Make").click()
    made = []
    for _ in range(8):
        page.get_by_role("button", name="Random punk").click()
        made.append((page.evaluate("() => location.hash"), read_made(page)))
    assert len(set(made)) >= 4
    page.go_back()
    assert (page.evaluate("() => location.hash"), read_made(page)) == made[-2]


@pytest.mark.parametrize(("side", "has_background"), [(24, False), (1536, True)])
def test_png_has_the_size_and_the_pixels(
    side: int, has_background: bool, open_page: OpenPage
) -> None:
    page = open_page(address="#view=make&make=Alien,Pipe")
    page.get_by_label("Side of the PNG in pixels").select_option(str(side))
    if has_background:
        page.get_by_label("background").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "alien-pipe.png"
    image = Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGBA")
    assert image.size == (side, side)
    pixels = np.asarray(image)
    cell = side // 24
    assert (pixels == pixels[::cell, ::cell].repeat(cell, 0).repeat(cell, 1)).all()
    assert bool((pixels[..., 3] == 255).all()) == has_background


def find_possible_zombie(snapshot: Snapshot) -> int:
    """Return the number of a Zombie; the labels of other fake punks may be impossible."""
    for row in punk_rows(snapshot):
        if row["type"] == "Zombie":
            with contextlib.suppress(UsageError):
                check_traits("Zombie", row["accessories"])
                return int(row["punk_id"])
    raise AssertionError("there is no such punk")


def test_real_punk_can_be_varied(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    punk_id = find_possible_zombie(priced_snapshot)
    page = open_page(address=f"#punk={punk_id}")
    page.get_by_role("button", name="Make a variation").click()
    assert page.inner_text(".novelty") == f"This is punk {punk_id}."
    page.locator(".made").get_by_role("button", name=f"Open punk {punk_id}").click()
    assert page.inner_text("#detail h2") == f"Punk {punk_id}"


def test_page_without_the_generator_has_no_view_for_it(open_page: OpenPage) -> None:
    page = open_page("no_generator", address="#view=make&make=Alien,Pipe")
    assert page.get_by_role("button", name="Make").count() == 0
    assert page.locator("#punks").is_visible()
