"""What is no digit: drawn the same for a seed, and learned as logit 0."""

import keras
import numpy as np
import pytest

from mnist_classifier.learn.nondigits import (
    accuracy,
    digit_or_nothing,
    nondigits,
    softmax_or_nothing,
)


def test_nondigits(sample):
    draw = [
        nondigits(300, sample.train_images, sample.train_labels, np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    assert draw[0].shape == (300, 28, 28)
    assert draw[0].dtype == np.float32
    assert np.isfinite(draw[0]).all()
    assert 0 <= draw[0].min() <= draw[0].max() <= 1
    assert np.array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])
    assert len({image.tobytes() for image in draw[0]}) > 250


def test_softmax_or_nothing_is_the_softmax_over_eleven():
    logits = np.random.default_rng(0).normal(0, 3, (5, 10)).astype(np.float32)
    with_nothing = np.exp(np.hstack([logits, np.zeros((5, 1))]))
    expected = (with_nothing / with_nothing.sum(axis=1, keepdims=True))[:, :10]
    found = keras.ops.convert_to_numpy(softmax_or_nothing(logits))
    assert np.allclose(found, expected, atol=1e-6)


def test_digit_or_nothing_is_the_cross_entropy():
    probabilities = np.full((2, 10), 0.05, np.float32)
    probabilities[0, 3] = 0.4
    targets = np.zeros((2, 10), np.float32)
    targets[0, 3] = 1
    loss = keras.ops.convert_to_numpy(digit_or_nothing(targets, probabilities))
    assert loss == pytest.approx([-np.log(0.4), -np.log(0.5)], rel=1e-5)


def test_accuracy_counts_digits_by_argmax_and_nothing_by_its_share():
    probabilities = np.zeros((4, 10), np.float32)
    probabilities[0, 3] = 0.9  # a digit, right
    probabilities[1, 3] = 0.9  # a digit, wrong
    probabilities[2, 3] = 0.2  # nothing, right: 0.8 says so
    probabilities[3, 3] = 0.9  # nothing, wrong
    targets = np.zeros((4, 10), np.float32)
    targets[0, 3] = targets[1, 4] = 1
    found = keras.ops.convert_to_numpy(accuracy(targets, probabilities))
    assert np.asarray(found).tolist() == [1, 0, 1, 0]
