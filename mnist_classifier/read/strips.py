"""Strips: where in a picture lines of numbers may run, cut out as the network of lines reads them.

A strip is a guess. Windows of several heights slide over a small picture; in any picture, strips
lie about the lines of marks that `segmentation` finds, level with them. What is read in strips that
overlap decides between them; where it is unsure, further strips lie about what was read, and where
there are several lines, above and below them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.normalisation import LINE_HEIGHT, grey_quantiles
from mnist_classifier.read.picture import BgrImage

Grey = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]

_LEAST_HEIGHT = 12  # of a window: smaller digits are not legible
_WHOLE = (1.25, 1.1, 1.0)  # heights of strips, as shares of the picture's
_VARIED = (1.5, 0.9)
_VARIED_SHAPE = (1.25, 1.0)
_UPRIGHTER = (0.15, 0.3)  # shears of strips that hold slanted writing, pixels for each pixel up
_SQUEEZED = (0.8, 1.25)  # widths, times the usual
_WINDOWS = (0.75, 0.5, 0.33, 0.22, 0.15, 0.1)
_STRIDE = 0.25  # of a window's height
_MOST_WINDOWS_WIDTH = 9000  # pixels of strips for one picture's windows, at 32 pixels high
_LONGEST_STRIP = 2048
_SMOOTH = 1.5  # pixels to one of the strip: more are averaged first
_ABOUT = (1.25, 1.6)  # heights of strips about a line of marks, as shares of the marks'
# Heights of strips about a line that was read, as shares of its characters': plain, and varied.
_CLOSER, _CLOSER_VARIED = (1.2, 1.5), 1.35
# Heights of strips above and below a line that was read, as shares of its digits' boxes: those that
# touch a rule include it, so lower strips are tried too. How far apart they lie, and how much
# longer than the line they are, both ends together, in heights.
_NEIGHBOUR, _NEIGHBOUR_STRIDE, _NEIGHBOUR_BEYOND = (0.7, 0.9, 1.2), 1 / 3, 2.0
_MOST_NEIGHBOURS_WIDTH = 12_000  # pixels of such strips


@dataclass(frozen=True)
class Strip:
    """A strip of a picture.

    Attributes:
        image: Greys, shape ``(32, width)``; the width a multiple of 4.
        matrix: Maps the strip's pixels to the picture's: shape ``(2, 3)``.
        scale: Pixels of the picture to one of the strip, from above to below.
        plain: Whether it is neither sheared nor squeezed.
    """

    image: Grey
    matrix: npt.NDArray[np.float64]
    scale: float
    plain: bool = True

    def in_picture(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the strip lies in the picture."""
        there = self.matrix @ [x, y, 1.0]
        return float(there[0]), float(there[1])


class Pyramid:
    """A grey picture and its halves, quarters …, each made when a strip first needs it.

    Attributes:
        shape: Of the picture, ``(height, width)``.
    """

    def __init__(self, grey: Grey) -> None:
        """Begin with the picture itself."""
        self._levels = [grey]
        self.shape = grey.shape

    def level(self, scale: float) -> Grey:
        """Return the smallest level that still has all pixels which so much shrinking leaves.

        Args:
            scale: Pixels of the picture to one of the strip.
        """
        wanted = int(np.log2(max(1.0, scale)))
        while len(self._levels) <= wanted and min(self._levels[-1].shape) > 1:
            height, width = self._levels[-1].shape
            half = cv2.resize(
                self._levels[-1],
                ((width + 1) // 2, (height + 1) // 2),
                interpolation=cv2.INTER_AREA,
            )
            self._levels.append(np.asarray(half, np.uint8))
        return self._levels[min(wanted, len(self._levels) - 1)]

    def turned(self, turns: int) -> Pyramid:
        """Return the picture after quarter turns against the clock."""
        return Pyramid(np.ascontiguousarray(np.rot90(self._levels[0], turns)))


def to_grey(picture: BgrImage) -> Pyramid:
    """Return the channel with the most contrast.

    A pen's colour differs from paper in one channel more than in their mean.

    Args:
        picture: Shape ``(height, width, 3)``, uint8, BGR.
    """
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    best, contrast = grey, 1.2 * _contrast(grey)
    for channel in cv2.split(picture):
        if (own := _contrast(channel)) > contrast:
            best, contrast = np.asarray(channel, np.uint8), own
    return Pyramid(best)


def _contrast(grey: npt.NDArray[Any]) -> float:
    sample = grey[::2, ::2] if grey.size > 10_000 else grey
    low, high = grey_quantiles(sample[None], [0.02, 0.98])
    return float(high[0] - low[0])


def whole(grey: Pyramid) -> Iterator[Strip]:
    """Yield strips that hold the whole picture: a crop of one line."""
    height, width = grey.shape
    for share in _WHOLE:
        if width * LINE_HEIGHT / (share * height) <= _LONGEST_STRIP:
            yield cut(grey, (width / 2, height / 2), width, share * height, 0.0)


def varied(grey: Pyramid) -> Iterator[Strip]:
    """Yield strips that hold the whole picture as if it were written otherwise.

    Larger and smaller, with less slant, narrower and wider: test-time augmentation.
    """
    height, width = grey.shape
    for share in _VARIED:
        if width * LINE_HEIGHT / (share * height) <= _LONGEST_STRIP:
            yield cut(grey, (width / 2, height / 2), width, share * height, 0.0)
    for share in _VARIED_SHAPE:
        if width * LINE_HEIGHT / (share * height) > _LONGEST_STRIP:
            continue
        for shear in _UPRIGHTER:
            yield cut(grey, (width / 2, height / 2), width, share * height, 0.0, shear=shear)
        for wide in _SQUEEZED:
            yield cut(grey, (width / 2, height / 2), width, share * height, 0.0, wide=wide)


def windows(grey: Pyramid) -> Iterator[Strip]:
    """Yield lower strips over the whole width of a picture, as far as few suffice."""
    height, width = grey.shape
    spent = 0.0
    for share in _WINDOWS:
        tall = share * height
        if tall < _LEAST_HEIGHT:
            return
        count = 1 + int(np.ceil((height - tall) / (_STRIDE * tall)))
        spent += count * width * LINE_HEIGHT / tall
        if spent > _MOST_WINDOWS_WIDTH or width * LINE_HEIGHT / tall > _LONGEST_STRIP:
            return
        for top in np.linspace(0, height - tall, count):
            yield cut(grey, (width / 2, top + tall / 2), width, tall, 0.0)


def about(grey: Pyramid, boxes: Boxes) -> Iterator[Strip]:
    """Yield strips about a line of marks, level with it.

    Args:
        grey: The picture.
        boxes: Of the marks, shape ``(n, 4)``: x, y, width, height.
    """
    band = _Band.about(boxes)
    for share in _ABOUT:
        yield band.cut(grey, share)


def closer(grey: Pyramid, boxes: Boxes) -> Iterator[Strip]:
    """Yield further strips about a line that was read, varied as `varied` does.

    Args:
        grey: The picture.
        boxes: Of the line's characters, shape ``(n, 4)``: x, y, width, height.
    """
    band = _Band.about(boxes)
    for share in _CLOSER:
        yield band.cut(grey, share)
    yield band.cut(grey, _CLOSER_VARIED, shear=max(_UPRIGHTER))
    for wide in _SQUEEZED:
        yield band.cut(grey, _CLOSER_VARIED, wide=wide)


def neighbours(grey: Pyramid, boxes: Boxes) -> Iterator[Strip]:
    """Return strips on a line that was read, above and below it: as high as it, nearest first.

    Numbers in a column are of one height and stand so close that higher strips hold two.

    Args:
        grey: The picture.
        boxes: Of the line's digits, shape ``(n, 4)``: x, y, width, height.
    """
    band = _Band.about(boxes)
    places: list[tuple[float, float]] = []  # below the line, in pixels; and a strip's share
    for share in _NEIGHBOUR:
        height = band.strip_height(share)
        step = _NEIGHBOUR_STRIDE * height
        above = int((band.centre[1] - height / 2) // step)
        below = int((grey.shape[0] - band.centre[1] - height / 2) // step)
        places += [(k * step, share) for k in range(-max(0, above), max(0, below) + 1)]
    places.sort(key=lambda place: abs(place[0]))
    strips = (band.moved(down).cut(grey, share, beyond=_NEIGHBOUR_BEYOND) for down, share in places)
    return bounded(strips, _MOST_NEIGHBOURS_WIDTH)


def bounded(strips: Iterable[Strip], most: int) -> Iterator[Strip]:
    """Yield strips, until they are more pixels wide together than that."""
    spent = 0
    for strip in strips:
        yield strip
        spent += strip.image.shape[1]
        if spent > most:
            return


@dataclass(frozen=True)
class _Band:
    """Where a line runs in a picture.

    Attributes:
        centre: Of it, in the picture.
        length: Along it, in pixels.
        height: Across it, in pixels.
        angle: Of its direction below the horizontal, in radians.
    """

    centre: tuple[float, float]
    length: float
    height: float
    angle: float

    @classmethod
    def about(cls, boxes: Boxes) -> _Band:
        """Return the band that holds boxes, shape ``(n, 4)``: x, y, width, height."""
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        slope = 0.0
        if len(boxes) > 2 and np.ptp(centres[:, 0]) > 2 * float(np.max(boxes[:, 3])):
            slope = float(np.polyfit(centres[:, 0], centres[:, 1], 1)[0])
        angle = float(np.arctan(slope))
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        corners = np.concatenate(
            [boxes[:, :2] + boxes[:, 2:] * [x, y] for x in (0, 1) for y in (0, 1)]
        )
        placed = np.stack([corners @ along, corners @ across])
        low, high = placed.min(axis=1), placed.max(axis=1)
        middle, (length, height) = (low + high) / 2, high - low
        x, y = middle[0] * along + middle[1] * across
        return cls((float(x), float(y)), float(length), float(height), angle)

    def strip_height(self, share: float) -> float:
        """Return the height of a strip that is so many times as high, in pixels."""
        return max(_LEAST_HEIGHT, share * self.height)

    def moved(self, down: float) -> _Band:
        """Return the band that runs beside it, so many pixels below."""
        x, y = self.centre
        there = x - down * math.sin(self.angle), y + down * math.cos(self.angle)
        return replace(self, centre=there)

    def cut(
        self,
        grey: Pyramid,
        share: float,
        shear: float = 0.0,
        wide: float = 1.0,
        beyond: float = 0.5,
    ) -> Strip:
        """Cut a strip out.

        Args:
            grey: The picture.
            share: So many times as high as the band.
            shear: As of `cut`.
            wide: As of `cut`.
            beyond: How much longer than the band, both ends together, in heights.
        """
        height = self.strip_height(share)
        length = self.length + beyond * height
        return cut(grey, self.centre, length, height, self.angle, shear, wide)


def cut(
    grey: Pyramid,
    centre: tuple[float, float],
    width: float,
    height: float,
    angle: float,
    shear: float = 0.0,
    wide: float = 1.0,
) -> Strip:
    """Cut a strip out; beyond the picture's edges, what is at the edge goes on.

    A rule that ends with the picture would else look like a 1.

    Args:
        grey: The picture.
        centre: Of the strip, in the picture.
        width: In the picture's pixels.
        height: In the picture's pixels.
        angle: Of the strip's direction below the horizontal, in radians.
        shear: How far writing that leans to the right is set upright: pixels for each pixel up.
        wide: So many times as wide as high, against the picture.
    """
    scale = height / LINE_HEIGHT
    columns = int(np.clip(np.ceil(wide * width / scale / 4), 4, _LONGEST_STRIP // 4)) * 4
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1 / wide, -shear], [0, 1]])
    middle = np.array([(columns - 1) / 2, (LINE_HEIGHT - 1) / 2])
    matrix = np.column_stack([turn, np.array(centre) - 0.5 - turn @ middle])
    source, there = _shrunk(grey, matrix, columns, scale)
    image = cv2.warpAffine(
        source,
        there,
        (columns, LINE_HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    plain = shear == 0 and wide == 1
    return Strip(np.asarray(image, np.uint8), matrix, scale, plain)


def _shrunk(
    grey: Pyramid, matrix: npt.NDArray[np.float64], columns: int, scale: float
) -> tuple[Grey, npt.NDArray[np.float64]]:
    """Return a part of a picture, averaged to a strip's pixels, and the strip's matrix for it."""
    source = grey.level(scale)
    there = _scaled(matrix, source.shape[1] / grey.shape[1], source.shape[0] / grey.shape[0])
    if scale <= _SMOOTH:
        return source, there
    left = scale * source.shape[0] / grey.shape[0]
    x0, y0, x1, y1 = _bounds(there, columns, source.shape)
    part = source[y0:y1, x0:x1]
    if part.size == 0:
        return source, there
    size = max(1, round((x1 - x0) / left)), max(1, round((y1 - y0) / left))
    there = there - [[0, 0, x0], [0, 0, y0]]
    there = _scaled(there, size[0] / (x1 - x0), size[1] / (y1 - y0))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8), there


def _scaled(matrix: npt.NDArray[np.float64], x: float, y: float) -> npt.NDArray[np.float64]:
    """Return a matrix for a picture of other size; a pixel's middle lies at half a pixel."""
    half = [[0, 0, 0.5], [0, 0, 0.5]]
    return np.asarray((matrix + half) * [[x], [y]] - half)


def _bounds(
    matrix: npt.NDArray[np.float64], columns: int, shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Return the part of a picture that a strip covers: left, top, right, bottom."""
    corners = np.array([[x, y, 1] for x in (0, columns - 1) for y in (0, LINE_HEIGHT - 1)], float)
    there = corners @ matrix.T
    margin = 2 + float(np.abs(matrix[:, :2]).max())
    low, high = there.min(axis=0) - margin, there.max(axis=0) + margin
    left, top = (int(max(0, v)) for v in low)
    right, bottom = (int(min(side, v + 1)) for v, side in zip(high, shape[::-1], strict=True))
    return left, top, max(left, right), max(top, bottom)
