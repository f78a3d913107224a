"""Lines of numbers, composed: digits of MNIST and of strokes, separators, on drawn paper.

A line is what a reader of numbers sees: a strip of a picture with one number in it, or none, and
whatever lies about it on paper. Nothing in it is handwriting but the digits that are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Floats, Images, Labels
from mnist_classifier.learn.data import foreign
from mnist_classifier.learn.data.dataset import SIDE, Split
from mnist_classifier.learn.data.paper import Extent, draw_kind, draw_paper
from mnist_classifier.learn.data.photograph import photograph
from mnist_classifier.learn.data.texts import ALPHABET, MOST_CHARACTERS, draw_text
from mnist_classifier.learn.data.writing import Style, Writer, Written, draw_style, ink_rows, lay
from mnist_classifier.normalisation import LINE_HEIGHT, normalise_lines

WIDTH = 128
"""Of a line, in pixels, where nothing else is said."""

_FINE = 2  # ink is laid at so many times the line's pixels
# Shares of the lines that hold no number: none is written, it is struck out, several lines run
# side by side, too small to be read in one.
_NOTHING, _STRUCK_OUT, _SEVERAL = 0.14, 0.02, 0.03


@dataclass(frozen=True)
class Lines:
    """Composed lines and their truth."""

    images: Images
    """Shape ``(n, 32, width)``, uint8, any grey, dark ink on light paper or the reverse."""
    texts: tuple[str, ...]
    """What stands in each, of `texts.ALPHABET`; ``""`` where there is no number."""
    papers: tuple[str, ...]
    """Which of `paper.KINDS` each is written on."""

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.texts)


class Composer:
    """Composes lines of some digits.

    Args:
        digits: Shape ``(n, 28, 28)``, uint8, light on dark.
        labels: Shape ``(n,)``, 0 to 9.
        width: Of the lines, in pixels.
    """

    def __init__(self, digits: Images, labels: Labels, width: int) -> None:
        """Keep the digits."""
        self._writer = Writer(digits, labels)
        self._width = width

    @classmethod
    def of(cls, split: Split, width: int = WIDTH) -> Composer:
        """Compose of the digits of a split."""
        digits = (split.x.reshape(-1, SIDE, SIDE) * 255).round().astype(np.uint8)
        return cls(digits, split.labels, width)

    def compose(self, count: int, generator: np.random.Generator) -> Lines:
        """Compose so many lines; the same state of the generator gives the same."""
        lines = [self._line(generator) for _ in range(count)]
        images, texts, papers = zip(*lines, strict=True)
        return Lines(np.stack(images), texts, papers)

    def _line(self, generator: np.random.Generator) -> tuple[Images, str, str]:
        """Compose one line: its image, text and kind of paper."""
        kind = draw_kind(generator)
        height = LINE_HEIGHT * generator.uniform(0.42, 0.92)
        style = draw_style(generator, height * _FINE)
        if kind == "boxed" and generator.random() < 0.6:  # a box for each digit
            style = replace(style, gap=generator.uniform(0.1, 0.9), wide=0.0, slope=0.0)
        if generator.random() < _SEVERAL:
            layer, extent = self._several(style, generator)
            paper = draw_paper(generator, kind, self._width, LINE_HEIGHT, extent)
            return photograph(paper, layer, extent, generator), "", kind
        layer, extent, between, text = self._one(style, generator)
        if generator.random() < 0.3:
            self._neighbours(layer, style, extent, generator)
        paper = draw_paper(
            generator, kind, self._width, LINE_HEIGHT, extent, between if text else ()
        )
        return photograph(paper, layer, extent, generator), text, kind

    def _one(
        self, style: Style, generator: np.random.Generator
    ) -> tuple[Images, Extent, tuple[float, ...], str]:
        """Lay one number, or none, into a line.

        Returns:
            Ink in fine pixels; in those of the line, where it lies and where its characters meet;
            and the text.
        """
        kind, text = generator.random(), ""
        if kind < _NOTHING:
            written = Written(_raised(foreign.instead_of_number(style, generator), style), ())
        else:
            text = draw_text(generator)
            written = self._writer.write(text, style, generator)
            if kind < _NOTHING + _STRUCK_OUT:
                foreign.strike_out(written.ink, style, generator)
                text = ""
        first, last = ink_rows(written.ink)
        ink, shift = _with_others(written.ink, style, generator) if text else (written.ink, 0)
        room, tall = self._width * _FINE, LINE_HEIGHT * _FINE
        scale = min(1.0, room / ink.shape[1], 0.98 * tall / (last - first))
        if scale < 1:
            size = max(2, round(ink.shape[1] * scale)), max(2, round(ink.shape[0] * scale))
            ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)
        height = (last - first) * scale
        top = generator.uniform(0, tall - 0.92 * height) - 0.04 * height
        left = int((room - ink.shape[1]) * np.clip(generator.uniform(-0.25, 1.25), 0, 1))
        if generator.random() < 0.1:  # cut a little by the edge
            left += int(generator.choice([-1, 1]) * generator.uniform(0, 0.12) * height)
        layer = np.zeros((tall, room), np.uint8)
        lay(layer, ink, left, round(top - first * scale))
        extent = Extent(left, top, left + ink.shape[1], top + height) / _FINE
        between = tuple((left + (x + shift) * scale) / _FINE for x in written.between)
        return layer, extent, between, text

    def _several(self, style: Style, generator: np.random.Generator) -> tuple[Images, Extent]:
        """Lay two to four lines of numbers one below the other: too small to be read in one."""
        count = int(generator.integers(2, 5))
        room, tall = self._width * _FINE, LINE_HEIGHT * _FINE
        pitch = tall / count * generator.uniform(0.85, 1.1)
        style = replace(style, height=pitch * generator.uniform(0.6, 0.85))
        layer = np.zeros((tall, room), np.uint8)
        left = int(generator.uniform(0, 0.6) * room)
        for i in range(count):
            ink = self._writer.write(draw_text(generator), style, generator).ink
            y = (i + 0.5) * pitch - ink.shape[0] / 2
            lay(layer, ink, left + int(generator.normal(0, 0.3) * style.height), round(y))
        return layer, Extent(0, 0, self._width, LINE_HEIGHT)

    def _neighbours(
        self, layer: Images, style: Style, extent: Extent, generator: np.random.Generator
    ) -> None:
        """Let the lines above and below reach in, less than half of their height."""
        for above in (True, False):
            if generator.random() < 0.4:
                continue
            ink = self._writer.write(draw_text(generator), style, generator).ink
            first, last = ink_rows(ink)
            room = extent.top if above else LINE_HEIGHT - extent.bottom
            seen = (last - first) * generator.uniform(0.05, 0.45)
            seen = min(seen, room * _FINE - generator.uniform(-0.05, 0.1) * style.height)
            if seen < 1:
                continue
            x = int(generator.uniform(-0.3, 0.8) * layer.shape[1])
            lay(layer, ink, x, round(seen - last if above else layer.shape[0] - seen - first))


def fixed_lines(split: Split, count: int, width: int = WIDTH) -> Lines:
    """Compose lines for measuring, of a split's digits: the same for every seed."""
    return Composer.of(split, width).compose(count, np.random.default_rng(0))


def encode(lines: Lines) -> tuple[Floats, Floats]:
    """Return lines as a network learns them.

    Returns:
        Images, shape ``(n, 32, width, 1)``, as `normalise_lines` gives them; and targets, shape
        ``(n, 12)``: a character's place in the alphabet, from 1, and 0 after the last.
    """
    targets = np.zeros((len(lines), MOST_CHARACTERS), np.float32)
    for row, text in zip(targets, lines.texts, strict=True):
        row[: len(text)] = [1 + ALPHABET.index(character) for character in text]
    return normalise_lines(lines.images)[..., None], targets


def _with_others(ink: Images, style: Style, generator: np.random.Generator) -> tuple[Images, int]:
    """Write what is no number beside the ink, in some lines.

    Returns:
        All ink, and how far the number's own went to the right.
    """
    if generator.random() > 0.3:
        return ink, 0
    other, may_be_first = foreign.beside_number(style, generator)
    gap = round(style.height * generator.uniform(0.12, 0.9))
    joined = np.zeros((ink.shape[0], ink.shape[1] + gap + other.shape[1]), np.uint8)
    foot = round((ink.shape[0] + style.height) / 2 + generator.normal(0, 0.05) * style.height)
    first = may_be_first and generator.random() < 0.5
    shift = other.shape[1] + gap if first else 0
    lay(joined, ink, shift, 0)
    lay(joined, other, 0 if first else ink.shape[1] + gap, foot - other.shape[0])
    return joined, shift


def _raised(ink: Images, style: Style) -> Images:
    """Return ink with room above and below, as `Writer.write` gives it."""
    tall = max(ink.shape[0], round(2 * style.height))
    canvas = np.zeros((tall, ink.shape[1]), np.uint8)
    lay(canvas, ink, 0, (tall - ink.shape[0]) // 2)
    return canvas
