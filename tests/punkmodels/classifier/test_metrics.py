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
SCORES = np.round(TRUTH + RNG.normal(0, 1, TRUTH.shape), 1)  # rounded: with ties
PREDICTED = SCORES > 0.5


@pytest.mark.parametrize("label", range(12))
def test_average_precision_is_scikit_learn_s_ties_included(label: int) -> None:
    ours = average_precision(TRUTH[:, label], SCORES[:, label])
    theirs = reference.average_precision_score(TRUTH[:, label], SCORES[:, label])
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_average_precision_without_a_positive_is_nan() -> None:
    assert np.isnan(average_precision(np.zeros(5, bool), np.arange(5.0)))


def test_f1_is_scikit_learn_s() -> None:
    assert f1(TRUTH, PREDICTED) == pytest.approx(
        reference.f1_score(TRUTH, PREDICTED, average=None), abs=1e-12
    )
    assert f1(TRUTH, PREDICTED, axis=None) == pytest.approx(
        reference.f1_score(TRUTH, PREDICTED, average="micro"), abs=1e-12
    )


def test_f1_of_a_label_neither_there_nor_predicted_is_nan() -> None:
    nothing = np.zeros((4, 1), bool)
    assert np.isnan(f1(nothing, nothing)).all()


def test_exact_match_wants_every_label() -> None:
    assert exact_match(TRUTH, PREDICTED) == reference.accuracy_score(TRUTH, PREDICTED)
    assert exact_match(TRUTH, TRUTH) == 1


def test_always_guessing_the_majority_gains_nothing() -> None:
    majority = np.broadcast_to(TRUTH.mean(axis=0) > 0.5, TRUTH.shape)
    assert gain_over_majority(TRUTH, majority) == pytest.approx(np.zeros(12))
    for there in range(1001):  # not a rounding more, of however many
        truth = np.arange(1000)[:, None] < there
        assert gain_over_majority(truth, np.full_like(truth, there > 500)) == 0
    share = TRUTH.mean(axis=0)
    assert gain_over_majority(TRUTH, TRUTH) == pytest.approx(np.minimum(share, 1 - share))


@pytest.mark.parametrize("label", range(12))
def test_auroc_is_scikit_learn_s_ties_included(label: int) -> None:
    theirs = reference.roc_auc_score(TRUTH[:, label], SCORES[:, label])
    assert auroc(TRUTH[:, label], SCORES[:, label]) == pytest.approx(theirs, abs=1e-12)
    assert np.isnan(auroc(np.ones(5, bool), np.arange(5.0)))


def test_calibration_is_perfect_where_frequencies_are_the_probabilities() -> None:
    truth = np.array([True, False, False, False] * 50)
    assert calibration_error(truth, np.full(200, 0.25)) == pytest.approx(0)
    assert calibration_error(truth, np.full(200, 0.75)) == pytest.approx(0.5)
    assert calibration_error(truth, truth.astype(float)) == 0
