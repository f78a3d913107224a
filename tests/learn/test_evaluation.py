import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mnist_classifier.learn.datasets import Part, one_hot
from mnist_classifier.learn.evaluation import evaluate, random_accuracy, wilson_interval
from mnist_classifier.learn.training import binary_cross_entropy


@given(size=st.integers(1, 20000), data=st.data())
def test_wilson_interval_is_scipys(size, data):
    correct = data.draw(st.integers(0, size))
    expected = binomtest(correct, size).proportion_ci(method="wilson")
    assert wilson_interval(correct, size) == pytest.approx((expected.low, expected.high), abs=1e-9)


def softmax_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])


def test_accuracy_is_argmaxs_share_over_every_image_and_loss_is_keras_own(sample):
    # 997 images: no batch size divides them, so a dropped remainder would show.
    part = Part(
        sample.test_images[:997].reshape(997, 784) / np.float32(255), sample.test_labels[:997]
    )
    model = softmax_model()
    scores = evaluate(model, part)
    model.compile(loss=binary_cross_entropy(), metrics=["accuracy"])
    loss, accuracy = model.evaluate(part.x, one_hot(part.labels), verbose=0)
    by_hand = np.mean(
        [
            row.argmax() == label
            for row, label in zip(model.predict(part.x, verbose=0), part.labels, strict=True)
        ]
    )
    assert scores.size == 997
    assert scores.accuracy == pytest.approx(by_hand)
    assert scores.accuracy == pytest.approx(accuracy, abs=1e-6)
    assert scores.loss == pytest.approx(loss, rel=1e-5)
    # Element-wise binary accuracy would flatter: nine of ten outputs are rightly below one half.
    assert scores.accuracy < 0.5


def test_random_assignment_is_right_one_time_in_ten():
    labels = np.repeat(np.arange(10, dtype=np.uint8), 1000)
    assert random_accuracy(labels, seed=1) == pytest.approx(0.1, abs=0.015)
    assert random_accuracy(labels, seed=1) == random_accuracy(labels, seed=1)
    assert random_accuracy(labels, seed=1) != random_accuracy(labels, seed=2)
