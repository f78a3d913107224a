from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.learn.evaluation.calibration import (
    coverage,
    errors,
    fit_temperature,
    logits_of,
    reliability,
    softmax,
)


def rows(*answers):
    """Probabilities of which each gives its share to a class and the rest to class 9."""
    probabilities = np.zeros((len(answers), 10))
    for row, (label, share) in zip(probabilities, answers, strict=True):
        row[label], row[9] = share, 1 - share
    return probabilities


# Sure 0.8, 0.8, 0.6 and 1.0; right, wrong, right, right.
PROBABILITIES = rows((0, 0.8), (1, 0.8), (2, 0.6), (3, 1.0))
LABELS = np.array([0, 9, 2, 3])


def test_figures_are_those_computed_by_hand():
    found = errors(PROBABILITIES, LABELS)
    assert found.negative_log_likelihood == pytest.approx(-np.log([0.8, 0.2, 0.6, 1]).mean())
    # (0.2² + 0.2²) + (0.8² + 0.8²) + (0.4² + 0.4²) + 0, over four images
    assert found.brier == pytest.approx((0.08 + 1.28 + 0.32) / 4)
    # One bin has 0.8 twice, of which half is right: |0.5 − 0.8| × 2; then |1 − 0.6|; then 0.
    assert found.expected_calibration_error == pytest.approx((2 * 0.3 + 0.4) / 4)
    # Four images in 15 bins of equally many: each alone.
    assert found.adaptive_calibration_error == pytest.approx((0.2 + 0.8 + 0.4 + 0) / 4)


def test_adaptive_bins_hold_equally_many_images():
    probabilities = softmax(np.random.default_rng(0).normal(0, 3, (150, 10)))
    bins = reliability(probabilities, np.zeros(150, int), adaptive=True)
    assert [part.size for part in bins] == [10] * 15
    assert all(one.high <= other.low for one, other in pairwise(bins))


@given(st.integers(1, 60), st.integers(0, 1000), st.booleans())
def test_every_image_is_in_the_bin_that_its_confidence_names(size, seed, adaptive):
    generator = np.random.default_rng(seed)
    probabilities = softmax(generator.normal(0, 3, (size, 10)))
    bins = reliability(probabilities, generator.integers(0, 10, size), adaptive)
    assert sum(part.size for part in bins) == size
    assert all(part.low - 1e-9 <= part.confidence <= part.high + 1e-9 for part in bins)


def test_the_temperature_is_found_again():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20000, 10))
    labels = np.array([generator.choice(10, p=row) for row in softmax(logits)])
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)
    assert fit_temperature(logits / 2, labels) == pytest.approx(0.5, rel=0.05)


def test_logits_of_probabilities_give_them_back_even_where_they_are_nought():
    probabilities = rows((0, 1.0), (1, 0.3))
    assert softmax(logits_of(probabilities)) == pytest.approx(probabilities)
    # What a network keeps for "no digit" is shared out again.
    assert softmax(logits_of(probabilities / 2)) == pytest.approx(probabilities)


def test_coverage_counts_the_surest_first():
    shares, accuracies = coverage(PROBABILITIES, LABELS)
    assert list(shares) == [0.25, 0.5, 0.75, 1]
    assert accuracies == pytest.approx([1, 1, 2 / 3, 3 / 4])
