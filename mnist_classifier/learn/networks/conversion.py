"""Convolution to dense: give Dense layers the weights of convolutions."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn.arrays import Floats


def convolution_to_dense(convolutional: keras.Sequential, dense: keras.Sequential) -> None:
    """Initialise Dense layers with the weights of trained convolutions.

    A convolution is a Dense layer in which most weights are 0 and the others are the same at every
    place. After the conversion both networks predict the same, and each Dense weight can be trained
    by itself (d'Ascoli and others, Finding the needle in the haystack with convolutions, 2019).
    Batch normalisation is folded into the weights: over single units of Dense layers its
    statistics would differ from those over all places of a feature.

    Args:
        convolutional: A network of convolutions and Dense layers, each with or without a batch
            normalisation after it; its features lie along the last axis.
        dense: As many Dense layers, with biases, of as many units as the others have outputs; takes
            the weights.

    Raises:
        ValueError: The numbers of layers or their sizes differ.
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
    """Return a convolution as the matrix of a Dense layer, shape ``(inputs, outputs)``."""
    shape = convolution.input.shape[1:]
    inputs = math.prod(shape)
    alone = np.eye(inputs, dtype=np.float32).reshape(inputs, *shape)
    answers = convolution.convolution_op(alone, convolution.kernel)
    matrix: Floats = keras.ops.convert_to_numpy(answers).reshape(inputs, -1)
    return matrix


def _at_each_place(features: Floats, kernel: Floats) -> Floats:
    """Repeat a value of each feature for each of its places, shape ``(outputs,)``."""
    return np.tile(features, kernel.shape[1] // len(features))
