"""Deform digits as other hands and other pens would: many images at once, the same for a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]

_MARGIN = 2
# OpenCV addresses at most 32,767 rows; images lie below one another with a margin between them.
_CHUNK = 1000


@dataclass(frozen=True)
class Deformation:
    """How far digits are deformed; each image draws its own amounts, 0 switches one off."""

    rotation: float = 12.0
    """Largest rotation either way, in degrees."""
    scale: float = 0.12
    """Largest change of size either way, as a share."""
    stretch: float = 0.18
    """Largest change of width against height either way, as a share."""
    shear: float = 0.25
    """Largest sideways slant either way, in pixels for each pixel of height."""
    shift: float = 1.5
    """Largest shift either way along both axes, in pixels."""
    elastic: float = 1.1
    """Largest standard deviation of the elastic displacement, in pixels."""
    elastic_smoothness: float = 4.0
    """Standard deviation of the Gaussian that smooths the displacement, in pixels."""
    stroke: float = 0.7
    """Largest share of a one-pixel erosion or dilation mixed into the strokes."""
    blur: float = 0.5
    """Largest share of a Gaussian blur (1 pixel) mixed in."""
    contrast: float = 1.5
    """Largest factor by which edges are made steeper."""
    noise: float = 0.03
    """Largest standard deviation of added noise, in [0, 1]."""


def deform(
    images: npt.NDArray[np.generic],
    generator: np.random.Generator,
    deformation: Deformation | None = None,
) -> Images:
    """Deform each image by its own random affine and elastic map, pen and light.

    Elastic deformation follows Simard, Steinkraus and Platt, "Best practices for convolutional
    neural networks applied to visual document analysis" (2003).

    Args:
        images: Shape ``(n, height, width)``, uint8 in [0, 255] or floats in [0, 1], light on dark.
        generator: Where chance comes from; the same state gives the same images.
        deformation: How far; the defaults when left out.

    Returns:
        Shape ``(n, height, width)``, float32 in [0, 1].
    """
    settings = deformation or Deformation()
    result = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        light = part.astype(np.float32)
        if part.dtype == np.uint8:
            light /= 255
        warped = _warp(light, generator, settings)
        result[start : start + _CHUNK] = _change_pen(warped, generator, settings)
    return result


def deformed_epochs(
    images: npt.NDArray[np.generic],
    seed: int,
    deformation: Deformation | None = None,
) -> Iterator[Images]:
    """Yield all images deformed anew, epoch after epoch; the same for the same seed.

    Args:
        images: As for `deform`.
        seed: Epoch e is drawn from ``(seed, e)``, so a resumed training can skip epochs cheaply.
        deformation: As for `deform`.

    Yields:
        Shape ``(n, height, width)``, float32 in [0, 1], in the order of ``images``.
    """
    epoch = 0
    while True:
        yield deform(images, np.random.default_rng((seed, epoch)), deformation)
        epoch += 1


def _uniform(generator: np.random.Generator, n: int, extent: float) -> Images:
    """Draw one number an image from [-extent, extent]; shape ``(n, 1, 1)``."""
    return generator.uniform(-extent, extent, (n, 1, 1)).astype(np.float32)


def _smoothing(side: int, sigma: float) -> Images:
    """Return the matrix that smooths a signal and keeps white noise at unit variance."""
    distance = np.subtract.outer(np.arange(side), np.arange(side))
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    normalised: Images = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype("f4")
    return normalised


def _displacement(
    shape: tuple[int, int, int], generator: np.random.Generator, settings: Deformation
) -> Images:
    """Draw a smooth random field for each image, in pixels; shape ``(n, height, width)``."""
    n, height, width = shape
    noise = generator.standard_normal(shape, np.float32)
    field: Images = (
        _smoothing(height, settings.elastic_smoothness)
        @ noise
        @ _smoothing(width, settings.elastic_smoothness).T
    )
    return field


def _warp(images: Images, generator: np.random.Generator, settings: Deformation) -> Images:
    """Look every pixel up where its image's affine and elastic map points; bilinear."""
    n, height, width = images.shape
    angle = np.deg2rad(_uniform(generator, n, settings.rotation))
    size = 1 + _uniform(generator, n, settings.scale)
    stretch = 1 + _uniform(generator, n, settings.stretch)
    shear = _uniform(generator, n, settings.shear)
    x = np.arange(width, dtype=np.float32)[None, None, :] - (width - 1) / 2
    y = np.arange(height, dtype=np.float32)[None, :, None] - (height - 1) / 2
    x_turned = (np.cos(angle) * x + np.sin(angle) * y) / size
    y_turned = (np.cos(angle) * y - np.sin(angle) * x) / size
    amount = np.abs(_uniform(generator, n, settings.elastic))
    source_x = (x_turned + shear * y_turned) / stretch
    source_x += amount * _displacement(images.shape, generator, settings)
    source_x += _uniform(generator, n, settings.shift) + (width - 1) / 2
    source_y = y_turned + amount * _displacement(images.shape, generator, settings)
    source_y += _uniform(generator, n, settings.shift) + (height - 1) / 2

    # One tall picture, so that OpenCV is called once; margins keep neighbours out of reach.
    tall = np.pad(images, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    pitch = height + 2 * _MARGIN
    offset = np.arange(n, dtype=np.float32)[:, None, None] * pitch + _MARGIN
    map_x = np.clip(source_x, -1, width) + _MARGIN
    map_y = np.clip(source_y, -1, height) + offset
    warped = cv2.remap(
        tall.reshape(n * pitch, -1),
        map_x.reshape(n * height, width).astype(np.float32),
        map_y.reshape(n * height, width).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    return np.asarray(warped, np.float32).reshape(n, height, width)


def _change_pen(images: Images, generator: np.random.Generator, settings: Deformation) -> Images:
    """Make strokes thicker or thinner, softer or crisper, and grainy."""
    n, height, width = images.shape
    tall = np.pad(images, ((0, 0), (1, 1), (0, 0))).reshape(n * (height + 2), width)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

    def per_image(changed: npt.NDArray[np.generic]) -> Images:
        return np.asarray(changed, np.float32).reshape(n, height + 2, width)[:, 1:-1]

    stroke = _uniform(generator, n, settings.stroke)
    thick, thin = np.maximum(stroke, 0), np.maximum(-stroke, 0)
    images = (
        (1 - thick - thin) * images
        + thick * per_image(cv2.dilate(tall, cross))
        + thin * per_image(cv2.erode(tall, cross))
    )
    tall = np.pad(images, ((0, 0), (1, 1), (0, 0))).reshape(n * (height + 2), width)
    blur = np.abs(_uniform(generator, n, settings.blur))
    images = (1 - blur) * images + blur * per_image(cv2.GaussianBlur(tall, (3, 3), 1.0))
    contrast = 1 + np.abs(_uniform(generator, n, settings.contrast))
    images = np.clip((images - 0.5) * contrast + 0.5, 0, 1)
    noise = np.abs(_uniform(generator, n, settings.noise))
    images = images + noise * generator.standard_normal(images.shape, np.float32)
    return np.clip(images, 0, 1, dtype=np.float32)
