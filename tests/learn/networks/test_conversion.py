import keras
import numpy as np
import pytest
from keras import layers

from mnist_classifier.learn.networks.architectures import dnn_best_initial_layers, dnn_best_layers
from mnist_classifier.learn.networks.conversion import convolution_to_dense


def scattered(network):
    """Give a network weights none of which is like another."""
    chance = np.random.default_rng(0)
    network.set_weights([chance.uniform(0.5, 1, w.shape) - 0.4 for w in network.get_weights()])
    return network


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_dense_layers_answer_as_the_convolutions(padding):
    convolutions = [
        layers.Conv2D(3, 3, strides=2, padding=padding),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2D(4, 2, padding=padding, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]
    initial = keras.Sequential(
        [layers.Input((64,)), layers.Reshape((8, 8, 1)), *convolutions, layers.Flatten()]
    )
    initial.add(layers.Dense(5))
    units = (27, 16) if padding == "valid" else (48, 64)
    dense = keras.Sequential([layers.Input((64,))])
    for number in units:
        dense.add(layers.Dense(number, activation="relu"))
    dense.add(layers.Dense(5))
    convolution_to_dense(scattered(initial), dense)
    images = np.random.default_rng(1).random((20, 64), np.float32)
    answers = initial.predict(images, verbose=0)
    assert np.ptp(answers) > 1
    np.testing.assert_allclose(dense.predict(images, verbose=0), answers, rtol=1e-3, atol=1e-3)


def test_dnn_best_begins_as_its_convolutions_answer(sample):
    keras.utils.set_random_seed(0)
    initial = keras.Sequential(dnn_best_initial_layers())
    dense = keras.Sequential(dnn_best_layers())
    convolution_to_dense(initial, dense)
    images = sample.test_images[:50].reshape(50, -1) / np.float32(255)
    answers = initial.predict(images, verbose=0)
    assert np.ptp(answers) > 0.01
    np.testing.assert_allclose(dense.predict(images, verbose=0), answers, atol=1e-5)


def test_another_network_is_refused():
    one = keras.Sequential([layers.Input((4,)), layers.Dense(3)])
    other = keras.Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(3)])
    with pytest.raises(ValueError, match="longer"):
        convolution_to_dense(one, other)
    with pytest.raises(ValueError, match="shape"):
        convolution_to_dense(one, keras.Sequential([layers.Input((4,)), layers.Dense(2)]))
