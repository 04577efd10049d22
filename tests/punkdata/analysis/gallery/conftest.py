"""Fixtures that open the gallery in headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.gallery_page import OpenPage, Page

from punkdata.analysis.gallery.html import render_gallery
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium. One per module, because Playwright keeps an event loop running."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as started:
        try:
            # Chromium's sandbox does not work for root, the usual user in containers.
            running = started.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except playwright.Error:
            pytest.skip("needs Chromium: apt-get install chromium, or: playwright install chromium")
        yield running
        running.close()


@pytest.fixture(scope="session")
def gallery_folder(
    tmp_path_factory: pytest.TempPathFactory,
    priced_snapshot: Snapshot,
    snapshot_with_hidden: Snapshot,
    built_root: Path,
) -> Path:
    """A folder with galleries of three snapshots: with prices, with hidden labels, with neither.

    There is also one without the generator.
    """
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "priced.html").write_text(render_gallery(priced_snapshot), "utf-8")
    (folder / "hiding.html").write_text(render_gallery(snapshot_with_hidden), "utf-8")
    (folder / "unpriced.html").write_text(render_gallery(open_snapshot(built_root)), "utf-8")
    without = render_gallery(priced_snapshot, generator=False)
    (folder / "no_generator.html").write_text(without, "utf-8")
    return folder


@pytest.fixture(scope="session")
def owned_snapshot(market_snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot with sales, rates, and an owner of every seventh punk: the buyer of a sale."""
    punks, sales = market_snapshot.punks(), market_snapshot.sales()
    assert sales is not None
    buyer = sales["buyer"][0].as_py()
    ids = punks["punk_id"].to_pylist()
    owners = [buyer if punk_id % 7 == 0 else None for punk_id in ids]
    columns = {
        "owner": owners,
        "owner_punk_count": [owner and owners.count(buyer) for owner in owners],
    }
    for name, values in columns.items():
        index = punks.schema.get_field_index(name)
        field = punks.schema.field(index)
        punks = punks.set_column(index, field, pa.array(values, field.type))
    tables = {"punks": punks, "sales": sales, "provenance": market_snapshot.provenance()}
    tables["eth_usd"] = market_snapshot.eth_usd()
    manifest = market_snapshot.manifest.model_copy(update=summarize_tables(tables))
    return write_snapshot(tmp_path_factory.mktemp("owned"), manifest, tables)[0]


@pytest.fixture
def open_page(browser: Any, gallery_folder: Path) -> Iterator[OpenPage]:
    """A function that opens a gallery: open_page(name, address, **options of the context).

    The test fails if a page logs an error or sends a request.
    """
    problems: list[str] = []
    contexts = []

    def open_gallery(name: str = "priced", address: str = "", **options: Any) -> Page:
        # Without animations, the cursor is at its new position at once.
        defaults = {"viewport": {"width": 1300, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**defaults | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda log: problems.append(log.text) if log.type == "error" else None)
        page.on(
            "request",
            lambda request: (
                problems.append(request.url) if not request.url.startswith("file:") else None
            ),
        )
        page.goto(f"{(gallery_folder / name).with_suffix('.html').as_uri()}{address}")
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_gallery
    for context in contexts:
        context.close()
    assert problems == []
