from __future__ import annotations

import numpy as np
import pytest

from punkdata.analysis.price_intervals import (
    CENTER_PENALTY,
    MIN_FIT,
    Ridge,
    count_required_sales,
    count_required_scores,
    find_score_limits,
    predict_intervals,
    walk_forward,
)


def test_score_limits_are_finite_sample_quantiles() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 100))
    # Of 99 scores, the 5th from either end: (99 + 1) * 0.1 / 2.
    assert find_score_limits(scores, 99, 0.9) == pytest.approx([5, 50, 95])
    assert find_score_limits(scores, 99, 0.98) == pytest.approx([1, 50, 99])
    assert find_score_limits(scores, 99, 0.99) is None  # It would be infinite.


def test_score_limits_use_the_most_recent_known_scores() -> None:
    scores = np.concatenate([np.full(500, 1e6), np.full(50, np.nan), np.zeros(250), [1e6] * 9])
    assert find_score_limits(scores, 800, 0.9) == pytest.approx([0, 0, 0])
    assert find_score_limits(scores, 809, 0.9) == pytest.approx([0, 0, 0])
    assert find_score_limits(scores, 30, 0.9) is None


def test_narrower_tails_need_more_sales() -> None:
    assert [count_required_scores(c) for c in (0.5, 0.9, 0.99, 0.999)] == [50, 50, 199, 1999]
    assert [count_required_sales(c) for c in (0.9, 0.99)] == [250, 437]


def test_ridge_in_pieces_solves_the_normal_equations() -> None:
    rng = np.random.default_rng(1)
    features, target = rng.normal(size=(300, 4)), rng.normal(size=300)
    target[::7] = np.nan
    ridge = Ridge(4, penalty=5)
    ridge.add(features[:111], target[:111])
    ridge.add(features[111:], target[111:])
    weights = ridge.solve()
    known = np.isfinite(target)
    assert ridge.count == known.sum()
    error = target - features @ weights[:4] - weights[4]
    assert features[known].T @ error[known] == pytest.approx(5 * weights[:4], abs=1e-6)
    assert error[known].sum() == pytest.approx(0, abs=1e-6)


def test_walk_forward_fits_each_sale_to_earlier_sales() -> None:
    rng = np.random.default_rng(2)
    features = rng.integers(0, 2, (400, 3)).astype(float)
    target = features @ [0.5, -0.3, 0.1] + rng.normal(0, 0.2, 400)
    num_known = np.arange(400) // 4 * 4  # four sales a second
    result = walk_forward(features, target, num_known)
    assert np.isnan(result.center[:MIN_FIT]).all()
    assert np.isfinite(result.center[MIN_FIT:]).all()
    for row, num_fitted in ((100, 100), (124, 100), (127, 100), (128, 125), (399, 375)):
        ridge = Ridge(3, CENTER_PENALTY)
        ridge.add(features[:num_fitted], target[:num_fitted])
        weights = ridge.solve()
        assert result.center[row] == pytest.approx(features[row] @ weights[:3] + weights[3])
        center, size = result.predict(features[[row]], num_known[row])
        assert center[0] == result.center[row]
        assert size[0] == result.size[row] or np.isnan(result.size[row])


def test_walk_forward_expects_larger_errors_where_they_were_larger() -> None:
    rng = np.random.default_rng(3)
    is_uncertain = rng.integers(0, 2, 1000)
    target = rng.normal(0, np.where(is_uncertain, 0.9, 0.1))
    result = walk_forward(is_uncertain[:, None].astype(float), target, np.arange(1000))
    last = slice(900, None)
    ratio = result.size[last][is_uncertain[last] == 1].mean()
    assert ratio > 3 * result.size[last][is_uncertain[last] == 0].mean()


def test_intervals_do_not_depend_on_the_future() -> None:
    rng = np.random.default_rng(4)
    price, size = rng.normal(size=600), np.ones(600)
    num_known = np.arange(600) // 2 * 2
    rows = np.arange(300, 401)
    before = predict_intervals(price, np.zeros(600), size, num_known, rows, 0.9)
    changed = price.copy()
    changed[400:] = 1e3  # the sale at row 400 itself, and that in the same second
    after = predict_intervals(changed, np.zeros(600), size, num_known, rows, 0.9)
    assert np.array_equal(before, after)
    assert np.isfinite(before).all()


def test_intervals_follow_a_market_that_becomes_wilder() -> None:
    rng = np.random.default_rng(5)
    price = rng.normal(0, np.where(np.arange(3000) < 1500, 0.2, 0.8))
    rows = np.arange(2000, 3000)
    low, _, high = predict_intervals(
        price, np.zeros(3000), np.ones(3000), np.arange(3000), rows, 0.9
    ).T
    assert 0.86 < ((low <= price[rows]) & (price[rows] <= high)).mean() < 0.94


def test_sales_without_a_prediction_have_no_interval() -> None:
    center = np.zeros(300)
    center[::3] = np.nan
    rows = np.arange(200, 300)
    found = predict_intervals(np.zeros(300), center, np.ones(300), np.arange(300), rows, 0.9)
    assert np.array_equal(np.isnan(found[:, 0]), np.isnan(center[rows]))
