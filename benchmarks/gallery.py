"""Time to create, open, filter, search and scroll the gallery and to make punks, in Chromium.

    python benchmarks/gallery.py [--root data]

It uses the latest snapshot of the root. If that has prices, the times include the price charts.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from punkdata import open_snapshot
from punkdata.analysis.gallery.html import render_gallery

QUERY = "zombie mohawk -earring >50eth"
TIME_FILTER = """(name) => {
    const box = [...document.querySelectorAll("#filters .filter-option")]
        .find((option) => option.textContent.startsWith(name)).querySelector("input");
    const start = performance.now();
    box.click();
    document.querySelector("#strips").getBoundingClientRect(); // forces layout
    return performance.now() - start;
}"""
"""Return the milliseconds from a click on a filter to the finished layout."""
TIME_MAKING = """(name) => {
    const chip = [...document.querySelectorAll("#make .chip")]
        .find((button) => button.textContent === name);
    const start = performance.now();
    chip.click();
    document.querySelector("#make").getBoundingClientRect(); // forces layout
    return performance.now() - start;
}"""
"""Return the milliseconds from a click on an accessory to the punk that has it."""
TIME_MAP = """async () => {
    const stage = document.querySelector("#map-stage"), request = requestAnimationFrame, times = [];
    const box = stage.getBoundingClientRect();
    const place = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    window.requestAnimationFrame = (draw) => request((now) => {
        const start = performance.now();
        draw(now);
        times.push(performance.now() - start);
    });
    for (let step = 0; step < 60; step++) { // into the map, and out of it again
        stage.dispatchEvent(new WheelEvent("wheel", { ...place, deltaY: step < 30 ? -60 : 60 }));
        await new Promise((resolve) => request(() => request(resolve)));
    }
    window.requestAnimationFrame = request;
    return times;
}"""
"""Return the milliseconds of each drawing of the map while it is zoomed."""
TIME_TYPING = """(text) => {
    const field = document.querySelector("#query"), times = [];
    field.focus();
    for (let length = 1; length <= text.length; length++) {
        const start = performance.now();
        field.value = text.slice(0, length);
        field.dispatchEvent(new Event("input"));
        document.querySelector("#strips").getBoundingClientRect(); // forces layout
        times.push(performance.now() - start);
    }
    field.value = "";
    field.dispatchEvent(new Event("input"));
    field.blur();
    return times;
}"""
"""Return the milliseconds from each key in the search to the finished layout and suggestions."""
TIME_SCROLLING = """(pixels) => new Promise((resolve) => {
    const box = document.querySelector("#punks"), times = [];
    box.scrollTop = 0;
    const scroll = (now) => {
        times.push(now);
        box.scrollTop += pixels;
        if (times.length < 300) requestAnimationFrame(scroll); else resolve(times);
    };
    requestAnimationFrame(scroll);
})"""
"""Return the times of 300 animation frames, in milliseconds, while scrolling."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="data", help="data root (default: data)")
    parser.add_argument("--repeats", type=int, default=7, help="repetitions of each measurement")
    args = parser.parse_args()
    snapshot = open_snapshot(args.root)
    start_s = time.perf_counter()
    html = render_gallery(snapshot)
    elapsed_s = time.perf_counter() - start_s
    num_sales = snapshot.manifest.sales.count if snapshot.manifest.sales else 0
    print(f"{snapshot.manifest.punks:,} punks and {num_sales:,} sales of {snapshot.version}")
    print(f"{'creating the file':36}{elapsed_s:8.1f} s")
    print(f"{'file size':36}{len(html.encode()) / 1e6:8.2f} MB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        file = Path(folder) / "gallery.html"
        file.write_text(html, "utf-8")
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        measure_page(browser, file, args.repeats)
        browser.close()


def measure_page(browser: Browser, file: Path, repeats: int) -> None:
    """Print how fast the page opens, filters, searches, zooms the map and scrolls."""
    open_ms = []
    for _ in range(repeats):
        page = open_page(browser, file)
        open_ms.append(page.evaluate("performance.getEntriesByName('rendered')[0].startTime"))
        page.close()
    print(f"{'opening and rendering, median':36}{statistics.median(open_ms):8.0f} ms")
    page = open_page(browser, file)
    print(f"{'setting a filter, median':36}{measure_filter_ms(page, repeats):8.1f} ms")
    typing_ms = [ms for _ in range(repeats) for ms in page.evaluate(TIME_TYPING, QUERY)]
    print(f"{'typing a letter of a search, median':36}{statistics.median(typing_ms):8.1f} ms")
    page.get_by_role("button", name="Charts").click()
    print(f"{'setting a filter in the charts':36}{measure_filter_ms(page, repeats):8.1f} ms")
    page.get_by_role("button", name="Map").click()
    map_ms = [ms for _ in range(repeats) for ms in page.evaluate(TIME_MAP)]
    name = "drawing the map, median and longest"
    print(f"{name:36}{statistics.median(map_ms):8.1f} ms, {max(map_ms):.1f} ms")
    page.get_by_role("button", name="Make").click()
    made_ms = [
        page.evaluate(TIME_MAKING, name)
        for _ in range(repeats)
        for name in ("Mohawk", "Cap", "Pipe", "Big Beard", "Earring")
    ]
    print(f"{'making a punk, median':36}{statistics.median(made_ms):8.1f} ms")
    page.get_by_role("button", name="Punks", exact=True).click()
    for pixels in (20, 200):
        times = page.evaluate(TIME_SCROLLING, pixels)
        intervals = [b - a for a, b in itertools.pairwise(times)]
        rate = 1000 * len(intervals) / sum(intervals)
        late = sum(interval > 25 for interval in intervals) / len(intervals)
        name = f"scrolling {pixels} pixels per frame"
        print(f"{name:36}{rate:8.1f} frames/s, {late:.1%} of them later than 25 ms")


def open_page(browser: Browser, file: Path) -> Page:
    """Open the gallery and wait until it is rendered."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-ready]")
    return page


def measure_filter_ms(page: Page, repeats: int) -> float:
    """Return the median time to set or clear a filter, from the click to the finished layout."""
    return statistics.median(
        page.evaluate(TIME_FILTER, name)
        for _ in range(repeats)
        for name in ("Female", "Female", "Earring", "Earring", "Zombie", "Zombie")
    )


if __name__ == "__main__":
    main()
