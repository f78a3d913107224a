"""Architectures: each network as one visible list of layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.networks.layers import (
    MeanOverTTA,
    MomentNormalization,
    RotationTTA,
    softmax_with_reject,
)
from mnist_classifier.normalisation import LINE_HEIGHT

Architecture: TypeAlias = Callable[..., list[keras.layers.Layer]]
"""Makes the layers for a number of pixels and of classes, 784 and 10 unless said otherwise."""


def dnn_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the default network: 784 pixels in, ``Dense`` layers, ten probabilities out."""
    return [
        layers.Input((pixels,)),
        layers.Dense(512, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(classes, activation="softmax"),
    ]


def convolution(
    filters: int, size: int | tuple[int, int] = 3, strides: int = 1, padding: str = "valid"
) -> list[keras.layers.Layer]:
    """Return a convolution, its normalisation over the batch, and relu."""
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]


def dnn_best_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return three hidden ``Dense`` layers for upright digits.

    The first two have as many units as the convolutions of `dnn_best_initial_layers` have outputs.
    Predictions use test-time augmentation.
    """
    side = math.isqrt(pixels)
    first = (side - 3) // 2  # what a 5×5 patch in steps of two leaves of a side
    second = (first - 3) // 2
    return [
        layers.Input((pixels,)),
        RotationTTA(7),
        MomentNormalization(),
        layers.Dense(16 * first**2, activation="relu"),  # 12 × 12 × 16
        layers.Dense(64 * second**2, activation="relu"),  # 4 × 4 × 64
        layers.Dense(512, activation="relu"),
        layers.Dense(classes),
        MeanOverTTA(),
        layers.Softmax(),
    ]


def dnn_best_initial_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the convolutions that initialise `dnn_best_layers`: square images in."""
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        RotationTTA(7),
        MomentNormalization(),
        layers.Reshape((side, side, 1)),
        *convolution(16, 5, strides=2),  # 12 × 12
        *convolution(64, 5, strides=2),  # 4 × 4
        layers.Flatten(),
        layers.Dense(512, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dense(classes),
        MeanOverTTA(),
        layers.Softmax(),
    ]


def cnn_small_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return six convolutions of fewer than 50,000 weights: square images in."""
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        RotationTTA(7),
        layers.Reshape((side, side, 1)),
        *convolution(16),  # 26 × 26
        *convolution(28),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *convolution(32, padding="same"),
        *convolution(32, padding="same"),
        layers.MaxPooling2D(),  # 6 × 6
        *convolution(40, padding="same"),
        *convolution(40, padding="same"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(classes),
        MeanOverTTA(),
        layers.Softmax(),
    ]


def cnn_best_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return six convolutions with global average pooling: square images in.

    All but the first are padded, so that there can be many. Each feature counts the same wherever
    in the image it is (Lin and others, Network in network, 2014). Predictions use test-time
    augmentation.
    """
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        RotationTTA(7),
        layers.Reshape((side, side, 1)),
        layers.Conv2D(24, 5, activation="relu"),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *convolution(64, padding="same"),
        *convolution(64, padding="same"),
        *convolution(64, padding="same"),
        layers.MaxPooling2D(),  # 6 × 6
        *convolution(128, padding="same"),
        *convolution(128, padding="same"),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.2),
        layers.Dense(classes),
        MeanOverTTA(),
        layers.Softmax(),
    ]


def cnn_upright_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the layers of `cnn_best_layers`, for upright digits."""
    pixels_in, views, *others = cnn_best_layers(pixels, classes)
    return [pixels_in, views, MomentNormalization(), *others]


def cosine_filters(size: int) -> Floats:
    """Return the coarser patterns of the discrete cosine transform (Ahmed and others, 1974).

    Each has its negative beside it, because a relu drops negative answers. So the size² filters
    are the coarser half of the patterns, with both signs.

    Args:
        size: Pixels along a side, odd.

    Returns:
        Patterns of norm 1, shape ``(size, size, 1, size²)``: the constant one, which needs no
        negative, then pairs from coarse to fine.
    """
    wave = np.cos(np.pi * np.outer(np.arange(size), np.arange(size) + 0.5) / size)
    pairs = sorted(np.ndindex(size, size), key=lambda pair: (sum(pair), pair))
    patterns = [np.outer(wave[i], wave[j]) for i, j in pairs]
    patterns = [pattern / np.linalg.norm(pattern) for pattern in patterns]
    half = patterns[1 : (len(patterns) + 1) // 2]
    signed = [patterns[0], *(sign * pattern for pattern in half for sign in (1, -1))]
    return np.stack(signed, axis=-1)[:, :, None].astype(np.float32)


def cnn_fast_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return two convolutions, the first one fixed: square images in.

    A fixed first layer needs no gradient, nor does the second layer's input. Biases and scales
    for which a later layer compensates are left out: each array of weights costs time in each step.
    """
    side = math.isqrt(pixels)
    filters = cosine_filters(5)
    return [
        layers.Input((pixels,)),
        layers.Reshape((side, side, 1)),
        layers.Cropping2D(1),  # 26 × 26: MNIST's digits lie in the middle 20 × 20
        layers.Conv2D(
            filters.shape[-1],
            5,
            strides=2,
            activation="relu",
            use_bias=False,
            kernel_initializer=keras.initializers.Constant(filters),
            trainable=False,
        ),  # 11 × 11
        layers.Conv2D(64, 3, strides=2, activation="relu", use_bias=False),  # 5 × 5
        layers.Flatten(),
        layers.Dense(128, use_bias=False),
        layers.BatchNormalization(momentum=0.9, scale=False),  # the last layer scales
        layers.ReLU(),
        layers.Dense(classes, activation="softmax"),
    ]


def reader_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the network: five convolutions, 784 pixels in, 10 digits out; 164,386 weights."""
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        layers.Reshape((side, side, 1)),
        *convolution(24),  # 26 × 26
        *convolution(40, strides=2),  # 12 × 12
        *convolution(64),  # 10 × 10
        *convolution(80, strides=2),  # 4 × 4
        *convolution(112),  # 2 × 2
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(classes),
        layers.Activation(softmax_with_reject),
    ]


def line_network(characters: int) -> keras.Model:
    """Return the network that reads lines: convolutions only, so that a line may have any width.

    Connectionist temporal classification (Graves and others, 2006) learns from its answers without
    knowing where in a line each character stands.

    Args:
        characters: How many kinds of characters there are.

    Returns:
        A network from ``(n, 32, width, 1)``, width a multiple of 4, 0 paper to 1 ink, to logits
        ``(n, width / 4, 1 + characters)``, the first of them for "no character"; 646,152 weights
        for 15.
    """
    image = layers.Input((LINE_HEIGHT, None, 1))
    x = _after(image, convolution(24, 5, strides=2, padding="same"))  # 16 rows
    x = _after(x, convolution(48, strides=2, padding="same"))  # 8 rows, a column for 4 pixels
    for filters in (80, 128):
        x = _after(x, convolution(filters, padding="same"))
        x = layers.Add()([x, _after(x, convolution(filters, padding="same"))])
        x = layers.MaxPooling2D((2, 1))(x)  # 4 rows, then 2
    x = _after(x, convolution(160, (2, 1)))  # 1 row
    for _ in range(2):
        x = layers.Add()([x, _after(x, convolution(160, (1, 5), padding="same"))])
    x = layers.Dropout(0.1)(x)
    x = layers.Conv2D(1 + characters, 1)(x)
    return keras.Model(image, layers.Reshape((-1, 1 + characters))(x))


def _after(x: keras.KerasTensor, further: list[keras.layers.Layer]) -> keras.KerasTensor:
    """Return what further layers make of a tensor."""
    for layer in further:
        x = layer(x)
    return x
