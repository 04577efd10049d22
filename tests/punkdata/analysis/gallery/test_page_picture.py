"""Identifying a picture in the gallery's page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from support.gallery_page import OpenPage, Page

from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites

pytestmark = pytest.mark.browser

SEND_FILE = """([type, base64, name, kind]) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    if (bytes.length) transfer.items.add(new File([bytes], name, { type: kind }));
    const options = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(type === "paste"
        ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
        : new DragEvent("drop", { ...options, dataTransfer: transfer }));
}"""


def make_png(snapshot: Snapshot, punk_id: int, scale: int = 1, *, changed: bool = False) -> bytes:
    """Return the PNG of a punk, and with `changed`, with two pixels of another color."""
    punks = snapshot.punks()
    sprite = extract_sprites(punks)[punks["punk_id"].to_pylist().index(punk_id)].copy()
    if changed:
        sprite[12, 11:13] = (255, 0, 255, 255)
    file = io.BytesIO()
    Image.fromarray(sprite.repeat(scale, 0).repeat(scale, 1)).save(file, "PNG")
    return file.getvalue()


def read_answer(page: Page) -> str:
    """Return what the page says about a picture."""
    page.wait_for_function(
        "() => /[.]$/.test(document.querySelector('.answer').textContent.trim())"
    )
    return str(page.inner_text(".answer"))


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_dropped_and_pasted_pictures_are_identified(
    event: str, open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page()
    png = base64.b64encode(make_png(priced_snapshot, 7, 10)).decode()
    page.evaluate(SEND_FILE, [event, png, "punk.png", "image/png"])
    assert read_answer(page) == "This is punk 7."
    page.locator("#picture").get_by_role("button", name="Open punk 7").click()
    assert page.inner_text("#detail h2") == "Punk 7"


def test_pixels_that_differ_are_shown(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    page = open_page(address="#view=picture")
    png = make_png(priced_snapshot, 3, 4, changed=True)
    file = {"name": "punk.png", "mimeType": "image/png", "buffer": png}
    page.set_input_files("#picture input", file)
    expected = "This is none of the punks. The nearest is punk 3: 2 pixels differ."
    assert read_answer(page) == expected
    assert page.locator(".match-parts .note").all_inner_texts()[-1] == "Different: 2 pixels"
    assert page.get_by_role("img", name="The pixels that differ").is_visible()


def test_pictures_without_a_punk_are_explained(open_page: OpenPage) -> None:
    page = open_page(address="#view=picture")
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    for name, content, answer in (
        ("noise.png", file.getvalue(), "There is no punk in this picture"),
        ("text.txt", b"no picture", "This browser cannot read the file as a picture."),
        ("", b"", "Only files can be dropped."),
    ):
        packed = base64.b64encode(content).decode()
        page.evaluate(SEND_FILE, ["drop", packed, name, "application/octet-stream"])
        assert read_answer(page).startswith(answer)
        assert page.locator(".match").count() == 0
