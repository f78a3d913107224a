import json

import keras
import numpy as np
import pytest
from keras import layers

from mnist_classifier.learn.data.dataset import scale
from mnist_classifier.learn.export.digits import largest_difference, logits_network, to_onnx
from mnist_classifier.learn.networks.inspection import multiply_adds, predict
from mnist_classifier.learn.networks.layers import (
    MeanOverTTA,
    RotationTTA,
    softmax_with_reject,
    without_tta,
)
from mnist_classifier.learn.networks.losses import binary_cross_entropy


@pytest.fixture
def images(sample):
    return scale(sample.test_images[:20])


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            layers.Input((784,)),
            RotationTTA(7),
            layers.Dense(10),
            MeanOverTTA(),
            layers.Softmax(),
        ]
    )


def slants(images):
    """How far the ink of each row lies to the right of the row above, on average."""
    images = images.reshape(-1, 28, 28)
    place = np.arange(28) - 13.5
    down, across = place[None, :, None], place[None, None, :]
    ink = images.sum(axis=(1, 2), keepdims=True)
    down = down - (images * down).sum(axis=(1, 2), keepdims=True) / ink
    return (images * down * across).sum(axis=(1, 2)) / (images * down**2).sum(axis=(1, 2))


def test_a_trained_network_sees_images_turned_to_both_sides(images):
    bar = np.zeros((1, 28, 28), np.float32)
    bar[0, 4:24, 13:15] = 1
    straight, one_way, other_way = slants(np.asarray(RotationTTA(10)(bar.reshape(1, 784))))
    assert straight == pytest.approx(0, abs=1e-6)
    assert sorted([one_way, other_way]) == pytest.approx(
        [-np.tan(np.pi / 18), np.tan(np.pi / 18)], rel=0.05
    )
    seen = np.asarray(RotationTTA(7)(images)).reshape(3, 20, 784)
    np.testing.assert_array_equal(seen[0], images)
    np.testing.assert_allclose(seen.sum(axis=2), np.tile(images.sum(axis=1), (3, 1)), rtol=0.02)


def test_its_answer_is_the_geometric_mean_of_those_for_the_views(network, images):
    once = without_tta(network)
    views = np.asarray(RotationTTA(7)(images))
    product = np.prod(predict(once, views).reshape(3, 20, 10), axis=0) ** (1 / 3)
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(network, images), expected, atol=1e-6)


def test_training_sees_each_image_once(network, images):
    np.testing.assert_allclose(
        network(images, training=True), predict(without_tta(network), images)
    )
    assert (np.abs(predict(network, images) - predict(without_tta(network), images)) > 1e-4).any()


def test_fit_makes_the_same_weights_as_without_views(network, images):
    labels = np.eye(10, dtype=np.float32)[np.arange(20) % 10]
    once = keras.models.clone_model(without_tta(network))
    once.set_weights(network.get_weights())
    for model in (network, once):
        model.compile("sgd", binary_cross_entropy())
        model.fit(images, labels, batch_size=5, shuffle=False, verbose=0)
    for one, other in zip(network.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_it_is_saved_and_exported_with_its_views(network, images, tmp_path):
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predict(loaded, images), predict(network, images), atol=1e-6)
    logits, _ = logits_network(loaded)
    content = to_onnx(logits, json.loads('{"temperature": 1, "refusal": {}}'))
    assert largest_difference(logits, content, images.reshape(-1, 28, 28)) < 1e-5
    probabilities = np.exp(predict(logits, images.reshape(-1, 28, 28)))
    np.testing.assert_allclose(probabilities, predict(network, images), rtol=1e-4)


def test_test_time_augmentation_costs_what_it_costs(network):
    assert multiply_adds(network) == 2 * 784**2 + 3 * 784 * 10
    assert multiply_adds(without_tta(network)) == 784 * 10


def test_softmax_with_reject_is_the_softmax_over_eleven():
    logits = np.random.default_rng(0).normal(0, 3, (5, 10)).astype(np.float32)
    with_nothing = np.exp(np.hstack([logits, np.zeros((5, 1))]))
    expected = (with_nothing / with_nothing.sum(axis=1, keepdims=True))[:, :10]
    found = keras.ops.convert_to_numpy(softmax_with_reject(logits))
    assert np.allclose(found, expected, atol=1e-6)
