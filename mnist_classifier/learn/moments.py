"""Normalise digits by their moments, inside a network: a layer without weights."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

_DEVIATION = 5.2  # pixels, of the ink's height; on average MNIST's digits have a little more
_TINY = 1e-6  # ink of an image without any
_LEAST = 0.5  # square pixels of variance: a single row of ink is not drawn out without end


@keras.saving.register_keras_serializable("mnist_classifier")
class MomentNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Centres digits by their mass, sets them upright, and gives them one height.

    The first and second moments of the ink say where a digit lies, how it slants, and how far it
    reaches (Casey, Moment normalization of handprinted characters, 1970). Its width follows by the
    square root of its width to height (Liu and others, Handwritten digit recognition:
    investigation of normalization and feature extraction techniques, 2004), so that a one stays
    slim. Dense layers, which learn each place of a stroke by itself, then have fewer to learn.

    Takes and gives float32, shape ``(n, side²)``, 0 background to 1 ink.
    """

    def call(self, x: Any) -> Any:
        """Normalise all images."""
        side = math.isqrt(x.shape[-1])
        return ops.reshape(_normalise(ops.reshape(x, (-1, side, side))), (-1, side * side))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images, which stays."""
        return input_shape


def _normalise(images: Any) -> Any:
    """Look each pixel up where it comes from, between pixels linearly; ``(n, side, side)``."""
    side: int = images.shape[-1]
    place = ops.arange(side, dtype=images.dtype)
    ink = ops.sum(images, axis=(1, 2)) + _TINY
    rows, columns = ops.sum(images, axis=2), ops.sum(images, axis=1)  # both (n, side)
    middle_y, middle_x = (ops.sum(part * place, axis=1) / ink for part in (rows, columns))
    down, across = place - middle_y[:, None], place - middle_x[:, None]  # both (n, side)
    height = ops.maximum(ops.sum(rows * down**2, axis=1) / ink, _LEAST)
    width = ops.sum(columns * across**2, axis=1) / ink
    along = ops.sum(images * across[:, None, :], axis=2)  # (n, side)
    slant = ops.sum(along * down, axis=1) / ink / height
    upright = ops.maximum(width - slant**2 * height, _LEAST)  # the slant's share taken away

    wide, high = ops.sqrt(upright), ops.sqrt(height)
    aspect = ops.clip(wide / high, 0.05, 1)
    to_y = place - (side - 1) / 2
    source_y = to_y * (high / _DEVIATION)[:, None]  # (n, side), from the middle
    by_x = (wide / (_DEVIATION * ops.sqrt(aspect)))[:, None, None]
    source_x = by_x * to_y + (slant[:, None] * source_y)[:, :, None]  # (n, side, side)
    source_x += middle_x[:, None, None]
    source_y += middle_y[:, None]

    # Down first, as all of a row comes from one height; then across, each row by itself.
    share = ops.relu(1 - ops.abs(source_y[:, :, None] - place))
    halfway = ops.matmul(share, images)
    left = ops.clip(ops.floor(source_x), 0, side - 2)
    first = ops.cast(left, "int32")
    near, far = (ops.take_along_axis(halfway, first + right, axis=2) for right in (0, 1))
    return near * ops.relu(1 - ops.abs(source_x - left)) + far * ops.relu(
        1 - ops.abs(source_x - left - 1)
    )
