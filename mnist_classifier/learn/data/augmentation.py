"""Data augmentation: deformed digits, as other hands and pens write; the same for a seed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.normalisation import ink_box, normalise

_MARGIN = 2
# OpenCV addresses at most 32,767 rows; images lie below one another with a margin between them.
_CHUNK = 1000


@dataclass(frozen=True)
class Deformation:
    """How far digits are deformed at most; each image has random amounts, 0 switches one off."""

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
) -> Floats:
    """Deform each image by its own random affine and elastic map, pen and light.

    Elastic deformation follows Simard, Steinkraus and Platt, "Best practices for convolutional
    neural networks applied to visual document analysis" (2003).

    Args:
        images: Shape ``(n, height, width)``, uint8 in [0, 255] or floats in [0, 1], light on dark.
        generator: Random numbers; the same state gives the same images.
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


def coarsen(images: Floats, generator: np.random.Generator, share: float) -> Floats:
    """Draw some images with few pixels, grey or black and white, and normalise them again.

    So does a small picture, a low resolution or a program for drawing without grey.

    Args:
        images: Shape ``(n, 28, 28)``, floats in [0, 1], light on dark.
        generator: Random numbers.
        share: The share of images that are changed, in [0, 1].

    Returns:
        A copy, shape ``(n, 28, 28)``, float32 in [0, 1].
    """
    coarse: Floats = np.asarray(images, np.float32).copy()
    for i in np.flatnonzero(generator.random(len(images)) < share):
        box = ink_box(coarse[i])
        side, level, grey = (
            generator.integers(11, 19),
            generator.uniform(0.15, 0.45),
            generator.random(),
        )
        if box is None:
            continue
        x, y, width, height = box
        scale = side / max(width, height)
        few = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(
            coarse[i, y : y + height, x : x + width], few, interpolation=cv2.INTER_AREA
        )
        crisp = small if grey < 0.4 else (small > level * small.max()).astype(np.float32)
        coarse[i] = normalise(np.pad(crisp, 1))
    return coarse


def _uniform(generator: np.random.Generator, n: int, extent: float) -> Floats:
    """Draw one number an image from [-extent, extent]; shape ``(n, 1, 1)``."""
    return generator.uniform(-extent, extent, (n, 1, 1)).astype(np.float32)


def smoothing(side: int, sigma: float) -> Floats:
    """Return the matrix that smooths white noise to a signal of unit variance.

    The noise lies half a ``sigma`` apart: closer, it would change nothing but cost more.

    Returns:
        Shape ``(side, knots)``.
    """
    knots = np.arange(-sigma, side + sigma, max(1.0, sigma / 2))
    distance = np.subtract.outer(np.arange(side), knots)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    normalised: Floats = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype("f4")
    return normalised


def _displacement(
    shape: tuple[int, int, int], generator: np.random.Generator, settings: Deformation
) -> Floats:
    """Draw a smooth random field for each image, in pixels; shape ``(n, height, width)``."""
    n, height, width = shape
    down = smoothing(height, settings.elastic_smoothness)
    across = smoothing(width, settings.elastic_smoothness)
    noise = generator.standard_normal((n, down.shape[1], across.shape[1]), np.float32)
    field: Floats = down @ noise @ across.T
    return field


def _warp(images: Floats, generator: np.random.Generator, settings: Deformation) -> Floats:
    """Apply to each image its affine and elastic map, with bilinear interpolation."""
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

    # One tall picture, so that OpenCV is called once; margins separate the images.
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


def _change_pen(images: Floats, generator: np.random.Generator, settings: Deformation) -> Floats:
    """Make strokes thicker or thinner, softer or crisper, and grainy."""
    n, height, width = images.shape
    tall = np.pad(images, ((0, 0), (1, 1), (0, 0))).reshape(n * (height + 2), width)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

    def per_image(changed: npt.NDArray[np.generic]) -> Floats:
        return np.asarray(changed, np.float32).reshape(n, height + 2, width)[:, 1:-1]

    stroke = _uniform(generator, n, settings.stroke)
    thick, thin = np.maximum(stroke, 0), np.maximum(-stroke, 0)
    pen = (
        (1 - thick - thin) * images
        + thick * per_image(cv2.dilate(tall, cross))
        + thin * per_image(cv2.erode(tall, cross))
    )
    if settings.blur:
        thickened = np.pad(pen, ((0, 0), (1, 1), (0, 0))).reshape(n * (height + 2), width)
        blur = np.abs(_uniform(generator, n, settings.blur))
        pen = (1 - blur) * pen + blur * per_image(cv2.GaussianBlur(thickened, (3, 3), 1.0))
    if settings.contrast:
        contrast = 1 + np.abs(_uniform(generator, n, settings.contrast))
        pen = np.clip((pen - 0.5) * contrast + 0.5, 0, 1)
    if settings.noise:
        noise = np.abs(_uniform(generator, n, settings.noise))
        pen = pen + noise * generator.standard_normal(pen.shape, np.float32)
    return np.asarray(np.clip(pen, 0, 1), np.float32)
