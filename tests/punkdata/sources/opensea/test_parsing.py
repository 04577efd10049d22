from __future__ import annotations

from typing import Any

import pytest

from punkdata.sources.opensea.api.schemas import Nft
from punkdata.sources.opensea.parsing import parse_image_urls, parse_punk_id


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
