from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn.data.dataset import Split, one_hot, prepare
from mnist_classifier.learn.evaluation import metrics
from mnist_classifier.learn.evaluation.label_errors import LabelError
from mnist_classifier.learn.networks.losses import binary_cross_entropy


def softmax_model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])


@pytest.fixture(scope="module")
def model():
    return softmax_model()


def evaluate(model, dataset):
    scores = metrics.score(model, prepare(dataset, 0).test)
    return metrics.evaluate(model, dataset, scores, 1.0, 0, lambda what: None).metrics


def test_numbers_agree_with_each_other(model, sample):
    found = evaluate(model, sample)
    confusion = np.array(found["confusion"])
    assert confusion.sum() == found["test_size"] == 1000
    assert np.trace(confusion) / 1000 == found["test_accuracy"]
    assert found["mistakes"]["count"] == 1000 - np.trace(confusion)
    for row in found["per_class"]:
        assert row["recall"] == confusion[row["label"], row["label"]] / 100
        assert row["support"] == 100
    assert found["coverage"][0] == {"coverage": 1.0, "accuracy": found["test_accuracy"]}
    assert found["robustness"]["size"] == 1000
    assert found["robustness"]["undamaged"]["accuracy"] == found["test_accuracy"]
    assert found["disputed"] is None


def test_the_worst_mistakes_are_wrong_and_surest_first(model, sample):
    worst = evaluate(model, sample)["mistakes"]["worst"]
    sure = [mistake["probabilities"][mistake["answer"]] for mistake in worst]
    assert sure == sorted(sure, reverse=True)
    for mistake in worst:
        assert sample.test_labels[mistake["index"]] == mistake["label"] != mistake["answer"]


def test_the_commonest_label_is_that_of_the_training_images():
    train, test = np.array([1, 1, 2], np.uint8), np.array([2, 2, 2, 1], np.uint8)
    assert metrics.against_commonest(train, test) == {
        "commonest_label": 1,
        "commonest_accuracy": 0.25,
    }


def test_the_temperature_does_not_depend_on_test_images(model, sample):
    found = metrics.fit_temperature(model, prepare(sample, 0).validation)
    other = replace(sample, test_images=255 - sample.test_images)
    assert metrics.fit_temperature(model, prepare(other, 0).validation) == found


def test_without_label_errors_their_images_are_left_out():
    probabilities = np.eye(10)[[0, 1, 2, 3]]
    labels = np.array([0, 1, 2, 9])
    found = metrics.without_label_errors(probabilities, labels, [LabelError(3, 9, 3, (0, 5, 0))])
    assert (found["accuracy_without"], found["size_without"]) == (1, 3)
    assert found["answered_as_labelled"] == 0


def test_accuracy_is_argmaxs_share_over_every_image_and_loss_is_keras_own(sample):
    # 997 images: no batch size divides them, so a dropped remainder would show.
    split = Split(
        sample.test_images[:997].reshape(997, 784) / np.float32(255), sample.test_labels[:997]
    )
    model = softmax_model()
    scores = metrics.score(model, split)
    model.compile(loss=binary_cross_entropy(), metrics=["accuracy"])
    loss, accuracy = model.evaluate(split.x, one_hot(split.labels), verbose=0)
    by_hand = np.mean(
        [
            row.argmax() == label
            for row, label in zip(model.predict(split.x, verbose=0), split.labels, strict=True)
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
    assert metrics.random_accuracy(labels, seed=1) == pytest.approx(0.1, abs=0.015)
    assert metrics.random_accuracy(labels, seed=1) == metrics.random_accuracy(labels, seed=1)
    assert metrics.random_accuracy(labels, seed=1) != metrics.random_accuracy(labels, seed=2)
