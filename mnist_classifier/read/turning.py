"""Pictures stored on their side or upside down: when to turn one, and where its digits lie then.

A number on its side is a column of marks. Read as it stands, it is unsure, refused, or few digits
are seen in it: one tall 1, most often. A column of upright digits is read as several.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_classifier.read.reading import Reading
from mnist_classifier.read.segmentation import Box, Mark

TURNS = (1, 3, 2)
"""Quarter turns against the clock that a picture may need, the likeliest first."""

MOST_MARKS = 60
"""A picture of more marks is not turned: each turn costs the reading of its lines again."""

_DIGITS = 3  # shorter numbers are not turned, as letters on their side look like two digits
# So sure must a number be in a turned picture. Upside down, 6 and 9, 1, 8 and 0 are digits too, and
# some words look like numbers.
_LEAST = {1: 0.9, 2: 0.997, 3: 0.9}
_UNSURE = 0.5  # less sure, the number as it stands may be one on its side
_TIMES = 2.0  # so many times as many sure digits stand in the picture, turned

_MAIN = 0.4  # of the largest mark: smaller ones are dots and specks
_LONG = 2.0  # times as long as broad, and as its tallest mark


def is_misread_column(reading: Reading, marks: Sequence[Mark]) -> bool:
    """Return whether single digits were read where more marks stand one above the other."""
    digits = reading.number.split("\n")
    return max(map(len, digits)) == 1 and _are_few_in_column(len(digits), marks)


def _are_few_in_column(digits: int, marks: Sequence[Mark]) -> bool:
    """Return whether marks stand one above the other, more than two to a digit that was read."""
    if not digits or len(marks) < _DIGITS:
        return False
    boxes = np.array([mark.box for mark in marks], float)
    sizes = boxes[:, 2:].max(axis=1)
    boxes = boxes[sizes >= _MAIN * sizes.max()]
    width, height = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) - boxes[:, :2].min(axis=0)
    is_column = bool(height >= _LONG * max(width, boxes[:, 3].max()))
    return len(boxes) >= _DIGITS and 2 * digits < len(boxes) and is_column


def may_be_turned(reading: Reading, marks: Sequence[Mark]) -> bool:
    """Return whether a picture may hold a number that does not stand upright.

    Args:
        reading: Of the picture as it stands.
        marks: All that were found in it.
    """
    if not _DIGITS <= len(marks) <= MOST_MARKS:
        return False
    is_unsure = not reading.digits or reading.confidence < _UNSURE
    return is_unsure or _are_few_in_column(len(reading.digits), marks)


def is_possible(digits: int, marks: int) -> bool:
    """Return whether so many digits, read in a turned picture, may be a number of its marks."""
    return _DIGITS <= digits <= marks


def is_surer(turns: int, digits: int, confidence: float, before: float, marks: int) -> bool:
    """Return whether what a turned picture reads stands against what it read before.

    Args:
        turns: Quarter turns.
        digits: How many were read in the turned picture.
        confidence: That they are right, in [0, 1].
        before: Digits times confidence, of the picture as it stands.
        marks: How many were found in it.
    """
    return (
        is_possible(digits, marks)
        and confidence >= _LEAST[turns]
        and digits * confidence > _TIMES * before
    )


def turned_marks(marks: Sequence[Mark], turns: int, shape: tuple[int, ...]) -> list[Mark]:
    """Return marks as they lie in a picture, turned; its shape was ``(height, width)``."""
    return [
        Mark(_turned_box(mark.box, turns, shape), np.rot90(mark.ink, turns), mark.level)
        for mark in marks
    ]


def box_before(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """Return where a box of a turned picture lay before.

    Args:
        box: ``(x, y, width, height)`` in the turned picture.
        turns: Quarter turns against the clock.
        shape: ``(height, width)`` of the turned picture.
    """
    return _turned_box(box, -turns % 4, shape)


def _turned_box(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """Return a box after quarter turns against the clock of a picture of a shape."""
    x, y, width, height = box
    rows, columns = shape[:2]
    for _ in range(turns):
        x, y, width, height = y, columns - x - width, height, width
        rows, columns = columns, rows
    return x, y, width, height
