"""Draw a reading on a copy of its picture: boxes and digits, and below how sure each line is."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import OutputError
from mnist_classifier.outputs import check_ordinary
from mnist_classifier.read.certainty import percent
from mnist_classifier.read.picture import MAX_PIXELS, BgrImage, Picture, load_picture
from mnist_classifier.read.reading import Line, Reading

_Colour = tuple[int, int, int]

_WHITE: _Colour = (255, 255, 255)
_BLACK: _Colour = (0, 0, 0)
_GREEN: _Colour = (40, 130, 30)
_ORANGE: _Colour = (0, 100, 220)
_RED: _Colour = (40, 40, 220)
_SURE = 0.9  # below, digits and lines are orange
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL = 22  # pixels: the height of the font's digits at scale 1
_LEAST_SIDE = 480
_LEAST_DIGIT = 28  # pixels: narrower digits leave no room for what is written above them
_ROW = 60  # characters of a row of text
_MOST_SIDE = 3000  # a picture is not enlarged beyond


@dataclass(frozen=True)
class _Pen:
    """How text is written.

    Attributes:
        height: Of a digit, in pixels.
    """

    height: float

    @property
    def scale(self) -> float:
        return self.height / _CAPITAL

    @property
    def thick(self) -> int:
        return max(1, round(self.height / 12))

    def width(self, text: str) -> int:
        """Return how many pixels wide a text is."""
        return int(cv2.getTextSize(text, _FONT, self.scale, self.thick)[0][0])

    def write(self, image: BgrImage, text: str, x: float, base: float, colour: _Colour) -> None:
        """Write on white, whatever the picture is there."""
        left, right = round(x), round(x + self.width(text))
        top, bottom = round(base - 1.1 * self.height), round(base + 0.1 * self.height)
        cv2.rectangle(image, (left, top), (right, bottom), _WHITE, cv2.FILLED)
        place = left, round(base)
        cv2.putText(image, text, place, _FONT, self.scale, colour, self.thick, cv2.LINE_AA)


def annotate(picture: Picture, reading: Reading, max_pixels: int = MAX_PIXELS) -> BgrImage:
    """Draw a reading on a copy of its picture; small pictures and small digits are enlarged.

    Args:
        picture: As for `DigitReader.read`.
        reading: The result of `DigitReader.read`.
        max_pixels: As for `DigitReader`.

    Returns:
        Shape ``(height, width, 3)``, uint8, BGR: the picture in a white margin, each digit's label
        above its box, green or, below 0.9, orange; and below it each line's text, the probability
        that all of it is right, and the next likeliest text where that is not sure.
    """
    image, file_scale = load_picture(picture, max_pixels)
    boxes = np.array([digit.box for digit in reading.digits], float).reshape(-1, 4) / file_scale
    scale = _enlargement(image, boxes)
    boxes *= scale
    pen = _Pen(float(np.clip(0.28 * np.median(boxes[:, 3]), 11, 40)) if len(boxes) else 11.0)
    margin = round(2 * pen.height)
    drawn = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    drawn = _framed(np.asarray(drawn, np.uint8), (margin,) * 4)
    for digit, (x, y, width, height) in zip(
        reading.digits, boxes + [margin, margin, 0, 0], strict=True
    ):
        colour = _GREEN if digit.confidence >= _SURE else _ORANGE
        corners = (round(x), round(y)), (round(x + width), round(y + height))
        cv2.rectangle(drawn, *corners, colour, pen.thick)
        label = str(digit.label)
        pen.write(drawn, label, x + (width - pen.width(label)) / 2, y - pen.height / 3, colour)
    return _with_rows(drawn, _rows(reading), margin)


def _enlargement(image: BgrImage, boxes: npt.NDArray[np.float64]) -> int:
    """Return how many times a picture is enlarged: so that labels have room, within bounds."""
    longest = max(image.shape[:2])
    narrow = float(np.median(boxes[:, 2])) if len(boxes) else _LEAST_DIGIT
    wanted = max(_LEAST_SIDE / longest, _LEAST_DIGIT / max(1.0, narrow))
    return int(max(1, min(np.ceil(wanted), _MOST_SIDE // longest)))


def _rows(reading: Reading) -> list[tuple[str, _Colour]]:
    """Return what is written below a picture: a row a line of it, or why it is refused."""
    if reading.refused:
        return [(row, _RED) for row in textwrap.wrap(f"refused: {reading.refused}", _ROW)]
    return [
        (_row(line), _BLACK if line.probability >= _SURE else _ORANGE) for line in reading.lines
    ]


def _row(line: Line) -> str:
    row = f"{line.text}   {percent(line.probability)} sure"
    if line.probability >= _SURE or not line.alternatives:
        return row
    other = line.alternatives[0]
    return f"{row}, or {other.text} {percent(other.probability)}"


def _with_rows(drawn: BgrImage, rows: list[tuple[str, _Colour]], margin: int) -> BgrImage:
    """Write rows below a picture, which becomes as wide as they are."""
    height, width = drawn.shape[:2]
    pen = _Pen(float(np.clip(width / 32, 18, 60)))
    pitch = round(2 * pen.height)
    widest = max(pen.width(row) for row, _ in rows) + 2 * margin
    drawn = _framed(drawn, (0, pitch * len(rows), 0, max(0, widest - width)))
    for i, (row, colour) in enumerate(rows):
        pen.write(drawn, row, margin, height + pitch * i + pen.height, colour)
    return drawn


def _framed(image: BgrImage, widths: tuple[int, int, int, int]) -> BgrImage:
    """Add white at the top, the bottom, the left and the right."""
    return np.asarray(
        cv2.copyMakeBorder(image, *widths, cv2.BORDER_CONSTANT, value=_WHITE), np.uint8
    )


def save_annotated(
    path: str | Path, picture: Picture, reading: Reading, max_pixels: int = MAX_PIXELS
) -> None:
    """Write `annotate`'s picture as a PNG.

    Raises:
        OutputError: It cannot be written, or a pipe or a device is there.
    """
    check_ordinary(Path(path), "--annotate")
    _, encoded = cv2.imencode(".png", annotate(picture, reading, max_pixels))
    try:
        Path(path).write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; expected a writable place: "
            "name another with --annotate"
        ) from error
