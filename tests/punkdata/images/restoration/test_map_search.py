from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support.sprites import DrawnPunk, enlarged, picture_bytes

from punkdata.images.palette import palette_indices
from punkdata.images.restoration.jpeg import JpegRendition
from punkdata.images.restoration.map_search import NEW, Search, squares

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])


@pytest.fixture
def search() -> Search:
    data = picture_bytes(enlarged(PUNK.sprite, 250), "JPEG", quality=85)
    rendition = JpegRendition(Image.open(io.BytesIO(data)))
    evidence = rendition.evidence()
    found = Search(rendition, evidence)
    found.settle(rendition.corrected(found.picture(found.indices)) or evidence)
    return found


def test_it_ends_where_no_change_of_one_pixel_or_one_color_gains(search: Search) -> None:
    assert search.settled
    pixels, colors = search.changes
    assert pixels.min() > -1e-3
    assert colors.min() > -1e-3
    assert (search.colors[search.indices] == palette_indices(PUNK.sprite).reshape(-1)).all()


def test_the_gradient_is_that_of_the_evidence(search: Search) -> None:
    levels = (search.codes + search.offsets)[search.indices]
    expected = search.evidence.luma @ levels[:, 0] - search.evidence.pull[:, 0]
    assert np.allclose(search.gradient[:, 0], expected, atol=2)  # of float32 sums near 1e4


def test_the_energy_of_a_change_is_that_of_the_formula(search: Search) -> None:
    levels = (search.codes + search.offsets).astype(np.float64)
    planes = [p.astype(np.float64) for p in (search.evidence.luma, *[search.evidence.chroma] * 2)]
    pull = search.evidence.pull.astype(np.float64)

    def energy(indices: np.ndarray) -> float:
        sprite = levels[indices]
        fit = sum(s @ p @ s / 2 - f @ s for p, s, f in zip(planes, sprite.T, pull.T, strict=True))
        return float(fit)

    pixels, _ = search.changes
    here = energy(search.indices)
    for at, to in ((300, search.used[1]), (301, search.used[2]), (0, search.used[1])):
        if search.indices[at] == to:
            continue
        changed = np.where(np.arange(576) == at, to, search.indices)
        counts = search.counts[search.indices[at]] - 1 + NEW, search.counts[to] + NEW
        expected = energy(changed) - here + np.log(counts[0] / counts[1])
        assert pixels[at, to] == pytest.approx(expected, rel=0.01, abs=0.5)


def test_squares_are_the_sum_they_stand_for() -> None:
    rng = np.random.default_rng(0)
    precision, wanted, levels = (rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 4, 5))
    more, less = rng.normal(size=4), rng.normal(size=5)
    gaps = (levels[None] - wanted[:, None]) ** 2
    expected = (precision[:, None] * gaps).sum(axis=2) / 2 + more[:, None] - less
    assert np.allclose(squares(precision, wanted, levels, more, less), expected, atol=1e-5)
