import keras
import numpy as np
import pytest

from mnist_classifier.learn.networks.losses import accuracy_with_reject, cross_entropy_with_reject


def test_cross_entropy_with_reject_is_the_cross_entropy():
    probabilities = np.full((2, 10), 0.05, np.float32)
    probabilities[0, 3] = 0.4
    targets = np.zeros((2, 10), np.float32)
    targets[0, 3] = 1
    loss = keras.ops.convert_to_numpy(cross_entropy_with_reject(targets, probabilities))
    assert loss == pytest.approx([-np.log(0.4), -np.log(0.5)], rel=1e-5)


def test_accuracy_counts_digits_by_argmax_and_nothing_by_its_share():
    probabilities = np.zeros((4, 10), np.float32)
    probabilities[0, 3] = 0.9  # a digit, right
    probabilities[1, 3] = 0.9  # a digit, wrong
    probabilities[2, 3] = 0.2  # nothing, right: 0.8 says so
    probabilities[3, 3] = 0.9  # nothing, wrong
    targets = np.zeros((4, 10), np.float32)
    targets[0, 3] = targets[1, 4] = 1
    found = keras.ops.convert_to_numpy(accuracy_with_reject(targets, probabilities))
    assert np.asarray(found).tolist() == [1, 0, 1, 0]
