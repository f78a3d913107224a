"""Networks that recipes do not have: square images in, probabilities out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from mnist_classifier.learn.networks.architectures import (
    Architecture,
    cnn_best_layers,
    cnn_fast_layers,
    cnn_small_layers,
    cnn_upright_layers,
    convolution,
)
from mnist_classifier.learn.networks.layers import MeanOverTTA, RotationTTA


def quick_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return four convolutions, most of them on few pixels: square images in."""
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        layers.Reshape((side, side, 1)),
        layers.Conv2D(24, 5, activation="relu"),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *convolution(64),  # 10 × 10
        *convolution(72),  # 8 × 8
        layers.MaxPooling2D(),  # 4 × 4
        *convolution(128),  # 2 × 2
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(classes, activation="softmax"),
    ]


def wide_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return convolutions as of `cnn_best_layers`, with four times the weights."""
    body = [
        *convolution(32),  # 26 × 26
        *convolution(64),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *[layer for _ in range(3) for layer in convolution(128, padding="same")],
        layers.MaxPooling2D(),  # 6 × 6
        *[layer for _ in range(2) for layer in convolution(256, padding="same")],
        layers.GlobalAveragePooling2D(),
    ]
    return _with_tta(body, pixels, classes)


def unpadded(size: int, filters: Sequence[int]) -> Architecture:
    """Return what makes convolutions of one size, without padding and pooling.

    Each takes a border away until little is left (An and others, An ensemble of simple
    convolutional neural network models for MNIST digit recognition, 2020).

    Args:
        size: Pixels along the side of each convolution.
        filters: How many each has.
    """

    def make(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
        body = [layer for count in filters for layer in convolution(count, size)]
        return _with_tta([*body, layers.Flatten()], pixels, classes)

    return make


def _with_tta(
    body: list[keras.layers.Layer], pixels: int, classes: int
) -> list[keras.layers.Layer]:
    """Return layers from square images to features, with all that is before and behind them."""
    side = math.isqrt(pixels)
    before = [layers.Input((pixels,)), RotationTTA(7), layers.Reshape((side, side, 1))]
    behind = [layers.Dropout(0.3), layers.Dense(classes), MeanOverTTA(), layers.Softmax()]
    return [*before, *body, *behind]


NETWORKS: dict[str, Architecture] = {
    "fast": cnn_fast_layers,
    "small": cnn_small_layers,
    "best": cnn_best_layers,
    "upright": cnn_upright_layers,
    "quick": quick_layers,
    "wide": wide_layers,
    "unpadded-3": unpadded(3, range(32, 161, 16)),
    "unpadded-5": unpadded(5, (32, 64, 96, 128, 160)),
    "unpadded-7": unpadded(7, (48, 96, 144, 192)),
}
