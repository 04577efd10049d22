from __future__ import annotations

import re

import numpy as np
import pytest

from punkdata.build_tables import load_hidden_accessories, make_punk_tables
from punkdata.errors import DataError
from punkdata.images.sprite import pixels_sha256
from punkdata.records import PunkRecord
from punkdata.traits import ACCESSORIES


def make_record(punk_id: int, accessories: tuple[str, ...]) -> PunkRecord:
    image = np.zeros((24, 24, 4), np.uint8)
    image[12, 12] = (punk_id, 0, 0, 255)
    return PunkRecord(
        punk_id=punk_id,
        punk_type="Male",
        accessories=accessories,
        image=image,
        image_url="https://example.org/image.png",
        image_sha256="0" * 64,
        image_scale=1.0,
        background=None,
        image_confidence=1.0,
    )


def test_hidden_accessories_are_those_the_punk_has() -> None:
    records = [make_record(2, ("Earring", "Mole")), make_record(1, ("Earring",))]
    hidden = {pixels_sha256(records[0].image): ("Earring", "Tiara")}
    punks, provenance = make_punk_tables(records, None, (), hidden)
    assert punks.column("hidden_accessories").to_pylist() == [[], ["Earring"]]
    assert punks.column("punk_id").to_pylist() == [1, 2]
    assert provenance.column("punk_id").to_pylist() == [1, 2]


def test_shipped_hidden_accessories_are_known_names_by_pixel_hash() -> None:
    hidden = load_hidden_accessories()
    assert len(hidden) > 500
    for sha256, names in hidden.items():
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert names
        assert set(names) <= set(ACCESSORIES)


@pytest.mark.parametrize(("ids", "message"), [([], "no punks"), ([1, 1], "punk 1 twice")])
def test_make_punk_tables_rejects_no_punks_and_duplicates(ids: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_punk_tables([make_record(punk_id, ()) for punk_id in ids], None, ())
