from __future__ import annotations

from typing import Any

import pytest

from punkdata.sources.opensea.api.schemas import Nft
from punkdata.sources.opensea.parsing import parse_image_urls, parse_owner, parse_punk_id


def nft(**fields: Any) -> Nft:
    return Nft.model_validate({"identifier": "7"} | fields)


# -- Tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["-1", "007", "1.0", " 7", "", "0x7", "٣", "1" * 40])
def test_parse_punk_id_accepts_canonical_decimal_numbers_only(text: str) -> None:
    assert parse_punk_id(text) is None
    assert parse_punk_id("0") == 0
    assert parse_punk_id("9999") == 9999


def test_original_image_urls_come_before_resized_ones() -> None:
    token = nft(
        image_url="https://i2c.seadn.io/a/b.png?w=500&auto=format&v=2",
        display_image_url="https://lh3.googleusercontent.com/abc=s250",
        original_image_url="https://other.test/p.svg?w=1",
    )
    assert parse_image_urls(token) == (
        "https://i2c.seadn.io/a/b.png?v=2",
        "https://lh3.googleusercontent.com/abc=s0",
        "https://other.test/p.svg?w=1",
        "https://i2c.seadn.io/a/b.png?w=500&auto=format&v=2",
        "https://lh3.googleusercontent.com/abc=s250",
    )
    assert parse_image_urls(nft(image_url="", display_image_url=None)) == ()
    assert parse_image_urls(nft(image_url="https://[broken")) == ("https://[broken",)


# -- Owners --------------------------------------------------------------------------------

ALICE, BOB = "0x" + "aB" * 20, "0x" + "cd" * 20


def owner(address: Any = ALICE, quantity: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"address": address, "quantity": quantity} | fields


@pytest.mark.parametrize(
    "owners",
    [
        [owner()],
        [owner(), owner(BOB, 0)],
        [owner(), owner(ALICE.lower())],
        [owner(quantity="1")],
        [owner(quantity=None, quantity_string="1")],
    ],
)
def test_single_holder_is_the_owner(owners: list[Any]) -> None:
    assert parse_owner(owners) == ALICE.lower()


@pytest.mark.parametrize(
    "owners",
    [
        *(None, "", [], {}, "x", 5, [None], [[]], ["0x"], {"address": ALICE, "quantity": 1}),
        [owner(), owner(BOB)],
        [owner(), None],
        [owner(), owner(BOB, None)],
        *([owner(quantity=quantity)] for quantity in (0, -1, None, "many", 0.5, True, [])),
        *([owner(address)] for address in (None, "", "0x", ALICE + "0", "vitalik.eth", 7, [])),
    ],
)
def test_owner_is_unknown_if_not_exactly_one_is_readable(owners: Any) -> None:
    assert parse_owner(owners) is None
