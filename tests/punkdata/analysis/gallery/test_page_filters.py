"""Filters and sorting of the gallery's page."""

from __future__ import annotations

from collections import Counter

import pytest
from support.gallery_page import OpenPage, punk_rows, read_ids, read_status

from punkdata.snapshots.reader import Snapshot

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser


def test_filters_select_matching_punks(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    page = open_page()
    punks = punk_rows(priced_snapshot)
    assert read_status(page) == "60 punks"
    page.get_by_label("Zombie").check()
    assert read_ids(page) == [p["punk_id"] for p in punks if p["type"] == "Zombie"]
    page.get_by_label("Alien").check()
    of_types = [p for p in punks if p["type"] in ("Zombie", "Alien")]
    assert read_status(page) == f"{len(of_types)} of 60 punks"
    first, second = of_types[1]["accessories"][0], punks[3]["accessories"][0]
    for name in (first, second):
        page.get_by_label("Find an accessory").fill(name.lower())
        page.locator(".filter-options").get_by_label(name).check()
    both = [p["punk_id"] for p in of_types if {first, second} <= set(p["accessories"])]
    assert read_ids(page) == both
    page.get_by_label("any", exact=True).check()
    either = [p for p in of_types if {first, second} & set(p["accessories"])]
    assert read_ids(page) == [p["punk_id"] for p in either]
    page.get_by_label("at most").select_option("2")
    assert read_ids(page) == [p["punk_id"] for p in either if p["accessory_count"] <= 2]
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Split").select_option("val")
    assert read_ids(page) == [p["punk_id"] for p in punks if p["split"] == "val"]


def test_accessory_search_hides_other_accessories(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("Find an accessory").fill("MOHAWK t")
    visible = page.locator(".filter-options .filter-option:visible")
    expect(visible).to_have_count(1)
    expect(visible).to_contain_text("Mohawk Thin")
    page.get_by_label("Find an accessory").fill("no such thing")
    expect(visible).to_have_count(0)
    expect(page.get_by_text("No accessory matches.")).to_be_visible()


def test_price_range_filters_and_sorts(open_page: OpenPage, priced_snapshot: Snapshot) -> None:
    page = open_page()
    page.get_by_label("Kind of price").select_option("Highest sale")
    page.get_by_label("Price from, ETH").fill("20")
    page.get_by_label("Price to, ETH").fill("60.5")
    in_range = [p for p in punk_rows(priced_snapshot) if 20 <= (p["max_sale_eth"] or 0) <= 60.5]
    assert 0 < len(in_range) < 60
    assert sorted(read_ids(page)) == [p["punk_id"] for p in in_range]
    page.get_by_label("Sort").select_option("Highest sale")
    in_range.sort(key=lambda p: (-p["max_sale_eth"], p["punk_id"]))
    assert read_ids(page) == [p["punk_id"] for p in in_range]
    page.get_by_role("button", name="Order: descending").click()
    assert read_ids(page)[-1] == in_range[0]["punk_id"]


@pytest.mark.parametrize(
    ("label", "column"), [("Last sale", "last_sale_eth"), ("Number of sales", "sale_count")]
)
def test_unknown_values_sort_last_in_both_directions(
    label: str, column: str, open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page()
    values = {p["punk_id"]: p[column] for p in punk_rows(priced_snapshot)}
    page.get_by_label("Sort").select_option(label)
    for sign in (-1, 1):
        order = sorted(values, key=lambda i: (values[i] is None, sign * (values[i] or 0), i))
        assert read_ids(page) == order
        page.locator("#direction").click()


def test_sorting_by_rarity_starts_with_rank_1(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("Sort").select_option("Rarity rank")
    rarest = read_ids(page)[0]
    page.goto(f"{page.url.split('#')[0]}#punk={rarest}")
    page.reload()
    expect(page.locator("#detail")).to_contain_text("rank 1 of 60")


def test_sorting_by_rarity_can_start_with_the_rarest_type(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page()
    page.get_by_label("Sort").select_option("Rarity, rare types first")
    punks = {p["punk_id"]: p for p in punk_rows(priced_snapshot)}
    sizes = Counter(p["type"] for p in punks.values())
    keys = [(sizes[punks[i]["type"]], punks[i]["rarity_rank"]) for i in read_ids(page)]
    assert keys == sorted(keys)


def test_filter_counts_predict_the_result_of_a_click(
    open_page: OpenPage, priced_snapshot: Snapshot
) -> None:
    page = open_page(address="#type=Ape")
    num_zombies = sum(p["type"] == "Zombie" for p in punk_rows(priced_snapshot))
    expect(page.locator(".filter-option", has_text="Zombie")).to_contain_text(str(num_zombies))
    page.get_by_label("Zombie").check()
    num_apes = sum(p["type"] == "Ape" for p in punk_rows(priced_snapshot))
    assert read_status(page) == f"{num_zombies + num_apes} of 60 punks"
