"""A picture → its ink: how far each pixel differs from the paper about it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.normalisation import (
    FloatImage,
    histogram_quantiles,
    is_light_paper,
    stroke_width,
)
from mnist_classifier.read.picture import BgrImage

SMALL_SIDE = 48
"""Pixels: up to this longest side, most of a picture may be ink."""
FAINTEST_INK = 14.0
"""Of the 255 levels between black and white."""


def find_ink(picture: BgrImage) -> FloatImage:
    """Separate ink from paper: of either polarity, of any colour, in uneven light.

    The background at each pixel is the median of a wide window, which keeps the edges of shadows.
    Ink is the difference from the background, darker or lighter, whichever of the two is more.

    Args:
        picture: Shape ``(height, width, 3)``, uint8, BGR.

    Returns:
        The strength of ink, shape ``(height, width)``, float32 in [-255, 255], about 0 on paper
        and positive on ink.
    """
    paper = _uniform_background(picture)
    if paper is None:
        paper = _median_background(picture)
    darker = _strongest_channel(cv2.subtract(paper, picture))
    lighter = _strongest_channel(cv2.subtract(picture, paper))
    if _weight(lighter) > _weight(darker):
        darker, lighter = lighter, darker
    return darker.astype(np.float32) - lighter


def _strongest_channel(
    difference: npt.NDArray[np.integer[Any] | np.floating[Any]],
) -> npt.NDArray[np.uint8]:
    blue, green, red = cv2.split(difference)
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.uint8)


def _weight(difference: npt.NDArray[np.uint8]) -> float:
    """Return the sum of the squared differences from paper that are large enough for ink."""
    counts = _histogram(difference)
    levels = np.arange(256.0)
    return float((counts * levels**2)[int(FAINTEST_INK) :].sum())


def _uniform_background(picture: BgrImage) -> BgrImage | None:
    """Return paper of one colour, or None unless the picture has two clear tones or is small."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    light = grey > threshold
    if not light.any() or light.all():
        return None
    paper = light if is_light_paper(light) else ~light
    small = max(grey.shape) <= SMALL_SIDE
    if not small:
        thin = stroke_width((~paper).astype(np.float32)) < 0.35 * min(grey.shape)
        is_most = np.count_nonzero(paper) >= 0.5 * paper.size
        if _between_classes(grey, threshold) < 0.9 or not is_most or not thin:
            return None
    mask = paper.astype(np.uint8)
    counts = np.array([_histogram(picture, mask, channel) for channel in range(3)])
    colour = histogram_quantiles(counts, [0.5])[0].astype(np.uint8)
    return np.asarray(np.broadcast_to(colour, picture.shape).copy(), np.uint8)


def _between_classes(grey: npt.NDArray[np.uint8], threshold: float) -> float:
    """Return the share of greys' variance that lies between those above a threshold and others."""
    counts = _histogram(grey)
    levels = np.arange(256.0)
    mean = float(counts @ levels) / grey.size
    variance = float(counts @ (levels - mean) ** 2) / grey.size
    above = levels > threshold
    share = float(counts[above].sum()) / grey.size
    light = float(counts[above] @ levels[above]) / grey.size / share
    # Both means lie about the whole's: share * (light - mean) = (1 - share) * (mean - dark).
    return share / (1 - share) * (light - mean) ** 2 / variance


def _median_background(picture: BgrImage) -> BgrImage:
    """Estimate the paper's colour at each pixel: a wide median filter at a coarse scale."""
    height, width = picture.shape[:2]
    scale = min(1.0, 240 / min(height, width), 600 / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    side = min(255, max(3, int(0.6 * min(size)) | 1))
    median = cv2.medianBlur(coarse, side)
    return np.asarray(cv2.resize(median, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _histogram(
    picture: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None, channel: int = 0
) -> npt.NDArray[np.float64]:
    """Return how often each of a channel's 256 levels comes, where a mask is not 0."""
    counts = cv2.calcHist([picture], [channel], mask, [256], [0, 256])  # (256, 1) by OpenCV 4
    return counts.ravel().astype(np.float64)
