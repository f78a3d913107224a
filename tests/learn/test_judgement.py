from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn import judgement
from mnist_classifier.learn.datasets import prepare


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])


def judge(model, dataset):
    return judgement.judge(model, dataset, 1.0, 0, lambda what: None)


def test_numbers_agree_with_each_other(model, sample):
    metrics = judge(model, sample).metrics
    confusion = np.array(metrics["confusion"])
    assert confusion.sum() == metrics["test_size"] == 1000
    assert np.trace(confusion) / 1000 == metrics["test_accuracy"]
    assert metrics["mistakes"]["count"] == 1000 - np.trace(confusion)
    for row in metrics["per_class"]:
        assert row["recall"] == confusion[row["label"], row["label"]] / 100
        assert row["support"] == 100
    assert metrics["coverage"][0] == {"coverage": 1.0, "accuracy": metrics["test_accuracy"]}
    assert metrics["robustness"]["size"] == 1000
    assert metrics["robustness"]["undamaged"]["accuracy"] == metrics["test_accuracy"]
    assert metrics["disputed"] is None


def test_the_worst_mistakes_are_wrong_and_surest_first(model, sample):
    worst = judge(model, sample).metrics["mistakes"]["worst"]
    sure = [mistake["probabilities"][mistake["answer"]] for mistake in worst]
    assert sure == sorted(sure, reverse=True)
    for mistake in worst:
        assert sample.test_labels[mistake["index"]] == mistake["label"] != mistake["answer"]


def test_the_commonest_label_is_that_of_the_training_images():
    train, test = np.array([1, 1, 2], np.uint8), np.array([2, 2, 2, 1], np.uint8)
    assert judgement.against_commonest(train, test) == {
        "commonest_label": 1,
        "commonest_accuracy": 0.25,
    }


def test_the_temperature_does_not_depend_on_test_images(model, sample):
    found = judgement.validation_temperature(model, prepare(sample, 0).validation)
    other = replace(sample, test_images=255 - sample.test_images)
    assert judgement.validation_temperature(model, prepare(other, 0).validation) == found


def test_without_disputed_labels_their_images_are_left_out():
    from mnist_classifier.learn.disputed import DisputedLabel

    probabilities = np.eye(10)[[0, 1, 2, 3]]
    labels = np.array([0, 1, 2, 9])
    found = judgement.without_disputed(probabilities, labels, [DisputedLabel(3, 9, 3, (0, 5, 0))])
    assert (found["accuracy_without"], found["size_without"]) == (1, 3)
    assert found["answered_as_labelled"] == 0
