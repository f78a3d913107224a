"""Lines of numbers in a picture: strips are read; those that overlap vote on what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from mnist_classifier.ctc import (
    Doubles,
    likeliest_path,
    own_probabilities,
    places,
    text_probabilities,
)
from mnist_classifier.normalisation import LINE_HEIGHT, FloatImage, ink_box, normalise_lines
from mnist_classifier.read.decoding import Candidate, candidates, limited
from mnist_classifier.read.line_model import COLUMN, LineModel
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.strips import Boxes, Pyramid, Strip, bounded, closer, neighbours
from mnist_classifier.read.voting import (
    ReadStrip,
    Voted,
    agree,
    is_settled,
    lines_of,
    weight,
)
from mnist_classifier.read.work import most_width

ALTERNATIVES = 3

_LEAST = 0.02  # the surest line of a picture, less probable than this, is none
_INK = 0.4  # of a normalised strip
_TOGETHER = 16  # strips whose texts are looked up at once: each may take megabytes
_UNSURE = 0.8  # a line less probable than this is looked at more closely


@dataclass(frozen=True)
class Character:
    """A character of a line.

    Attributes:
        text: The character.
        probability: Of this character at this place, in [0, 1].
        digits: Of the ten digits at this place, given that one of them is: shape ``(10,)``.
        box: ``(x, y, width, height)`` in the picture, upright about the character.
        ink: What the box holds, in [0, 1], 1 where the pen was: shape ``(height, width)``, in the
            strip's pixels.
    """

    text: str
    probability: float
    digits: Doubles
    box: tuple[float, float, float, float]
    ink: FloatImage


@dataclass(frozen=True)
class FoundLine:
    """A line of a picture, read.

    Attributes:
        candidates: The texts that it may be, the likeliest first.
        characters: Of the likeliest, from the left.
        columns: Of the strips that show it.
    """

    candidates: tuple[Candidate, ...]
    characters: tuple[Character, ...]
    columns: tuple[Doubles, ...]


class LineFinder:
    """Reads all lines of a picture, given strips that may hold them.

    Args:
        model: The network.
    """

    def __init__(self, model: LineModel) -> None:
        """Keep the network."""
        self._model = model
        self._digits = [model.alphabet.index(digit) + 1 for digit in "0123456789"]

    def read(
        self,
        guesses: Sequence[Iterable[Strip]],
        grey: Pyramid | None = None,
        pattern: Pattern | None = None,
        expected: str = "",
    ) -> list[FoundLine]:
        """Read strips; return the lines, from the top.

        Args:
            guesses: Strips that may hold lines. Once all that were read agree and are sure, or
                nearly all votes are for one number, or the lines are those expected, no further
                ones are read.
            grey: The picture, to look again after all guesses: above and below lines where there
                are several, and about lines that are unsure. ``None``: nothing is looked at again.
            pattern: What each line's text must match; ``None``: anything.
            expected: The digits of all lines, parted by newlines, of which another network is sure;
                separators, which it does not know, are not expected.
        """
        read: list[ReadStrip] = []
        for strips in guesses:
            read += self._read_all(strips, pattern)
            is_expected = expected and _text(lines_of(read)) == expected
            if agree(read) or is_settled(read) or is_expected:
                grey = None
                break
        found = lines_of(read)
        if grey is not None and len(found) > 1:
            surest = max(found, key=lambda one: one.strip.score)
            read += self._read_all(neighbours(grey, self._boxes(surest.strip)), pattern)
            found = lines_of(read)
        unsure = [self._boxes(one.strip) for one in found if one.probability < _UNSURE]
        if grey is not None and unsure:
            further = (strip for boxes in unsure for strip in closer(grey, boxes))
            most = most_width(grey.shape[0] * grey.shape[1])
            read += self._read_all(bounded(further, most), pattern)
            found = lines_of(read)
        return [self._line(one, pattern) for one in _from_top(found)]

    def _read_all(self, strips: Iterable[Strip], pattern: Pattern | None) -> list[ReadStrip]:
        """Read strips; leave out those in which nothing stands."""
        guessed = list(strips)
        columns = self._model.columns([strip.image for strip in guessed])
        decoded = [
            (strip, *self._decode(own, pattern))
            for strip, own in zip(guessed, columns, strict=True)
        ]
        legible = [one for one in decoded if any(index in self._digits for index in one[2])]
        read: list[ReadStrip] = []
        for start in range(0, len(legible), _TOGETHER):
            some = legible[start : start + _TOGETHER]
            _, lines, texts, _ = zip(*some, strict=True)
            for one, probability in zip(some, own_probabilities(lines, texts), strict=True):
                if probability >= _LEAST or pattern:
                    read.append(self._read_strip(*one, float(probability)))
        return read

    def _decode(
        self, columns: Doubles, pattern: Pattern | None
    ) -> tuple[Doubles, list[int], list[int]]:
        """Return a strip's columns, limited to what a pattern names, and its text.

        The text as indices, and the column of each character.
        """
        if pattern is None:
            return columns, *likeliest_path(columns)
        likely = candidates(columns, self._model.alphabet, pattern, 1)
        # Strips are compared by how likely a text is, not by how likely it is if one matches.
        limited_columns = limited(columns, self._model.alphabet, pattern)
        text = self._indices(likely[0].text) if likely else []
        return limited_columns, text, places(limited_columns, text)

    def _read_strip(
        self,
        strip: Strip,
        columns: Doubles,
        text: Sequence[int],
        where: Sequence[int],
        probability: float,
    ) -> ReadStrip:
        """Return what was read in a strip, given the column of each character."""
        middle = (LINE_HEIGHT - 1) / 2
        centres = np.array([strip.in_picture(COLUMN * (c + 0.5) - 0.5, middle) for c in where])
        written = "".join(self._model.alphabet[index - 1] for index in text)
        return ReadStrip(strip, columns, written, text, probability, centres)

    def _line(self, voted: Voted, pattern: Pattern | None) -> FoundLine:
        """Return what was read, with its alternatives and its characters' boxes."""
        alphabet, read = self._model.alphabet, voted.strip
        beam = {
            candidate.text: candidate.probability
            for candidate in candidates(read.columns, alphabet, pattern, 1 + ALTERNATIVES)
        }
        own = beam.pop(read.text, read.probability)
        probability = voted.probability_if(own)
        # What is left of the probability is the others', as they were read.
        others: dict[str, float] = defaultdict(float, voted.others)
        for text, likely in beam.items():
            others[text] += likely * weight(text)
        rest = (1 - probability) / max(sum(others.values()), 1e-12)
        best = sorted(others, key=lambda text: -others[text])[:ALTERNATIVES]
        return FoundLine(
            (
                Candidate(read.text, probability),
                *(Candidate(text, rest * others[text]) for text in best),
            ),
            tuple(self._characters(read)),
            tuple(one.columns for one in voted.strips),
        )

    def _characters(self, read: ReadStrip) -> Iterator[Character]:
        """Yield the characters of a strip, from the left."""
        indices = self._indices(read.text)
        where = places(read.columns, indices)
        ink = np.clip(normalise_lines(read.strip.image[None])[0], 0, 1)
        for index, column, cell in zip(indices, where, _cells(where), strict=True):
            yield self._character(read, ink, index, column, *cell)

    def _boxes(self, read: ReadStrip) -> Boxes:
        """Return the boxes of a strip's digits in the picture, shape ``(n, 4)``."""
        digits = [one.box for one in self._characters(read) if one.text.isdigit()]
        return np.array(digits, np.float64)

    def against(self, line: FoundLine, digits: str) -> float:
        """Return how probable other digits are in a line, against those that were read.

        Args:
            line: From `read`.
            digits: What may stand there instead.

        Returns:
            The ratio of the two texts' probabilities, each in the mean over the line's strips.
        """
        read = "".join(filter(str.isdigit, line.candidates[0].text))
        texts = [self._indices(text) for text in (digits, line.candidates[0].text, read)]
        probable = text_probabilities(line.columns, texts).sum(axis=0)
        return float(probable[0] / max(*probable[1:], 1e-12))

    def _indices(self, text: str) -> list[int]:
        return [self._model.alphabet.index(character) + 1 for character in text]

    def _character(
        self, read: ReadStrip, ink: FloatImage, index: int, column: int, left: float, right: float
    ) -> Character:
        """Return a character of which the column is known, and the strip's part that is its own."""
        digits = read.columns[column, self._digits]
        own = ink[:, max(0, round(left)) : max(1, round(right))]
        x, y, width, height = _ink_about(own, COLUMN * (column + 0.5) - left)
        corners = np.array(
            [
                read.strip.in_picture(left + x + i * width, y + j * height)
                for i in (0, 1)
                for j in (0, 1)
            ]
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        return Character(
            self._model.alphabet[index - 1],
            float(read.columns[column, index]),
            digits / max(float(digits.sum()), 1e-12),
            (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])),
            own[y : y + height, x : x + width],
        )


def _from_top(voted: Sequence[Voted]) -> list[Voted]:
    return sorted(voted, key=lambda one: one.strip.place)


def _text(voted: Sequence[Voted]) -> str:
    """Return the lines' texts from the top, parted by newlines."""
    return "\n".join(one.strip.text for one in _from_top(voted))


def _cells(columns: Sequence[int]) -> list[tuple[float, float]]:
    """Return for each character the strip's pixels that are nearer to it than to its neighbours."""
    middles = [COLUMN * (column + 0.5) for column in columns]
    most = 0.5 * LINE_HEIGHT
    edges = [(a + b) / 2 for a, b in pairwise(middles)]
    lefts = [middles[0] - most, *edges]
    rights = [*edges, middles[-1] + most]
    return [
        (max(0.0, left, middle - most), min(right, middle + most))
        for left, middle, right in zip(lefts, middles, rights, strict=True)
    ]


def _ink_about(ink: FloatImage, x: float) -> tuple[int, int, int, int]:
    """Return the box of the ink that is nearest to a place; of all, where there is no ink."""
    mask = (ink > _INK).astype(np.uint8)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return 0, 0, max(1, ink.shape[1]), ink.shape[0]
    distance = np.abs(centres[1:, 0] - x) - np.sqrt(stats[1:, 4])
    chosen = (labels == 1 + int(distance.argmin())).astype(np.float32)
    box = ink_box(chosen)
    return box if box else (0, 0, ink.shape[1], ink.shape[0])
