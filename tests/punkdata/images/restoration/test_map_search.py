"""The MAP search converges, and its energies agree with direct computation."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk, encode_image, enlarge_sprite

from punkdata.images.palette import palette_indices
from punkdata.images.restoration.jpeg import JpegObservation
from punkdata.images.restoration.map_search import CONCENTRATION, MapSearch, quadratic_energies

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])


@pytest.fixture
def search() -> MapSearch:
    """Return a finished search on a JPEG of 250 pixels a side."""
    data = encode_image(enlarge_sprite(PUNK.sprite, 250), "JPEG", quality=85)
    observation = JpegObservation(Image.open(io.BytesIO(data)))
    likelihood = observation.likelihood()
    search = MapSearch(observation, likelihood)
    corrected = observation.likelihood_near(search.sprite_rgb(search.indices))
    search.run(corrected or likelihood)
    return search


def test_search_converges_where_no_single_change_improves(search: MapSearch) -> None:
    assert search.converged
    assert search.pixel_energies.min() > -1e-3
    assert search.color_energies.min() > -1e-3
    assert (search.colors[search.indices] == palette_indices(PUNK.sprite).reshape(-1)).all()


def test_search_gradient_is_that_of_the_likelihood(search: MapSearch) -> None:
    luma = (search.ycbcr + search.offsets)[search.indices][:, 0]
    expected = search.likelihood.luma_precision @ luma - search.likelihood.information[:, 0]
    # The float32 sums are near 1e4, so their rounding errors are large.
    assert np.allclose(search.gradient[:, 0], expected, atol=2)


def test_pixel_energy_equals_the_difference_of_posteriors(search: MapSearch) -> None:
    levels = (search.ycbcr + search.offsets).astype(np.float64)
    luma, chroma = search.likelihood.luma_precision, search.likelihood.chroma_precision
    precisions = [p.astype(np.float64) for p in (luma, chroma, chroma)]
    information = search.likelihood.information.astype(np.float64)

    def energy(indices: np.ndarray) -> float:
        planes = zip(precisions, levels[indices].T, information.T, strict=True)
        return float(sum(s @ p @ s / 2 - b @ s for p, s, b in planes))

    current = energy(search.indices)
    for pixel, new in ((300, search.used[1]), (301, search.used[2]), (0, search.used[1])):
        old = search.indices[pixel]
        if old == new:
            continue
        changed = np.where(np.arange(576) == pixel, new, search.indices)
        log_prior_ratio = np.log(search.counts[old] - 1 + CONCENTRATION) - np.log(
            search.counts[new] + CONCENTRATION
        )
        expected = energy(changed) - current + log_prior_ratio
        assert search.pixel_energies[pixel, new] == pytest.approx(expected, rel=0.01, abs=0.5)


def test_quadratic_energies_equal_the_direct_sum() -> None:
    rng = np.random.default_rng(0)
    precision, target, levels = (rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 4, 5))
    log_prior = rng.normal(size=5)
    squared = (levels[None] - target[:, None]) ** 2
    expected = (precision[:, None] * squared).sum(axis=2) / 2 - log_prior
    energies = quadratic_energies(precision, target, levels, log_prior)
    assert np.allclose(energies, expected, atol=1e-5)
