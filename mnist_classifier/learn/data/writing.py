"""Numbers in ink: digits of MNIST and of strokes, and separators, written in one style."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Images, Labels
from mnist_classifier.learn.data.strokes import SHAPES, Hand, draw_name, write
from mnist_classifier.normalisation import ink_box

# How often a digit is drawn by strokes: more where the world's shapes differ most from MNIST's.
_BY_STROKES = (0.25, 0.75, 0.4, 0.3, 0.5, 0.4, 0.35, 0.6, 0.3, 0.5)
_HABIT = 0.8  # of a person's digits of a kind that have the person's usual shape
_HANGING = "34579"  # in old-style figures
_SEPARATORS = {
    ".": ("3839", "3839", "2838"), ",": ("48392b", "482b", "48493a"), "-": ("0545", "0646"),
    "/": ("600a", "500a"), ":": ("3536 3839", "3435 3839"),
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How a line is written: a hand, and what is the same for all its characters."""

    hand: Hand
    height: float
    """Of the digits, in pixels."""
    gap: float
    """Between characters, as a share of the height."""
    wide: float
    """Share of the gaps that are wide."""
    slope: float
    """Of the base line, pixels down for each pixel to the right."""
    uneven: float
    """Standard deviation of sizes and places, as a share of the height."""
    even: bool
    """Whether all digits lean alike, not each of MNIST's by its own slant too."""
    hang: float
    """How far 3, 4, 5, 7 and 9 hang below the base line, as a share of the height."""
    shapes: tuple[str | None, ...]
    """The usual shape of each digit from 0 to 9, of `SHAPES`; None: as in MNIST."""


@dataclass(frozen=True)
class Written:
    """A number in ink."""

    ink: Images
    """Shape ``(height, width)``, uint8, 0 paper to 255 ink, room above and below."""
    between: tuple[float, ...]
    """Where its characters meet, in pixels from the left."""


def draw_style(generator: np.random.Generator, height: float) -> Style:
    """Draw a person's style for digits of a height in pixels."""
    leaning = generator.uniform(0.3, 0.8) if generator.random() < 0.2 else None
    hand = Hand(
        slant=generator.normal(0.1, 0.2) if leaning is None else leaning,
        stretch=generator.uniform(0.65, 1.15),
        pen=generator.uniform(0.04, 0.13)
        if generator.random() < 0.8
        else generator.uniform(0.13, 0.22),
        shake=generator.uniform(0.1, 0.4),
    )
    gap = generator.uniform(-0.1, 0.3) if generator.random() < 0.85 else generator.uniform(0.3, 1)
    if leaning:  # each digit reaches above the next
        gap -= 0.7 * leaning
    by_strokes = float(generator.choice([0.2, 0.8, 1.8]))
    return Style(
        hand,
        height,
        gap=gap,
        wide=0.15 if generator.random() < 0.15 else 0.0,
        slope=generator.normal(0, 0.02 if generator.random() < 0.75 else 0.07),
        uneven=generator.uniform(0.01, 0.09),
        even=generator.random() < 0.5,
        hang=generator.uniform(0.1, 0.3) if generator.random() < 0.15 else 0.0,
        shapes=tuple(
            draw_name(label, generator) if generator.random() < by_strokes * share else None
            for label, share in enumerate(_BY_STROKES)
        ),
    )


class Writer:
    """Writes numbers with some digits.

    Args:
        digits: Shape ``(n, 28, 28)``, uint8, light on dark.
        labels: Shape ``(n,)``, 0 to 9. Digits of which there are none are drawn by strokes.
    """

    def __init__(self, digits: Images, labels: Labels) -> None:
        """Sort the digits by label."""
        self._of = [digits[labels == label] for label in range(10)]

    def write(self, text: str, style: Style, generator: np.random.Generator) -> Written:
        """Write a text of `texts.ALPHABET`."""
        height = style.height
        tall = round(2 * height)
        sizes, rise = _sizes(text, style, generator)
        pieces, drops = [], []
        for character, size in zip(text, sizes, strict=True):
            piece, drop = self._character(character, size, style, generator)
            pieces.append(piece)
            raised = rise * (height - size) if size < 0.9 * height else 0.0
            drops.append(drop - raised + generator.normal(0, style.uneven) * height)
        gaps = [
            height * (style.gap + generator.normal(0, 0.06))
            + (height * generator.uniform(0.5, 1.6) if generator.random() < style.wide else 0)
            for _ in pieces
        ]
        ends = np.cumsum([piece.shape[1] + gap for piece, gap in zip(pieces, gaps, strict=True)])
        width = int(max(1, (ends[-1] if len(pieces) else 1) + height))
        ink = np.zeros((tall, width), np.uint8)
        x, places = 0.0, []
        foot = (tall + height) / 2  # the base line
        joins = generator.random() < 0.2
        for i, (piece, gap, drop) in enumerate(zip(pieces, gaps, drops, strict=True)):
            y = foot + drop - piece.shape[0] + style.slope * x
            lay(ink, piece, round(max(0.0, x)), round(y))
            if joins and text[i : i + 2] == "00":
                _join(ink, x + piece.shape[1] / 2, y, piece.shape[1] + gap, style)
            x += piece.shape[1] + gap
            places.append(x - gap / 2)
        columns = np.flatnonzero(ink.max(axis=0) > 40)
        end = int(columns[-1]) + 1 if columns.size else 1
        return Written(ink[:, :end], tuple(places[:-1]))

    def _character(
        self, character: str, size: float, style: Style, generator: np.random.Generator
    ) -> tuple[Images, float]:
        """Return a character's ink, cut close, and how far it reaches below the base line."""
        if character in _SEPARATORS:
            shape = str(generator.choice(_SEPARATORS[character]))
            hand = replace(style.hand, shake=0.3, pen=style.hand.pen * generator.uniform(0.9, 1.4))
            scale = generator.uniform(0.8, 1.2) * (0.85 if character == "-" else 1.0)
            ink = tight(write(shape, hand, max(6.0, size * scale), generator))
            low = {",": 0.2, "/": 0.12, "-": -0.4, ":": -0.1}.get(character, 0.02)
            return ink, (low + generator.normal(0, 0.06)) * size
        label = int(character)
        hang = style.hang * size if character in _HANGING else 0.0
        name = style.shapes[label]
        if name and generator.random() > _HABIT:
            name = draw_name(label, generator)
        if not len(self._of[label]):
            name = name or draw_name(label, generator)
        if name:
            return tight(write(SHAPES[label][name], style.hand, size, generator)), hang
        digit = self._of[label][int(generator.integers(len(self._of[label])))]
        return tight(_rewrite(digit, size, style, generator)), hang


def _sizes(text: str, style: Style, generator: np.random.Generator) -> tuple[list[float], float]:
    """Draw the height of each character, and how far small ones are raised, 0 to 1.

    Cents are often small and raised, zeros at the end often low.
    """
    small_from, share, rise = len(text), 1.0, 0.0
    zeros = len(text) - len(text.rstrip("0"))
    if len(text) > 3 and text[-3] in ".,-" and generator.random() < 0.3:
        small_from, share = len(text) - 2, generator.uniform(0.5, 0.75)
        rise = 1.0 if generator.random() < 0.6 else 0.0
    elif 2 <= zeros < len(text) and generator.random() < 0.3:
        small_from, share = len(text) - zeros, generator.uniform(0.45, 0.8)
        rise = generator.uniform(0, 0.5)
    sizes = [
        style.height
        * (share * generator.uniform(0.92, 1.08) if i >= small_from else 1.0)
        * generator.normal(1, style.uneven)
        for i in range(len(text))
    ]
    return sizes, rise


def _join(ink: Images, x: float, top: float, reach: float, style: Style) -> None:
    """Join two zeros at their tops, as a pen does that is not lifted."""
    pen = max(1, round(style.hand.pen * style.height))
    ends = [(round(x), round(top + pen)), (round(x + reach), round(top + pen))]
    cv2.line(ink, ends[0], ends[1], 255, pen, cv2.LINE_AA)


def _rewrite(digit: Images, size: float, style: Style, generator: np.random.Generator) -> Images:
    """Return an MNIST digit at a size, with the line's slant, width and pen."""
    scale = size / 20  # MNIST's digits are 20 pixels high, or wide
    stretch = style.hand.stretch * generator.normal(1.1, 0.06)
    slant = style.hand.slant - _slant(digit) if style.even else 0.6 * style.hand.slant
    slant += generator.normal(0, 0.06)
    turn = generator.normal(0, 0.06)
    a = np.array([[scale * stretch, -scale * slant], [scale * turn, scale]])
    side = int(size * 1.9)
    shift = side / 2 - a @ [13.5, 13.5]
    matrix = np.column_stack([a, shift])
    large = cv2.warpAffine(digit, matrix, (side, side), flags=cv2.INTER_CUBIC)
    # MNIST's pen is about an eighth of the height: a higher level leaves a thinner line.
    level = np.clip(0.5 + 5 * (0.115 - style.hand.pen) + generator.normal(0, 0.05), 0.2, 0.75)
    blurred = cv2.GaussianBlur(large, (0, 0), max(0.3, 0.35 * scale)).astype(np.float32)
    edge = (
        255 * (blurred / max(1.0, float(blurred.max())) - level) * generator.uniform(2.5, 6) + 128
    )
    return np.asarray(np.clip(edge, 0, 255), np.uint8)


def _slant(digit: Images) -> float:
    """Return a digit's own slant, pixels to the right for each pixel up, by its moments."""
    moments = cv2.moments(digit)
    return -float(np.clip(moments["mu11"] / max(1e-6, moments["mu02"]), -0.8, 0.8))


def tight(ink: Images) -> Images:
    """Cut ink out, close to its edges."""
    box = ink_box(ink, 50)
    if box is None:
        return ink
    x, y, width, height = box
    return ink[y : y + height, x : x + width]


def lay(canvas: Images, piece: Images, x: int, y: int) -> None:
    """Lay ink over ink, with its left upper corner at x, y; what lies outside is cut off."""
    left, top = max(0, x), max(0, y)
    right, bottom = (
        min(canvas.shape[1], x + piece.shape[1]),
        min(canvas.shape[0], y + piece.shape[0]),
    )
    if left < right and top < bottom:
        target = canvas[top:bottom, left:right]
        np.maximum(target, piece[top - y : bottom - y, left - x : right - x], out=target)


def ink_rows(ink: Images) -> tuple[int, int]:
    """Return the first row of ink and that after the last; all, where there is none."""
    rows = np.flatnonzero(ink.max(axis=1) > 50) if ink.size else np.empty(0)
    return (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, ink.shape[0])
