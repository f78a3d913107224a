"""Give Dense layers the weights of convolutions, so that they answer the same."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn.arrays import Floats


def convolution_to_dense(convolutional: keras.Sequential, dense: keras.Sequential) -> None:
    """Let Dense layers begin with what convolutions have learned.

    A convolution is a Dense layer most of whose weights are 0, and whose others are the same at
    every place. The Dense layers answer as it does, and each of their weights is then free
    (d'Ascoli and others, Finding the needle in the haystack with convolutions, 2019). Normalisation
    over the batch goes into the weights, as it answers for one image: over one unit's share of
    the images it would be another than over all places of a feature.

    Args:
        convolutional: A network of convolutions and Dense layers, each with or without a
            normalisation after it; its features lie along the last axis.
        dense: As many Dense layers, with biases, of as many units as the others have outputs; takes
            the weights.

    Raises:
        ValueError: The two have not as many layers, or not of the same sizes.
    """
    steps: list[tuple[Floats, Floats]] = []
    for layer in convolutional.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            kernel = _matrix(layer) if isinstance(layer, layers.Conv2D) else layer.get_weights()[0]
            bias = layer.get_weights()[1] if layer.use_bias else np.zeros(1, np.float32)
            steps.append((kernel, _at_each_place(bias, kernel)))
        elif isinstance(layer, layers.BatchNormalization):
            kernel, bias = steps.pop()
            scale, shift, mean, variance = (
                _at_each_place(part, kernel) for part in layer.get_weights()
            )
            scale = scale / np.sqrt(variance + layer.epsilon)
            steps.append((kernel * scale, (bias - mean) * scale + shift))
    free = [layer for layer in dense.layers if layer.weights]
    for step, layer in zip(steps, free, strict=True):
        layer.set_weights(step)


def _matrix(convolution: layers.Conv2D) -> Floats:
    """Return what a convolution makes of each of its inputs alone, shape ``(inputs, outputs)``."""
    shape = convolution.input.shape[1:]
    inputs = math.prod(shape)
    alone = np.eye(inputs, dtype=np.float32).reshape(inputs, *shape)
    answers = convolution.convolution_op(alone, convolution.kernel)
    matrix: Floats = keras.ops.convert_to_numpy(answers).reshape(inputs, -1)
    return matrix


def _at_each_place(features: Floats, kernel: Floats) -> Floats:
    """Repeat what each feature has, as often as a matrix's outputs, shape ``(outputs,)``, take."""
    return np.tile(features, kernel.shape[1] // len(features))
