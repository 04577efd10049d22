from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from punkmodels.classifier.metrics import (
    auroc,
    average_precision,
    calibration_error,
    exact_match,
    f1,
    gain_over_majority,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.random((300, 12)) < np.linspace(0.02, 0.6, 12)
SCORES = np.round(TRUTH + RNG.normal(0, 1, TRUTH.shape), 1)  # Rounded, so that there are ties.
PREDICTED = SCORES > 0.5


@pytest.mark.parametrize("label", range(12))
def test_average_precision_equals_scikit_learn_with_ties(label: int) -> None:
    expected = reference.average_precision_score(TRUTH[:, label], SCORES[:, label])
    assert average_precision(TRUTH[:, label], SCORES[:, label]) == pytest.approx(
        expected, abs=1e-12
    )


def test_average_precision_without_positives_is_nan() -> None:
    assert np.isnan(average_precision(np.zeros(5, bool), np.arange(5.0)))


def test_f1_equals_scikit_learn() -> None:
    assert f1(TRUTH, PREDICTED) == pytest.approx(
        reference.f1_score(TRUTH, PREDICTED, average=None), abs=1e-12
    )
    assert f1(TRUTH, PREDICTED, axis=None) == pytest.approx(
        reference.f1_score(TRUTH, PREDICTED, average="micro"), abs=1e-12
    )


def test_f1_of_a_label_without_positives_is_nan() -> None:
    nothing = np.zeros((4, 1), bool)
    assert np.isnan(f1(nothing, nothing)).all()


def test_exact_match_requires_all_labels() -> None:
    assert exact_match(TRUTH, PREDICTED) == reference.accuracy_score(TRUTH, PREDICTED)
    assert exact_match(TRUTH, TRUTH) == 1


def test_majority_prediction_has_no_gain() -> None:
    majority = np.broadcast_to(TRUTH.mean(axis=0) > 0.5, TRUTH.shape)
    assert gain_over_majority(TRUTH, majority) == pytest.approx(np.zeros(12))
    for num_positives in range(1001):  # The gain is exactly 0, without rounding errors.
        truth = np.arange(1000)[:, None] < num_positives
        assert gain_over_majority(truth, np.full_like(truth, num_positives > 500)) == 0


def test_perfect_prediction_gains_the_minority_share() -> None:
    share = TRUTH.mean(axis=0)
    assert gain_over_majority(TRUTH, TRUTH) == pytest.approx(np.minimum(share, 1 - share))


@pytest.mark.parametrize("label", range(12))
def test_auroc_equals_scikit_learn_with_ties(label: int) -> None:
    expected = reference.roc_auc_score(TRUTH[:, label], SCORES[:, label])
    assert auroc(TRUTH[:, label], SCORES[:, label]) == pytest.approx(expected, abs=1e-12)


def test_auroc_of_a_single_class_is_nan() -> None:
    assert np.isnan(auroc(np.ones(5, bool), np.arange(5.0)))


def test_calibration_error_compares_probability_and_frequency() -> None:
    truth = np.array([True, False, False, False] * 50)
    assert calibration_error(truth, np.full(200, 0.25)) == pytest.approx(0)
    assert calibration_error(truth, np.full(200, 0.75)) == pytest.approx(0.5)
    assert calibration_error(truth, truth.astype(float)) == 0
