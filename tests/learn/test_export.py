"""Keras and ONNX say the same; the card says how to use it; other networks are refused."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from mnist_classifier import DigitReader
from mnist_classifier.errors import ModelError
from mnist_classifier.learn.export import digits, onnx_file
from mnist_classifier.learn.networks.architectures import reader_layers
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.networks.layers import (
    MeanOverTTA,
    MomentNormalization,
    RotationTTA,
    softmax_with_reject,
)
from mnist_classifier.learn.recipes.ensemble import ENSEMBLE


def dense():
    return [layers.Input((784,)), layers.Dense(32, "relu"), layers.Dense(10, "softmax")]


def convolutional():
    return [
        layers.Input((28, 28, 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5),
        layers.Dense(10),
        layers.Softmax(),
    ]


def averaged():
    """Return an ensemble of small networks, one of upright digits, which see three views."""
    pixels = layers.Input((784,))
    views = [pixels, RotationTTA(7), layers.Dense(10), MeanOverTTA(), layers.Softmax()]
    upright = [pixels, MomentNormalization(), layers.Dense(10, "softmax")]
    recipe = replace(ENSEMBLE, members=(lambda *sizes: views, lambda *sizes: upright))
    return recipe.build()


@pytest.fixture(params=[dense, convolutional, reader_layers, averaged], scope="module")
def network(request):
    keras.utils.set_random_seed(0)
    made = request.param()
    model = made if isinstance(made, keras.Model) else keras.Sequential(made)
    for weights in model.weights:  # so that no bias is 0 and no variance 1
        if len(weights.shape) == 1:
            weights.assign(np.random.default_rng(0).uniform(0.1, 0.9, weights.shape))
    return digits.logits_network(model)


def card(network):
    return {
        "temperature": 1.5,
        "refusal": {"measure": "digit_probability" if network[1] else "confidence",
                    "threshold": 0.25},
    }  # fmt: skip


def test_keras_and_onnx_agree_at_every_batch_size(network, sample):
    model, _ = network
    content = digits.to_onnx(model, card(network))
    images = sample.test_images[:1000].astype(np.float32) / 255
    assert digits.BATCH_SIZES == (1, 7, 1000)
    difference = digits.largest_difference(model, content, images)
    assert onnx_file.prove(difference) == difference <= 1e-5


def test_the_reader_says_what_keras_says(network, sample, tmp_path):
    model, knows_nondigits = network
    path = tmp_path / "model.onnx"
    onnx_file.write_model(path, digits.to_onnx(model, card(network)), card(network))
    reader = DigitReader(path)
    images = sample.test_images[:300].astype(np.float32) / 255
    logits = predict(model, images).astype(np.float64)
    expected = np.exp(logits / 1.5 - np.logaddexp.reduce(logits / 1.5, axis=1, keepdims=True))
    judged = reader.read_images(images)
    assert np.abs(judged.probabilities - expected).max() <= 1e-5
    scores = expected.max(axis=1)
    if knows_nondigits:
        scores = 1 / (1 + np.exp(-np.logaddexp.reduce(logits, axis=1)))
    assert np.abs(judged.scores - scores).max() <= 1e-5
    assert json.loads(path.with_suffix(".json").read_text())["temperature"] == 1.5


def test_disagreement_is_found(sample):
    keras.utils.set_random_seed(0)
    one, other = (digits.logits_network(keras.Sequential(dense()))[0] for _ in range(2))
    content = digits.to_onnx(one, {})
    images = sample.test_images[:1000].astype(np.float32) / 255
    with pytest.raises(ModelError, match="nothing was written"):
        onnx_file.prove(digits.largest_difference(other, content, images))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([layers.Input((783,)), layers.Dense(10, "softmax")], "expected 784 or 28×28 pixels"),
        ([layers.Input((784,)), layers.Dense(9, "softmax")], "to 10 classes"),
        ([layers.Input((784,)), layers.Dense(10, "relu")], "without a softmax"),
    ],
)
def test_other_networks_are_refused(wrong, message):
    with pytest.raises(ModelError, match=message):
        digits.logits_network(keras.Sequential(wrong))


def test_the_temperature_mends_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 10))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    overconfident = (3 * logits).astype(np.float32)
    found = digits.calibrate(overconfident, labels, overconfident, False)
    assert found.temperature == pytest.approx(3, rel=0.05)
    assert found.measure == "confidence"


def test_the_threshold_refuses_few_deformed_digits():
    logits, deformed = np.random.default_rng(0).normal(0, 1, (2, 10_000, 10)).astype(np.float32)
    found = digits.calibrate(logits, logits.argmax(axis=1), deformed, True)
    scores = 1 / (1 + np.exp(-np.logaddexp.reduce(deformed, axis=1)))
    assert found.measure == "digit_probability"
    assert (scores < found.threshold).mean() <= 1.5 * digits.REFUSED_SHARE


def test_the_card_tells_confusions_and_the_mistakes_surest_of():
    probabilities = np.full((5, 10), 0.01)
    for row, (answer, confidence) in enumerate([(3, 0.9), (5, 0.7), (5, 0.8), (1, 0.5), (3, 0.6)]):
        probabilities[row, answer] = confidence
    told = digits.judge_test_set(probabilities, np.array([3, 3, 3, 1, 5]))
    assert told["mistakes"] == [
        {"index": 2, "label": 3, "answer": 5, "confidence": 0.8},
        {"index": 1, "label": 3, "answer": 5, "confidence": 0.7},
        {"index": 4, "label": 5, "answer": 3, "confidence": 0.6},
    ]
    assert told["confusions"][3] == [0, 0, 0, 1, 0, 2, 0, 0, 0, 0]
    assert sum(map(sum, told["confusions"])) == 5
    assert json.loads(json.dumps(told)) == told


def test_the_saved_network_can_be_loaded_and_exported(tmp_path):
    model = keras.Sequential(reader_layers())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].activation is softmax_with_reject
    assert loaded.count_params() == 164_386
