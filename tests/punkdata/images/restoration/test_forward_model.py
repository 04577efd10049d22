from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from punkdata.images.restoration.forward_model import (
    FILTERS,
    FROM_CODES,
    TO_CODES,
    Evidence,
    drawn,
    enlargement,
    kernels,
    to_rgb,
)


def colors(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 190, (24, 24, 3)).astype(np.float64)


@pytest.mark.parametrize("side", [96, 250, 336, 512])
@pytest.mark.parametrize("kernel", list(FILTERS))
def test_a_drawn_sprite_is_what_pillow_makes_of_its_enlargement(side: int, kernel: str) -> None:
    small = Image.fromarray(colors().astype(np.uint8))
    large = small.resize((336, 336), Image.Resampling.NEAREST)
    expected = large if side == 336 else large.resize((side, side), FILTERS[kernel])
    assert (np.asarray(drawn(colors(), side, kernel)) == np.asarray(expected)).all()


@pytest.mark.parametrize("side", [96, 250, 512])
@pytest.mark.parametrize("kernel", ["box", "bilinear", "bicubic", "lanczos"])
def test_the_enlargement_is_linear_but_for_rounding(side: int, kernel: str) -> None:
    # Gray tones far from black and white, so that no filter's overshoot is clipped.
    gray = colors()[..., 0]
    mix = enlargement(side, kernel)
    picture = np.asarray(drawn(np.repeat(gray[..., None], 3, axis=2), side, kernel))[..., 0]
    assert np.abs(mix @ gray @ mix.T - picture).max() < 1.6


def test_a_picture_of_336_pixels_was_not_resized() -> None:
    assert kernels(336) == ["nearest"]
    assert set(kernels(250)) == set(FILTERS)


def test_codes_and_colors_are_each_other_s_inverse() -> None:
    codes = colors() @ TO_CODES.T - (128, 0, 0)
    assert np.allclose(to_rgb(codes, FROM_CODES), colors())


def test_independent_errors_are_told_shorter() -> None:
    rng = np.random.default_rng(0)
    luma, chroma = rng.uniform(1, 2, (2, 576)).astype(np.float32)
    rest = np.zeros((576, 3), np.float32), (1.0, 1.0, 1.0), (1.0, 1.0)
    short, long = Evidence(luma, chroma, *rest), Evidence(np.diag(luma), np.diag(chroma), *rest)
    member = (rng.integers(3, size=576) == np.arange(3)[:, None]).astype(np.float32)
    assert np.allclose(short.spread(member), long.spread(member))
    assert np.allclose(short.diagonal(), long.diagonal())


def test_the_precision_between_sets_of_pixels_is_that_of_their_sums() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(576, 576)).astype(np.float32)
    luma, chroma = root @ root.T, np.eye(576, dtype=np.float32)
    evidence = Evidence(luma, chroma, np.zeros((576, 3), np.float32), (1.0,) * 3, (1.0, 1.0))
    member = (rng.integers(3, size=576) == np.arange(3)[:, None]).astype(np.float32)
    between = evidence.spread(member) @ member.T
    ones = member.T @ np.eye(3, dtype=np.float32)
    assert np.allclose(between[0], ones.T @ luma @ ones, rtol=1e-3)
    assert np.allclose(between[1], np.diag(member.sum(axis=1)))
    assert np.allclose(evidence.diagonal()[:, 0], np.diagonal(luma))
