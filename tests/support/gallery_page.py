"""Helpers that read the gallery's page in a browser."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import Any

from punkdata.snapshots.reader import Snapshot

Page = Any
OpenPage = Callable[..., Page]
READ_PORTRAIT = """() => {
    const canvas = document.querySelector("#detail > .portrait");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.width);
    const scale = canvas.width / 24, pixels = [];
    for (let y = 0; y < 24; y++) for (let x = 0; x < 24; x++) {
        const at = (Math.floor((y + 0.1) * scale) * canvas.width
            + Math.floor((x + 0.9) * scale)) * 4;
        pixels.push(...data.slice(at, at + 4));
    }
    return pixels;
}"""
"""Return the RGBA values of a portrait, one of the canvas for each pixel of the sprite."""


def read_status(page: Page) -> str:
    """Return the line that says how many punks are selected."""
    return str(page.inner_text("#status"))


def read_option(page: Page) -> str:
    """Return what a screen reader says about the punk under the cursor."""
    return str(page.inner_text("#option"))


def read_ids(page: Page) -> list[int]:
    """Return the punk numbers in the order of the grid, read by stepping through it with keys."""
    page.focus("#punks")
    page.keyboard.press("Home")
    found: list[int] = []
    for _ in range(int(read_status(page).split()[0])):
        found.append(int(read_option(page).split(":")[0].removeprefix("Punk ")))
        page.keyboard.press("ArrowRight")
    return found


def punk_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the rows of a snapshot by punk number, without images."""
    rows: list[dict[str, Any]] = (
        snapshot.punks().drop_columns("image").sort_by("punk_id").to_pylist()
    )
    return rows


def unpack(page: str, element_id: str) -> bytes:
    """Return the bytes that an element of a page has."""
    packed = re.search(rf'id="{element_id}">([^<]*)<', page)
    assert packed
    return gzip.decompress(base64.b64decode(packed[1]))


def unpack_data(page: str) -> dict[str, Any]:
    """Return the columns that a page has, except for sprites."""
    data: dict[str, Any] = json.loads(unpack(page, "data"))
    return data
