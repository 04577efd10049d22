"""Prediction intervals for a sequence of sales, each from the sales before it alone.

Prices are natural logarithms. Two ridge regressions predict the center of a sale's interval and the
size of the error to expect there; both are fitted again and again on all sales so far. The interval
is the one that fitted the most recent errors: locally weighted split conformal prediction (Lei,
G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-Free Predictive Inference for Regression",
2018, section 5.2), with one quantile for each tail (Romano, Patterson and Candès, "Conformalized
Quantile Regression", 2019, theorem 2).

Conformal prediction assumes that the order of the sales does not matter, but prices move. Fitting
again and calibrating on recent errors alone keeps the coverage: on the sales of 2017 and 2018, one
fit and one calibration set cover too few of the sales that follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MIN_FIT = 100  # sales before the first prediction
MIN_ERRORS = 50  # errors of predictions before the first estimate of their size, and interval
REFIT_EVERY = 25  # sales
CALIBRATION_SIZE = 250  # most recent errors
CENTER_PENALTY = 3.0  # equivalent to three sales in which a feature has no effect
SIZE_PENALTY = 30.0
MIN_LOG_ERROR = 0.05  # Smaller errors, of 5 %, come from round prices.
MAX_LOG_ERROR = math.log(20)  # A gift counts as a twentieth of the usual price in the fit.


class Ridge:
    """Ridge regression with an intercept, to which observations are added one after the other."""

    def __init__(self, num_features: int, penalty: float) -> None:
        self._gram = np.diag(np.full(num_features + 1, float(penalty)))
        self._gram[-1, -1] = 1e-9  # The intercept is not penalized.
        self._moment = np.zeros(num_features + 1)
        self.count = 0

    def add(self, features: Floats, target: Floats) -> None:
        """Add features (N, F) and targets (N,), ignoring observations whose target is NaN."""
        known = np.isfinite(target)
        rows = _with_intercept(features[known])
        self._gram += rows.T @ rows
        self._moment += rows.T @ target[known]
        self.count += len(rows)

    def solve(self) -> Floats:
        """Return the weights of the features and the intercept, (F + 1,)."""
        return np.linalg.solve(self._gram, self._moment).astype(np.float64)


@dataclass(frozen=True)
class WalkForward:
    """Predictions of N sales, each by the last of B fits that precedes it; NaN before the first."""

    weights: Floats
    """Weights of the center and of the log of the error's size after each fit, (B, 2, F + 1)."""
    center: Floats
    """Predicted target, (N,)."""
    size: Floats
    """Predicted size of the error, (N,); above 0."""

    def predict(self, features: Floats, num_known: int) -> tuple[Floats, Floats]:
        """Return center and size for features (M, F) when `num_known` sales are known."""
        rows = _with_intercept(features)
        center, log_size = self.weights[(num_known - MIN_FIT) // REFIT_EVERY] @ rows.T
        return center, np.exp(log_size)


def walk_forward(features: Floats, target: Floats, num_known: Ints) -> WalkForward:
    """Predict the target of each sale by fits to earlier sales.

    Args:
        features: (N, F), in the order of time.
        target: (N,), NaN if unknown. In the fits, it is limited to ± log 20.
        num_known: Number of sales that are known before each sale, (N,): those at earlier times.
    """
    num_rows, num_features = features.shape
    center, size = np.full((2, num_rows), np.nan)
    center_fit, size_fit = Ridge(num_features, CENTER_PENALTY), Ridge(num_features, SIZE_PENALTY)
    weights, start = [], 0
    for end in range(MIN_FIT, num_rows + 1, REFIT_EVERY):
        added = slice(start, end)
        center_fit.add(features[added], target[added].clip(-MAX_LOG_ERROR, MAX_LOG_ERROR))
        error = np.abs(target[added] - center[added]).clip(MIN_LOG_ERROR, MAX_LOG_ERROR)
        size_fit.add(features[added], np.log(error))
        weights.append((center_fit.solve(), size_fit.solve()))
        rows = slice(*np.searchsorted(num_known, [end, end + REFIT_EVERY]))
        inputs = _with_intercept(features[rows])
        center[rows] = inputs @ weights[-1][0]
        if size_fit.count >= MIN_ERRORS:
            size[rows] = np.exp(inputs @ weights[-1][1])
        start = end
    return WalkForward(np.array(weights), center, size)


def count_required_scores(coverage: float) -> int:
    """Return the number of scores below which an interval of this coverage would be infinite."""
    return max(MIN_ERRORS, math.ceil(2 / (1 - coverage) - 1e-9) - 1)


def count_required_sales(coverage: float) -> int:
    """Return the number of sales from which the last fifth can have intervals of this coverage."""
    return math.ceil((MIN_FIT + MIN_ERRORS + count_required_scores(coverage)) / 0.8)


def find_score_limits(scores: Floats, num_known: int, coverage: float) -> Floats | None:
    """Return the limits and the median of the most recent known scores, or None if they are few.

    Args:
        scores: Signed errors in units of their expected size, in the order of time; NaN if unknown.
        num_known: Number of scores that are known, from the first on.
        coverage: Share of the scores between the limits, which are finite-sample quantiles: of n
            scores, the floor((n + 1) (1 - coverage) / 2)-th from either end.

    Returns (lower limit, median, upper limit).
    """
    required = count_required_scores(coverage)
    known = scores[:num_known]
    recent = np.sort(known[np.isfinite(known)][-max(CALIBRATION_SIZE, required) :])
    if len(recent) < required:
        return None
    rank = int((len(recent) + 1) * (1 - coverage) / 2 + 1e-9)
    return np.array([recent[rank - 1], np.median(recent), recent[-rank]])


def predict_intervals(
    log_price: Floats, center: Floats, size: Floats, num_known: Ints, rows: Ints, coverage: float
) -> Floats:
    """Return the intervals (R, 3) of some sales: low, median and high; NaN if there is none.

    Args:
        log_price: (N,), in the order of time.
        center: Prediction of each price before the sale, (N,); NaN if there is none.
        size: Expected size of its error, (N,).
        num_known: Number of sales that are known before each sale, (N,).
        rows: Positions of the sales whose intervals are returned, (R,).
        coverage: Share of the prices that the intervals are to contain.
    """
    scores = (log_price - center) / size
    # Sales without a score are dropped once, not once for each row.
    scored = np.flatnonzero(np.isfinite(scores))
    scores = scores[scored]
    intervals = np.full((len(rows), 3), np.nan)
    for i, row in enumerate(rows):
        known = int(np.searchsorted(scored, num_known[row]))
        limits = find_score_limits(scores, known, coverage)
        if limits is not None:
            intervals[i] = center[row] + size[row] * limits
    return intervals


def _with_intercept(features: Floats) -> Floats:
    return np.column_stack([features, np.ones(len(features))])
