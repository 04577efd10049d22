"""What the gallery's page says if it cannot start."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    "data",
    [gzip.compress(b'{"id": [0], "last": [NaN]}'), gzip.compress(b"{}"), b"\x1f\x8b damaged"],
    ids=["invalid JSON", "no columns", "not gzip"],
)
def test_page_with_damaged_data_names_this_cause(
    data: bytes, page: Any, gallery_folder: Path, tmp_path: Path
) -> None:
    text = (gallery_folder / "priced.html").read_text("utf-8")
    packed = base64.b64encode(data).decode()
    text, count = re.subn(r'(?<=id="data">)[^<]+', packed, text)
    assert count == 1
    (tmp_path / "damaged.html").write_text(text, "utf-8")
    page.goto((tmp_path / "damaged.html").as_uri())
    expect(page.locator("#status")).to_contain_text("The data in this file is damaged")


def test_page_in_an_old_browser_names_this_cause(page: Any, gallery_folder: Path) -> None:
    page.add_init_script("delete window.DecompressionStream")
    page.goto((gallery_folder / "priced.html").as_uri())
    expect(page.locator("#status")).to_have_text("This browser is too old to unpack the page.")
