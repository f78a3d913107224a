"""Normalise pictures as networks learn them: one digit as MNIST's makers did, lines by their greys.

This is the only place where either is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]

SIDE = 28
"""Height and width of a MNIST image in pixels."""

BOX = 20
"""Height and width, in pixels, of the box in which MNIST's digits lie."""

STROKE_WIDTHS = (1.8, 5.0)
"""The pens of most of MNIST's writers, in pixels of the 28×28 image; see `stroke_width`."""

LINE_HEIGHT = 32
"""Height, in pixels, of the lines that a network reads."""

_WORKING_SIDE = 4 * BOX
_LEAST_CONTRAST = 20  # of 255 greys: less is grain
_INK = 0.5


def normalise_lines(greys: npt.NDArray[np.uint8]) -> FloatImage:
    """Stretch the contrast of lines: their 98th percentile becomes 0, their 2nd becomes 1.

    Args:
        greys: Shape ``(n, 32, width)``, in [0, 255].

    Returns:
        Shape ``(n, 32, width)``, in [-0.2, 1.2]: dark is 1.
    """
    low, high = grey_quantiles(greys, [0.02, 0.98]).astype(np.float32)[:, :, None, None]
    span = np.maximum(high - low, np.float32(_LEAST_CONTRAST))
    stretched: FloatImage = np.clip((high - greys.astype(np.float32)) / span, -0.2, 1.2)
    return stretched


def grey_quantiles(
    greys: npt.NDArray[np.uint8], shares: Sequence[float]
) -> npt.NDArray[np.float64]:
    """Return what `np.quantile` does for each picture, from its histogram: many times as fast.

    Args:
        greys: Shape ``(n, height, width)``.
        shares: In [0, 1].

    Returns:
        Shape ``(len(shares), n)``.
    """
    flat = greys.reshape(len(greys), -1)
    return histogram_quantiles(np.stack([np.bincount(one, minlength=256) for one in flat]), shares)


def histogram_quantiles(
    counts: npt.NDArray[np.integer | np.floating], shares: Sequence[float]
) -> npt.NDArray[np.float64]:
    """Return what `np.quantile` does for values of which it is known how often each comes.

    Args:
        counts: How often 0, 1, 2 … come: shape ``(n, values)``.
        shares: In [0, 1].

    Returns:
        Shape ``(len(shares), n)``.
    """
    until = counts.cumsum(axis=1, dtype=np.float64)
    places = np.array(shares)[:, None] * (until[:, -1] - 1)
    low, high = (
        (until <= place[..., None]).sum(axis=-1) for place in (places // 1, -(-places // 1))
    )
    return np.asarray(low + (places % 1) * (high - low))


def quantile(values: npt.NDArray[np.number], share: float) -> float:
    """Return what `np.quantile` does, which takes long to start.

    Args:
        values: Any shape, not empty.
        share: In [0, 1].
    """
    ordered = np.sort(values, axis=None)
    low, part = divmod(share * (len(ordered) - 1), 1)
    first, second = ordered[int(low)], ordered[min(int(low) + 1, len(ordered) - 1)]
    return float(first + part * (second - first))


def ink_box(ink: npt.NDArray[Any], threshold: float = 0.2) -> tuple[int, int, int, int] | None:
    """Return the box ``(x, y, width, height)`` of all ink above a threshold, None without ink."""
    rows = (cv2.reduce(ink, 1, cv2.REDUCE_MAX).ravel() > threshold).nonzero()[0]
    columns = (cv2.reduce(ink, 0, cv2.REDUCE_MAX).ravel() > threshold).nonzero()[0]
    if rows.size == 0 or columns.size == 0:
        return None
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def is_light_paper(light: npt.NDArray[np.bool_]) -> bool:
    """Tell whether the lighter of a picture's two tones is its paper.

    That is the tone with more of the picture and of its border.

    Args:
        light: Where the picture has the lighter tone, shape ``(height, width)``.
    """
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    # Counting is many times as fast as a mean of truths.
    return bool(sum(np.count_nonzero(part) / part.size for part in (light, border)) >= 1)


def stroke_width(ink: FloatImage) -> float:
    """Estimate the width of a pen's stroke in pixels.

    Across a straight stroke of width w, the distance to the stroke's edge averages w / 4.

    Args:
        ink: Shape ``(height, width)``, values in [0, 1], 1 where the pen was.

    Returns:
        The width in pixels of this picture; 0.0 without ink.
    """
    mask = (ink > _INK).astype(np.uint8)
    padded = _pad(mask, 1)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[padded > 0]
    # A pixel's centre lies half a pixel nearer to the edge than the distance to its neighbour.
    return float(4 * (inside.mean() - 0.5)) if inside.size else 0.0


def _pad(image: npt.NDArray[Any], margin: int) -> npt.NDArray[Any]:
    """Surround an image with zeros; faster than NumPy's own."""
    return np.asarray(
        cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    )


def _resize(ink: FloatImage, width: int, height: int) -> FloatImage:
    """Resize with anti-aliasing, within [0, 1]."""
    shrinks = width * height < ink.shape[0] * ink.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized = cv2.resize(ink, (width, height), interpolation=method)
    return np.asarray(np.clip(resized, 0, 1), np.float32)


def _change_stroke(ink: FloatImage, change: float) -> FloatImage:
    """Make strokes wider (narrower below 0) by so many pixels, with soft edges."""
    mask = (ink > _INK).astype(np.uint8)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return np.asarray(np.clip(0.5 + change / 2 - (outside - inside), 0, 1), np.float32)


def _bring_stroke_to_mnist(ink: FloatImage) -> FloatImage:
    """Return the same digit as if written with one of MNIST's pens."""
    height, width = ink.shape
    longest = max(height, width)
    if longest < _WORKING_SIDE:  # too coarse to measure a stroke: look closer
        scale = _WORKING_SIDE / longest
        ink = _resize(ink, max(1, round(width * scale)), max(1, round(height * scale)))
        longest = max(ink.shape)
    unit = longest / BOX  # pixels here for each pixel of the 28×28 image
    stroke = stroke_width(ink) / unit
    target = float(np.clip(stroke, *STROKE_WIDTHS))
    if stroke == 0 or abs(target - stroke) < 0.1:
        return ink
    margin = max(0, round((target - stroke) * unit))
    changed = _change_stroke(_pad(ink, margin), (target - stroke) * unit)
    box = ink_box(changed)
    if box is None:
        return ink
    x, y, width, height = box
    return changed[y : y + height, x : x + width]


def is_normalised(ink: FloatImage) -> bool:
    """Tell whether an image has MNIST's form already: 28×28, a box of 20, its mass in the centre.

    Args:
        ink: Shape ``(height, width)``, values in [0, 1], 1 where the pen was.
    """
    box = ink_box(ink, threshold=0.02) if ink.shape == (SIDE, SIDE) else None
    if box is None or max(box[2:]) != BOX:
        return False
    pixels, mass = np.arange(SIDE), ink.sum()
    centre = np.array([ink.sum(axis=0) @ pixels, ink.sum(axis=1) @ pixels]) / mass
    return bool((np.abs(centre - SIDE / 2) <= 0.51).all())


def normalise(ink: FloatImage) -> FloatImage:
    """Fit one digit's ink into 20×20 and centre its mass in 28×28, as MNIST was made.

    The method is that of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
    document recognition" (1998), section III-A; before it, a stroke thinner or thicker than
    MNIST's pens is brought to their widths (`STROKE_WIDTHS`). What has MNIST's form already stays
    as it is.

    Args:
        ink: Shape ``(height, width)``, values in [0, 1], 1 where the pen was.

    Returns:
        Shape ``(28, 28)``, float32 in [0, 1]; all zero without ink.
    """
    if is_normalised(ink):
        return np.asarray(ink, np.float32)
    image = np.zeros((SIDE, SIDE), np.float32)
    box = ink_box(ink)
    if box is None:
        return image
    x, y, width, height = box
    cropped = np.ascontiguousarray(ink[y : y + height, x : x + width], np.float32)
    digit = _bring_stroke_to_mnist(cropped)
    height, width = digit.shape
    scale = BOX / max(height, width)
    digit = _resize(digit, max(1, round(width * scale)), max(1, round(height * scale)))
    height, width = digit.shape
    mass = digit.sum()
    if mass == 0:
        return image
    # MNIST's centre of mass lies at pixel (14, 14), counted from 0.
    left = round(SIDE / 2 - float((digit.sum(axis=0) @ np.arange(width)) / mass))
    top = round(SIDE / 2 - float((digit.sum(axis=1) @ np.arange(height)) / mass))
    left = min(max(left, 0), SIDE - width)
    top = min(max(top, 0), SIDE - height)
    image[top : top + height, left : left + width] = digit
    return image
