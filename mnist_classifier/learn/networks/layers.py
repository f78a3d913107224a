"""Layers of our own: moment normalisation, test-time augmentation, softmax with reject."""

from __future__ import annotations

import math
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from mnist_classifier.learn.arrays import Floats

_DEVIATION = 5.2  # pixels, of the ink's height; on average MNIST's digits have a little more
_TINY = 1e-6  # ink of an empty image
_LARGEST_SIDE = 64  # pixels: the matrix that turns an image has side⁴ numbers
_LEAST = 0.5  # square pixels of variance: the least, so that a row of ink is not stretched far


@keras.saving.register_keras_serializable("mnist_classifier")
class MomentNormalization(keras.layers.Layer):
    """Centres digits by their mass, sets them upright, and gives them one height.

    The first and second moments of the ink are a digit's position, slant and size (Casey, Moment
    normalization of handprinted characters, 1970). Its new width is by the square root of its
    aspect ratio (Liu and others, Handwritten digit recognition: investigation of normalization and
    feature extraction techniques, 2004), so that a one stays slim. Dense layers learn each position
    of a stroke by itself; normalised digits have fewer positions.

    Takes and gives float32, shape ``(n, side²)``, 0 background to 1 ink.
    """

    def call(self, x: Any) -> Any:
        """Normalise all images."""
        side = math.isqrt(x.shape[-1])
        return ops.reshape(_normalise(ops.reshape(x, (-1, side, side))), (-1, side * side))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images, which does not change."""
        return input_shape


def _normalise(images: Any) -> Any:
    """Sample each pixel at its source, with linear interpolation; ``(n, side, side)``."""
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

    # First down, because all pixels of a row have the same source height; then across, row by row.
    share = ops.relu(1 - ops.abs(source_y[:, :, None] - place))
    halfway = ops.matmul(share, images)
    left = ops.clip(ops.floor(source_x), 0, side - 2)
    first = ops.cast(left, "int32")
    near, far = (ops.take_along_axis(halfway, first + right, axis=2) for right in (0, 1))
    return near * ops.relu(1 - ops.abs(source_x - left)) + far * ops.relu(
        1 - ops.abs(source_x - left - 1)
    )


@keras.saving.register_keras_serializable("mnist_classifier")
class RotationTTA(keras.layers.Layer):
    """Test-time augmentation: passes on each image as it is, turned one way, turned the other.

    In training, images pass unchanged. `MeanOverTTA` averages the three predictions (Krizhevsky
    and others, ImageNet classification with deep convolutional neural networks, 2012).

    Takes float32, shape ``(n, side²)``, 0 background to 1 ink; gives the same in training, else
    ``(3n, side²)``: all images as they are, then all turned one way, then all turned the other.

    Args:
        degrees: The angle, around the middle of the image.
    """

    views = 3

    def __init__(self, degrees: float, **named: Any) -> None:
        super().__init__(**named)
        self.degrees = degrees

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrices that turn an image."""
        side = math.isqrt(input_shape[-1] or 0)
        if side > _LARGEST_SIDE:
            raise ValueError(f"images of side {side}; expected at most {_LARGEST_SIDE}")
        self._turns = [_turning(side, degrees) for degrees in (self.degrees, -self.degrees)]

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Turn all images."""
        return x if training else ops.concatenate([x, *(ops.matmul(x, m) for m in self._turns)])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images; their number differs in training."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the settings from which Keras makes the layer again."""
        return {**super().get_config(), "degrees": self.degrees}


@keras.saving.register_keras_serializable("mnist_classifier")
class MeanOverTTA(keras.layers.Layer):
    """Test-time augmentation: averages the predictions for the views of `RotationTTA`.

    Takes float32, shape ``(n, classes)`` in training, else ``(3n, classes)``; gives
    ``(n, classes)``. Before a softmax, this is the geometric mean of probabilities.
    """

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Average the views of each image."""
        if training:
            return x
        return ops.mean(ops.reshape(x, (RotationTTA.views, -1, x.shape[-1])), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the predictions."""
        return (None, *input_shape[1:])


def without_tta(model: keras.Model) -> keras.Sequential:
    """Return a network with the same weights, without test-time augmentation."""
    views = (RotationTTA, MeanOverTTA)
    once = [layer for layer in model.layers if not isinstance(layer, views)]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *once])


def _turning(side: int, degrees: float) -> Floats:
    """Return the matrix that turns flat images, with linear interpolation."""
    middle = (side - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), degrees, 1)
    pixels = np.eye(side * side, dtype=np.float32).reshape(-1, side, side)
    turned = [cv2.warpAffine(pixel, turn, (side, side)).ravel() for pixel in pixels]
    return np.asarray(turned, np.float32)


@keras.saving.register_keras_serializable("mnist_classifier")
def softmax_with_reject(logits: Any) -> Any:
    """Turn ten logits into ten probabilities whose sum is the probability of being a digit.

    It is the softmax over eleven classes of which the last, "no digit", has logit 0.

    Args:
        logits: Shape ``(n, 10)``.

    Returns:
        Shape ``(n, 10)``, in [0, 1], rows sum to at most 1.
    """
    nothing = keras.ops.zeros_like(logits[:, :1])
    return keras.ops.softmax(keras.ops.concatenate([logits, nothing], axis=1))[:, :10]
