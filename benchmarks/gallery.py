"""How fast the gallery opens, filters and scrolls, in headless Chromium on this machine.

    python benchmarks/gallery.py [--root data]

Of a snapshot with prices, if that is what the root's latest holds.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from punkdata import open_snapshot
from punkdata.analysis.gallery.html import render_gallery

FILTER = """(click) => {
    const box = [...document.querySelectorAll("#filters .line")]
        .find((line) => line.textContent.startsWith(click)).querySelector("input");
    const from = performance.now();
    box.click();
    document.querySelector("#strips").getBoundingClientRect(); // layout, too
    return performance.now() - from;
}"""
SCROLL = """(pixels) => new Promise((done) => {
    const box = document.querySelector("#punks"), times = [];
    box.scrollTop = 0;
    const frame = (now) => {
        times.push(now);
        box.scrollTop += pixels;
        if (times.length < 300) requestAnimationFrame(frame); else done(times);
    };
    requestAnimationFrame(frame);
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="data")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    snapshot = open_snapshot(args.root)
    began_s = time.perf_counter()
    text = render_gallery(snapshot)
    took_s = time.perf_counter() - began_s
    sales = snapshot.manifest.sales.count if snapshot.manifest.sales else 0
    print(f"{snapshot.manifest.punks:,} punks, {sales:,} sales of {snapshot.version}")
    print(f"{'made in':32}{took_s:8.1f} s")
    print(f"{'file':32}{len(text.encode()) / 1e6:8.2f} MB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        file = Path(folder) / "gallery.html"
        file.write_text(text, "utf-8")
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        opened_ms = []
        for _ in range(args.repeats):
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(file.as_uri())
            page.wait_for_selector("body[data-ready]")
            opened_ms.append(page.evaluate("performance.getEntriesByName('drawn')[0].startTime"))
            page.close()
        print(f"{'opened and drawn, median':32}{statistics.median(opened_ms):8.0f} ms")
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-ready]")
        print(f"{'a filter, median':32}{filter_ms(page, args.repeats):8.1f} ms")
        page.get_by_role("button", name="Charts").click()
        print(f"{'the same while charts are shown':32}{filter_ms(page, args.repeats):8.1f} ms")
        page.get_by_role("button", name="Punks").click()
        for pixels in (20, 200):
            times = page.evaluate(SCROLL, pixels)
            gaps = [b - a for a, b in itertools.pairwise(times)]
            rate = 1000 * len(gaps) / sum(gaps)
            late = sum(gap > 25 for gap in gaps) / len(gaps)
            name = f"scrolling {pixels} pixels a frame"
            print(f"{name:32}{rate:8.1f} frames/s, {late:.1%} later than 25 ms")
        browser.close()


def filter_ms(page: Page, repeats: int) -> float:
    """On and off again, from the click to the grid laid out."""
    return statistics.median(
        page.evaluate(FILTER, label)
        for _ in range(repeats)
        for label in ("Female", "Female", "Earring", "Earring", "Zombie", "Zombie")
    )


if __name__ == "__main__":
    main()
