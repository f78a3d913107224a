"""Draw a reading on a copy of its picture: boxes, digits, confidences."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mnist_classifier.errors import OutputError
from mnist_classifier.read.picture import MAX_PIXELS, BgrImage, Picture, load_picture
from mnist_classifier.read.reading import Digit, Reading

_SURE = (40, 140, 30)  # BGR: green
_UNSURE = (0, 110, 230)  # orange, below 0.9
_REFUSED = (40, 40, 220)  # red
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEAST_SIDE = 480


def annotate(picture: Picture, reading: Reading, max_pixels: int = MAX_PIXELS) -> BgrImage:
    """Draw a reading on a copy of its picture; small pictures are enlarged.

    Confidences are left out where there is no room for them between digits.

    Args:
        picture: As for `DigitReader.read`.
        reading: The result of `DigitReader.read`.
        max_pixels: As for `DigitReader`.

    Returns:
        Shape ``(height, width, 3)``, uint8, BGR, with a strip for text below the picture.
    """
    image, file_scale = load_picture(picture, max_pixels)
    scale = max(1, -(-_LEAST_SIDE // max(image.shape[:2])))
    drawn = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    scale = scale / file_scale
    thick = max(1, round(max(drawn.shape[:2]) / 500))
    size = max(0.45, max(drawn.shape[:2]) / 1400)
    for digit in reading.digits:
        x, y, width, height = (round(value * scale) for value in digit.box)
        colour = _SURE if digit.confidence >= 0.9 else _UNSURE
        cv2.rectangle(drawn, (x, y), (x + width, y + height), colour, thick)
        text = f"{digit.label} {digit.confidence:.0%}"
        (text_width, text_height), _ = cv2.getTextSize(text, _FONT, size, thick)
        if text_width > width and _has_neighbour(digit, reading, text_width / scale):
            text = str(digit.label)
        base = y - thick - 2 if y > text_height + thick + 2 else y + height + text_height + thick
        cv2.putText(drawn, text, (x, base), _FONT, size, colour, thick, cv2.LINE_AA)
    lines = [f"refused: {reading.refused}"] if reading.refused else reading.text.split("\n")
    pitch = round(40 * size)
    strip = cv2.copyMakeBorder(
        drawn, 0, pitch * len(lines) + pitch // 2, 0, 0, cv2.BORDER_CONSTANT, value=(255,) * 3
    )
    for i, line in enumerate(lines):
        baseline = drawn.shape[0] + pitch * (i + 1)
        colour = _REFUSED if reading.refused else (0, 0, 0)
        cv2.putText(strip, line, (8, baseline), _FONT, size, colour, thick, cv2.LINE_AA)
    return np.asarray(strip, np.uint8)


def _has_neighbour(digit: Digit, reading: Reading, width: float) -> bool:
    """Tell whether a text above a digit, of a width in pixels, would run into another digit."""
    x, y, _, height = digit.box
    return any(
        x < other.box[0] < x + 1.2 * width
        and other.box[1] < y + height
        and y < other.box[1] + other.box[3]
        for other in reading.digits
    )


def save_annotated(
    path: str | Path, picture: Picture, reading: Reading, max_pixels: int = MAX_PIXELS
) -> None:
    """Write `annotate`'s picture as a PNG.

    Raises:
        OutputError: It cannot be written.
    """
    _, encoded = cv2.imencode(".png", annotate(picture, reading, max_pixels))
    try:
        Path(path).write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; expected a writable place: "
            "name another with --annotate"
        ) from error
