"""`DigitReader`: pictures in, digits and probabilities out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import SettingsError
from mnist_classifier.normalisation import (
    SIDE,
    FloatImage,
    ink_box,
    is_normalised,
    normalise,
    quantile,
)
from mnist_classifier.read.choice import are_numbers, choose
from mnist_classifier.read.ink import find_ink
from mnist_classifier.read.line_model import LineModel
from mnist_classifier.read.lines import Character, FoundLine, LineFinder
from mnist_classifier.read.memory import memory_errors
from mnist_classifier.read.model import Floats, Judgement, Model, checked_images
from mnist_classifier.read.page_frame import page_frame
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import MAX_PIXELS, BgrImage, Picture, load_picture, shrink
from mnist_classifier.read.reading import Digit, Line, Reading
from mnist_classifier.read.segmentation import (
    SPECK,
    Mark,
    check_likely_digits,
    find_marks,
    group_lines,
    join_marks,
    merge,
    resegment,
    touches_edge,
    typical_height,
    without_edges,
)
from mnist_classifier.read.strips import (
    Pyramid,
    Strip,
    about,
    bounded,
    to_grey,
    varied,
    whole,
    windows,
)
from mnist_classifier.read.turning import (
    TURNS,
    box_before,
    is_misread_column,
    is_possible,
    is_surer,
    may_be_turned,
    turned_marks,
)
from mnist_classifier.read.work import TooMuchWorkError, Work, most_width

_REFUSED_SPECK = 0.5  # of the digits' height, below which a refused mark is a speck
_PAGE, _SURE = 40, 0.9  # digits of a page, and how sure they are in the mean
_EXPECTED = 0.95  # marks as sure as this say what lines are expected to say
# Pixels: a picture up to this longest side holds one digit, or several well inside its edges.
_SMALL_SIDE = 40
_TINY_SIDE = 20  # up to this side, all ink is one digit, as high as MNIST's, without a margin


@dataclass(frozen=True)
class _OfMarks:
    """What marks, each judged alone, come to."""

    lines: list[list[Mark]]
    reading: Reading
    count: int
    """How many marks there are; 1 where they are too many to be counted."""
    found: Sequence[Mark] = ()
    """The marks before any were joined; none where they are too many."""


class DigitReader:
    """Reads handwritten digits; safe to use from several threads.

    >>> reader = DigitReader()
    >>> reader.read("photo.jpg").text
    '42'
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        line_model: str | Path | None = None,
        threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> None:
        """Load the networks.

        Args:
            model: A file made by ``mnist export``, of a network that reads digits; the shipped one
                when left out.
            line_model: The same of a network that reads lines.
            threshold: The rejection threshold, in [0, 1]: what scores below is refused as no
                digit, and 0 refuses nothing; the model's own when left out.
            max_pixels: Pictures with more pixels are refused before they are decoded.
            threads: Threads for many images; as many as processors when left out.

        Raises:
            ModelError: The model file is missing, damaged, or another network.
            SettingsError: A setting is out of range.
        """
        if threshold is not None and not 0 <= threshold <= 1:
            raise SettingsError(f"threshold is {threshold}; expected a number from 0 to 1")
        if max_pixels < 1:
            raise SettingsError(f"max_pixels is {max_pixels}; expected at least 1")
        self.model = Model(model, threads)
        self.line_model = LineModel(line_model, threads)
        self._finder = LineFinder(self.line_model)
        self.threshold = self.model.refusal.threshold if threshold is None else threshold
        self.max_pixels = max_pixels
        self._again = partial(
            DigitReader,
            model,
            line_model=line_model,
            threshold=threshold,
            max_pixels=max_pixels,
            threads=threads,
        )

    def __reduce__(self) -> tuple[Callable[[], DigitReader], tuple[()]]:
        """Return what makes the same reader in another process: its networks are loaded anew."""
        return self._again, ()

    def single_threaded(self) -> Callable[[], DigitReader]:
        """Return what makes the same reader, for one core, in another process."""
        return partial(self._again, threads=1)

    @memory_errors()
    def read(self, picture: Picture, pattern: str | Pattern | None = None) -> Reading:
        """Find the numbers in a picture and read them.

        Args:
            picture: A path, a picture file's bytes, a file object, a ``PIL.Image.Image``, or an
                array: shape ``(height, width)`` grey, ``(height, width, 3)`` RGB or
                ``(height, width, 4)`` RGBA, either polarity; uint8 in [0, 255], uint16 in
                [0, 65535], bool, or floats in [0, 1].
            pattern: What each line is known to look like, such as ``"####"`` or ``"#{1,3},##"``:
                see `Pattern.parse`. It is used while reading: a line that matches is found where a
                likelier one does not.

        Returns:
            The text and its digits; or why the picture is refused.

        Raises:
            PictureError: It is no picture, is damaged or too large; or the array's shape, type or
                values are not as above.
            SettingsError: The pattern is none.
            MemoryError: There is not enough memory.
        """
        known = Pattern.parse(pattern) if isinstance(pattern, str) else pattern
        image, file_scale = load_picture(picture, self.max_pixels)
        left, top, width, height = page_frame(image)
        page, shrunk = shrink(image[top : top + height, left : left + width])
        page = np.ascontiguousarray(page)
        reading = self._read(page, file_scale * shrunk, known, may_turn=known is None)
        place = round(left * file_scale), round(top * file_scale)
        size = round(image.shape[1] * file_scale), round(image.shape[0] * file_scale)
        return _placed(reading, place, size)

    def _read(
        self, image: BgrImage, scale: float, known: Pattern | None, may_turn: bool
    ) -> Reading:
        """Read a picture; turn it, if it may be turned, where it seems to lie on its side.

        Args:
            image: What `shrink` leaves of it.
            scale: How many pixels of the file's picture lie along one of the image's.
            known: What each line must match.
            may_turn: Whether it may be turned.
        """
        strength = find_ink(image)
        ink = np.clip(strength / 255, 0, 1, dtype=np.float32)
        if is_normalised(ink) and known is None:
            box = ink_box(ink) or (0, 0, SIDE, SIDE)
            return self._reading([[Mark(box, ink, 255.0)]], scale)
        marks = self._read_marks(strength, scale)
        if known is None and _is_page(marks.reading):
            return marks.reading
        found, of_lines = self._read_lines(image, scale, marks, known)
        if known:
            return of_lines
        # So small a picture is enlarged for lines until one digit's strokes look like several.
        if max(strength.shape) <= _TINY_SIDE and len(of_lines.digits) > max(1, marks.count):
            return marks.reading
        against = partial(self._finder.against, found[0]) if len(found) == 1 else None
        reading = choose(marks.reading, of_lines, marks.count, against)
        # The probabilities of several sure numbers, multiplied, may be small.
        if may_turn and not are_numbers(reading) and may_be_turned(reading, marks.found):
            return self._read_turned(image, scale, reading, marks.found)
        return reading

    def read_images(self, images: npt.NDArray[np.generic]) -> Judgement:
        """Judge images that are already like MNIST's.

        Args:
            images: Shape ``(n, 28, 28)``, ``(n, 28, 28, 1)`` or ``(n, 784)``, light on dark; uint8
                in [0, 255] or floats in [0, 1].

        Returns:
            Labels, probabilities and what was refused, for each image.

        Raises:
            PictureError: The array's shape, type or values are not as above.
        """
        return self.model.judge(checked_images(images), self.threshold)

    def _read_marks(self, strength: FloatImage, scale: float) -> _OfMarks:
        """Find the marks in ink, join and split them, and read them."""
        lines: list[list[Mark]] = []
        try:
            components = find_marks(strength)
            if not components:
                return _OfMarks([], Reading("", (), "nothing is written: no ink was found"), 0)
            small = max(strength.shape) <= _SMALL_SIDE
            if not small:
                components = without_edges(components, strength.shape)
            marks = join_marks(components, small, self._classify)
            check_likely_digits(marks, self._classify)
            lines = group_lines(marks)
            cut = len(marks) > 1 and any(touches_edge(m, strength.shape) for m in marks)
            if cut and max(strength.shape) <= _TINY_SIDE:
                marks = [merge(marks)]
                lines = [marks]
            elif cut and small:
                reason = "no digit: several marks, cut by the edge of a small picture"
                return _OfMarks(lines, Reading("", (), reason), len(marks), components)
            reading = self._reading(resegment(lines, self._classify, Work(strength.size)), scale)
            return _OfMarks(lines, reading, len(marks), components)
        except TooMuchWorkError as error:
            return _OfMarks(lines, Reading("", (), str(error)), 1)

    def _read_lines(
        self,
        image: BgrImage,
        scale: float,
        marks: _OfMarks,
        pattern: Pattern | None,
    ) -> tuple[list[FoundLine], Reading]:
        """Read whole lines, in strips over the picture and about the marks."""
        grey = to_grey(image)
        about_marks = _about_lines(grey, marks.lines)
        sure = marks.reading.confidence >= _EXPECTED and "?" not in marks.reading.text
        expected = marks.reading.number if sure and pattern is None else ""
        crop = list(whole(grey))
        # One may suffice where something is expected. Elsewhere it would only give the first
        # network, which begins each time, a vote more.
        at_once = 1 if expected else len(crop)
        guesses = crop[:at_once], crop[at_once:], varied(grey), about_marks, windows(grey)
        found = self._finder.read(guesses, grey, pattern, expected)
        if not found:
            return [], Reading("", (), "no number was found")
        lines = tuple(
            Line(_text(line), line.candidates[0].probability, line.candidates[1:]) for line in found
        )
        digits = tuple(
            _digit(character, scale)
            for line in found
            for character in line.characters
            if character.text.isdigit()
        )
        return found, Reading("\n".join(line.text for line in lines), digits, None, lines)

    def _read_turned(
        self,
        image: BgrImage,
        scale: float,
        reading: Reading,
        found: Sequence[Mark],
    ) -> Reading:
        """Return what the picture, turned, reads, if that is much surer.

        Lines alone say which turn has the surest number; all of that turn is read. A column of
        marks that no turn makes a number of is refused.
        """
        grey = to_grey(image)
        best, surest = 0, 0.0
        for turns in TURNS:
            marks = group_lines(turned_marks(found, turns, image.shape))
            turned = grey.turned(turns)
            lines = self._finder.read([whole(turned), _about_lines(turned, marks)])
            digits = sum(c.text.isdigit() for line in lines for c in line.characters)
            sure = digits * math.prod(line.candidates[0].probability for line in lines)
            if sure > surest and is_possible(digits, len(found)):
                best, surest = turns, sure
        if best:
            upright = np.ascontiguousarray(np.rot90(image, best))
            other = self._read(upright, scale, None, may_turn=False)
            before = len(reading.digits) * reading.confidence
            if is_surer(best, len(other.digits), other.confidence, before, len(found)):
                return _turned_back(other, best, upright.shape, scale)
        if is_misread_column(reading, found):
            reason = "no digit: marks one above the other; turn the picture if it lies on its side"
            return Reading("", (), reason)
        return reading

    def _classify(self, marks: list[Mark]) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return for each mark how surely it is one digit, and its label.

        The first is the score, as a rule P(a digit), times the label's probability.
        """
        images = [mark.image for mark in marks]
        batch = np.stack(images) if images else np.empty((0, SIDE, SIDE), np.float32)
        judged = self.model.judge(batch, self.threshold)
        return judged.scores * judged.confidences, judged.labels

    def _reading(self, lines: list[list[Mark]], scale: float) -> Reading:
        """Judge all marks; return the digits in the picture's pixels, or a refusal."""
        marks = [mark for line in lines for mark in line]
        images = np.stack([mark.image for mark in marks])
        judged = self.model.judge(images, self.threshold)
        height = typical_height(marks, np.where(judged.accepted, 1.0, 0.25))
        heights = np.array([mark.box[3] for mark in marks])
        speck = heights < np.where(judged.accepted, SPECK, _REFUSED_SPECK) * height
        accepted = judged.accepted & ~speck
        foreign = ~judged.accepted & ~speck
        if not accepted.any() or 2 * foreign.sum() > accepted.sum():
            largest = np.argmax([mark.box[2] * mark.box[3] for mark in marks])
            score = float(judged.scores[largest])
            return Reading(
                "", (), f"no digit: the ink scores {score:.2f}, threshold {self.threshold:.2f}"
            )
        read: list[Line] = []
        digits: list[Digit] = []
        start = 0
        for line in lines:
            shown = [i for i in range(start, start + len(line)) if not speck[i]]
            start += len(line)
            if not accepted[shown].any():
                continue
            characters = [str(judged.labels[i]) if accepted[i] else "?" for i in shown]
            text = _spaced(characters, [marks[i].box for i in shown])
            sure = math.prod(float(judged.confidences[i]) for i in shown if accepted[i])
            read.append(Line(text, sure if "?" not in text else 0.0, ()))
            for i in shown:
                if accepted[i]:
                    x, y, w, h = (round(value * scale) for value in marks[i].box)
                    digits.append(
                        Digit(
                            int(judged.labels[i]),
                            float(judged.confidences[i]),
                            judged.probabilities[i],
                            (x, y, max(1, w), max(1, h)),
                            images[i],
                        )
                    )
        return Reading("\n".join(line.text for line in read), tuple(digits), None, tuple(read))


def _placed(reading: Reading, place: tuple[int, int], size: tuple[int, int]) -> Reading:
    """Return a page's reading with boxes in its picture, cut off at the picture's edges.

    Args:
        reading: Of the page.
        place: Of the page in the picture: pixels from the left and from above.
        size: ``(width, height)`` of the picture.
    """
    digits = []
    for digit in reading.digits:
        x, y, width, height = digit.box
        left, width = _within(x + place[0], width, size[0])
        top, height = _within(y + place[1], height, size[1])
        digits.append(replace(digit, box=(left, top, width, height)))
    return replace(reading, digits=tuple(digits))


def _within(start: int, length: int, most: int) -> tuple[int, int]:
    """Return the start and length of what is left of a stretch between 0 and ``most``."""
    left = min(max(0, start), most - 1)
    return left, max(1, min(start + length, most) - left)


def _turned_back(reading: Reading, turns: int, shape: tuple[int, ...], scale: float) -> Reading:
    """Return a turned picture's reading with boxes as the digits lie in the picture itself."""
    size = round(shape[0] * scale), round(shape[1] * scale)
    digits = (replace(d, box=box_before(d.box, turns, size)) for d in reading.digits)
    return replace(reading, digits=tuple(digits))


def _about_lines(grey: Pyramid, marks: list[list[Mark]]) -> Iterator[Strip]:
    """Yield strips about each line of marks."""
    lines = (np.array([mark.box for mark in line], float) for line in marks)
    strips = (strip for boxes in lines for strip in about(grey, boxes))
    return bounded(strips, most_width(grey.shape[0] * grey.shape[1]))


def _is_page(of_marks: Reading) -> bool:
    """Return whether marks are a page of digits, well read: each line again would take long."""
    sure = [digit.confidence for digit in of_marks.digits]
    return len(sure) >= _PAGE and float(np.mean(sure)) >= _SURE


def _text(line: FoundLine) -> str:
    """Return a line's text, with a space at each wide gap."""
    return _spaced(
        [character.text for character in line.characters],
        [character.box for character in line.characters],
    )


def _digit(character: Character, scale: float) -> Digit:
    """Return a digit of a line in the file's pixels; its box may reach beyond the edges."""
    x, y, width, height = character.box
    left, right = round(x * scale), round((x + width) * scale)
    top, bottom = round(y * scale), round((y + height) * scale)
    return Digit(
        int(character.text),
        character.probability,
        character.digits.astype(np.float32),
        (left, top, max(1, right - left), max(1, bottom - top)),
        normalise(character.ink),
    )


def _spaced(characters: Sequence[str], boxes: Sequence[tuple[float, float, float, float]]) -> str:
    """Return a line's text, with a space at each gap that is much wider than the others."""
    gaps = [b[0] - (a[0] + a[2]) for a, b in pairwise(boxes)]
    height = quantile(np.array([box[3] for box in boxes]), 0.5)
    usual = quantile(np.array(gaps), 0.5) if len(gaps) > 2 else 0.5 * height
    text = characters[0]
    for gap, character in zip(gaps, characters[1:], strict=True):
        text += (" " if gap > max(3 * usual, 1.5 * height) else "") + character
    return text
