"""Answer for an image as it is and as it looks when turned: two layers without weights."""

from __future__ import annotations

import math
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
from keras import ops


@keras.saving.register_keras_serializable("mnist_classifier")
class TurnedViews(keras.layers.Layer):  # type: ignore[misc]
    """Once trained, sees each image three times: as it is, turned one way, turned the other.

    Training sees images as they come; `MeanOfViews` makes one answer of three (Krizhevsky and
    others, ImageNet classification with deep convolutional neural networks, 2012).

    Takes float32, shape ``(n, side²)``, 0 background to 1 ink; gives the same in training, else
    ``(3n, side²)``: all images as they are, then all turned one way, then all the other.

    Args:
        degrees: How far, around the middle.
    """

    views = 3

    def __init__(self, degrees: float, **named: Any) -> None:
        super().__init__(**named)
        self.degrees = degrees

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrices that turn all pixels of an image."""
        side = math.isqrt(input_shape[-1] or 0)
        self._turns = [_turning(side, degrees) for degrees in (self.degrees, -self.degrees)]

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Turn all images."""
        return x if training else ops.concatenate([x, *(ops.matmul(x, m) for m in self._turns)])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images; how many there are depends on whether it trains."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer anew."""
        return {**super().get_config(), "degrees": self.degrees}


@keras.saving.register_keras_serializable("mnist_classifier")
class MeanOfViews(keras.layers.Layer):  # type: ignore[misc]
    """Once trained, gives the mean of what was answered for the views of `TurnedViews`.

    Takes float32, shape ``(n, classes)`` in training, else ``(3n, classes)``; gives
    ``(n, classes)``. Before a softmax, it is the geometric mean of probabilities.
    """

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Average the views of each image."""
        if training:
            return x
        return ops.mean(ops.reshape(x, (TurnedViews.views, -1, x.shape[-1])), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the answers."""
        return (None, *input_shape[1:])


def seen_once(model: keras.Model) -> keras.Sequential:
    """Return a network with the same weights that sees each image once, as it is."""
    views = (TurnedViews, MeanOfViews)
    once = [layer for layer in model.layers if not isinstance(layer, views)]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *once])


def _turning(side: int, degrees: float) -> npt.NDArray[np.float32]:
    """Return what images, flat, are multiplied by to be turned; between pixels linearly."""
    middle = (side - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), degrees, 1)
    pixels = np.eye(side * side, dtype=np.float32).reshape(-1, side, side)
    turned = [cv2.warpAffine(pixel, turn, (side, side)).ravel() for pixel in pixels]
    return np.asarray(turned, np.float32)
