import keras
import pytest
from keras import layers

from mnist_classifier.learn.networks.inspection import multiply_adds


def test_multiply_adds_are_those_counted_by_hand():
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(8, 3),  # 26 × 26
            layers.BatchNormalization(),
            layers.MaxPooling2D(),  # 13 × 13
            layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2),
            layers.SeparableConv2D(4, 3, strides=2),  # 6 × 6
            layers.Conv2D(6, 1, groups=2),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    by_hand = (
        26 * 26 * 8 * 3 * 3 * 1
        + 13 * 13 * 16 * 5 * 5
        + 6 * 6 * (16 * 3 * 3 + 16 * 4)
        + 6 * 6 * 6 * 2
        + 6 * 6 * 6 * 10
    )
    assert multiply_adds(model) == by_hand
    nested = keras.Sequential([layers.Input((784,)), model, layers.Dense(3)])
    assert multiply_adds(nested) == by_hand + 10 * 3


def test_a_layer_that_cannot_be_counted_is_not_passed_over():
    model = keras.Sequential([layers.Input((28, 28)), layers.SimpleRNN(3)])
    with pytest.raises(TypeError, match="SimpleRNN"):
        multiply_adds(model)
