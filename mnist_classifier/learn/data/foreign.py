"""Ink that is no number: words by hand and in print, signs, closing strokes, scribbles.

All are drawn; nothing in them is handwriting.
"""

from __future__ import annotations

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Images
from mnist_classifier.learn.data.drawings import LETTERS, random_points
from mnist_classifier.learn.data.strokes import spline, write
from mnist_classifier.learn.data.writing import Style, ink_rows, lay, tight

_CLOSINGS = ("0444 0747", "0555 0858", "05f5", "06d4", "0363 0666")
_SIGNS = (
    "60200334563808 3009", "50301336080969 0555", "60502002072859 0454 0646",  # $, £, €
    "!052860", "!0060690900", "!0060690900 0069 6009", "0069 6009", "2029 4049 0363 0666",
)  # fmt: skip
_PRINTED = "ABCDEFGHJKLMNPRTUVWXYabcdefhkmnprtuvwxy€%&?"


def beside_number(style: Style, generator: np.random.Generator) -> tuple[Images, bool]:
    """Draw what may stand beside a number in its line.

    Returns:
        Ink that stands on the base line, and whether it may stand before the number.
    """
    kind = generator.random()
    if kind < 0.4:
        return word(style, generator), True
    if kind < 0.6:
        return printed(style, generator), True
    if kind < 0.7:
        return sign(style, generator), True
    shape = str(generator.choice(_CLOSINGS))
    ink = write(shape, style.hand, style.height * generator.uniform(0.5, 1), generator)
    middle = np.zeros((max(3, round(style.height)), ink.shape[1]), np.uint8)
    lay(middle, ink, 0, (middle.shape[0] - ink.shape[0]) // 2)
    return middle, False


def instead_of_number(style: Style, generator: np.random.Generator) -> Images:
    """Draw what stands where no number does; often nothing."""
    kind = generator.random()
    if kind < 0.25:
        return np.zeros((max(3, round(style.height)), 1), np.uint8)
    if kind < 0.50:
        draw = word
    elif kind < 0.70:
        draw = printed
    elif kind < 0.80:
        draw = sign
    else:
        draw = scribble
    ink = draw(style, generator)
    while generator.random() < 0.45:
        further = draw(style, generator)
        gap = round(style.height * generator.uniform(0.2, 1))
        tall = max(ink.shape[0], further.shape[0])
        both = np.zeros((tall, ink.shape[1] + gap + further.shape[1]), np.uint8)
        lay(both, ink, 0, tall - ink.shape[0])
        lay(both, further, ink.shape[1] + gap, tall - further.shape[0])
        ink = both
    return ink


def word(style: Style, generator: np.random.Generator) -> Images:
    """Write one to six letters by hand."""
    size = style.height * generator.uniform(0.5, 1.1)
    names = generator.choice(list(LETTERS), int(generator.integers(1, 7)))
    pieces = [tight(write(LETTERS[str(n)], style.hand, size, generator, grid=6)) for n in names]
    tall = max(piece.shape[0] for piece in pieces)
    gap = max(1, round(0.1 * size))
    ink = np.zeros((tall, sum(piece.shape[1] + gap for piece in pieces)), np.uint8)
    x = 0
    for piece in pieces:
        lay(ink, piece, x, tall - piece.shape[0])
        x += piece.shape[1] + gap
    return ink


def printed(style: Style, generator: np.random.Generator) -> Images:
    """Print one to eight letters in one of OpenCV's fonts."""
    text = "".join(generator.choice(list(_PRINTED), int(generator.integers(1, 9))))
    canvas = np.zeros((80, 40 * len(text) + 20), np.uint8)
    font, pen = int(generator.integers(0, 8)), int(generator.integers(1, 6))
    cv2.putText(canvas, text, (8, 56), font, 1.6, 255, pen, cv2.LINE_AA)
    canvas = tight(canvas)
    scale = style.height * generator.uniform(0.4, 0.9) / canvas.shape[0]
    size = (max(2, round(canvas.shape[1] * scale)), max(2, round(canvas.shape[0] * scale)))
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)


def sign(style: Style, generator: np.random.Generator) -> Images:
    """Write a currency's sign, a tick, a cross or an empty box."""
    return tight(write(str(generator.choice(_SIGNS)), style.hand, style.height, generator))


def scribble(style: Style, generator: np.random.Generator) -> Images:
    """Scribble: a line that turns many times, wide or narrow, round or angular."""
    tall = style.height * generator.uniform(0.6, 1.3)
    wide = tall * generator.uniform(0.5, 4)
    count = int(generator.integers(5, 25))
    points = random_points(count, generator.random() < 0.6, generator)
    if generator.random() < 0.6:  # along the line, as a signature
        points = points[np.argsort(points[:, 0] + generator.normal(0, 0.15, count))]
    pen = max(1, round(style.hand.pen * style.height))
    points = points * [wide, tall] + pen + 1
    line = spline(points) if generator.random() < 0.7 else points
    canvas = np.zeros((int(tall) + 2 * pen + 3, int(wide) + 2 * pen + 3), np.uint8)
    cv2.polylines(canvas, [np.round(line).astype(np.int32)], False, 255, pen, cv2.LINE_AA)
    return canvas


def strike_out(ink: Images, style: Style, generator: np.random.Generator) -> None:
    """Strike a number out with strokes that go to and fro over all of it."""
    low, high = ink_rows(ink)
    pen = max(1, round(style.hand.pen * style.height * generator.uniform(1, 1.6)))
    turns = int(max(4, 2.5 * ink.shape[1] / style.height))
    x = np.linspace(0, ink.shape[1], 2 * turns) + generator.normal(0, 0.1 * style.height, 2 * turns)
    y = np.where(np.arange(2 * turns) % 2, low + 0.1 * (high - low), high - 0.1 * (high - low))
    y = y + generator.normal(0, 0.1 * style.height, 2 * turns)
    line = np.round(np.stack([x, y], axis=1)).astype(np.int32)
    cv2.polylines(ink, [line], False, 255, pen, cv2.LINE_AA)
