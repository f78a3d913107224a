"""Lines of numbers in a picture: strips are read; those that overlap vote on what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from mnist_classifier.read.strips import Boxes, Strip

ALTERNATIVES = 3

_LEAST = 0.02  # the surest line of a picture, less probable than this, is none
# A further line, less probable than this or of another size, is none; a single digit is often an
# edge or a rule.
_FURTHER = 0.5
_ONLY_LINE = 0.95
_FURTHER_DIGIT = 0.95
_OTHER_SIZE = 2.0
_SHARED = 0.35  # of the lower of two strips' heights, if they read the same place
_INK = 0.4  # of a normalised strip
_TOGETHER = 16  # strips whose texts are looked up at once: each may take megabytes
_MOST_TEXTS = 16  # for which the strips of a line vote
_SETTLED, _STRIPS_THAT_SETTLE = 0.9, 8  # such a share of so many strips' votes: more change little
_UNSURE = 0.8  # a line less probable than this is looked at more closely
# Of the share of votes times the surest strip's probability: what makes it the line's own.
_AGREEMENT = 1 / 3


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


@dataclass(frozen=True)
class _ReadStrip:
    """A strip, and what was read in it."""

    strip: Strip
    columns: Doubles
    text: str
    indices: Sequence[int]  # of the text, as the columns have them
    probability: float
    centres: Doubles  # of the characters in the picture, shape (n, 2)

    @property
    def digits(self) -> str:
        """The text without separators."""
        return "".join(filter(str.isdigit, self.text))

    @property
    def score(self) -> float:
        """How many digits are read, each as probable as the text: a long one is rarely a chance."""
        return len(self.digits) * self.probability

    @property
    def place(self) -> tuple[float, float]:
        """Where it is among lines, from above and from the left."""
        return float(self.centres[:, 1].mean()), float(self.centres[0, 0])


@dataclass(frozen=True)
class _Voted:
    """What strips that overlap say together.

    Attributes:
        strip: The surest one that says what most say.
        strips: All of them.
        share: Of all votes, those for its digits, in (0, 1].
        others: The votes for other texts.
    """

    strip: _ReadStrip
    strips: Sequence[_ReadStrip]
    share: float
    others: dict[str, float]

    @property
    def probability(self) -> float:
        """Of its digits, in [0, 1]."""
        return float((self.share * self.strip.probability) ** _AGREEMENT)


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
        closer: Callable[[Sequence[Boxes]], Iterable[Strip]] | None = None,
        pattern: Pattern | None = None,
        expected: str = "",
    ) -> list[FoundLine]:
        """Read strips; return the lines, from the top.

        Args:
            guesses: Strips that may hold lines. Once all that were read agree and are sure, or
                nearly all votes are for one number, no further ones are read.
            closer: Makes further strips about lines that are unsure after all guesses, given the
                boxes of each line's digits, shape ``(n, 4)``; ``None``: none.
            pattern: What each line's text must match; ``None``: anything.
            expected: The digits of which another network is sure.
        """
        read: list[_ReadStrip] = []
        enough = False
        for strips in guesses:
            read += self._read_all(strips, pattern)
            enough = _agree(read, expected) or _is_settled(read)
            if enough:
                break
        found = _lines(read)
        unsure = [one.strip for one in found if one.probability < _UNSURE]
        if closer and unsure and not enough:
            read += self._read_all(closer([self._boxes(one) for one in unsure]), pattern)
            found = _lines(read)
        found.sort(key=lambda one: one.strip.place)
        return [self._line(one, pattern) for one in found]

    def _read_all(self, strips: Iterable[Strip], pattern: Pattern | None) -> list[_ReadStrip]:
        """Read strips; leave out those in which nothing stands."""
        guessed = list(strips)
        columns = self._model.columns([strip.image for strip in guessed])
        decoded = [
            (strip, *self._decode(own, pattern))
            for strip, own in zip(guessed, columns, strict=True)
        ]
        legible = [one for one in decoded if any(index in self._digits for index in one[2])]
        read: list[_ReadStrip] = []
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
    ) -> _ReadStrip:
        """Return what was read in a strip, given the column of each character."""
        middle = (LINE_HEIGHT - 1) / 2
        centres = np.array([strip.in_picture(COLUMN * (c + 0.5) - 0.5, middle) for c in where])
        written = "".join(self._model.alphabet[index - 1] for index in text)
        return _ReadStrip(strip, columns, written, text, probability, centres)

    def _line(self, voted: _Voted, pattern: Pattern | None) -> FoundLine:
        """Return what was read, with its alternatives and its characters' boxes."""
        alphabet, read = self._model.alphabet, voted.strip
        beam = {
            candidate.text: candidate.probability
            for candidate in candidates(read.columns, alphabet, pattern, 1 + ALTERNATIVES)
        }
        own = beam.pop(read.text, read.probability)
        probability = (voted.share * own) ** _AGREEMENT
        # What is left of the probability is the others', as they were read.
        others: dict[str, float] = defaultdict(float, voted.others)
        for text, likely in beam.items():
            others[text] += likely * _weight(text)
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

    def _characters(self, read: _ReadStrip) -> Iterator[Character]:
        """Yield the characters of a strip, from the left."""
        indices = self._indices(read.text)
        where = places(read.columns, indices)
        ink = np.clip(normalise_lines(read.strip.image[None])[0], 0, 1)
        for index, column, cell in zip(indices, where, _cells(where), strict=True):
            yield self._character(read, ink, index, column, *cell)

    def _boxes(self, read: _ReadStrip) -> Boxes:
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
        self, read: _ReadStrip, ink: FloatImage, index: int, column: int, left: float, right: float
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


def _lines(read: Sequence[_ReadStrip]) -> list[_Voted]:
    """Return the lines of which strips were read, the surest strip's first."""
    left = sorted(read, key=lambda one: -one.score)
    found: list[_Voted] = []
    while left:
        surest = left[0]
        if found and not _is_further(surest, found[0].strip):
            left = left[1:]
            continue
        voted = _vote([one for one in left if one is surest or _overlap(surest, one)])
        found.append(voted)
        left = [one for one in left if one is not surest and not _overlap(voted.strip, one)]
    return found


def _agree(read: Sequence[_ReadStrip], expected: str) -> bool:
    """Return whether all strips say the same, and some are sure: of a single digit none is.

    One that is sure suffices for what is expected.
    """
    if len({one.digits for one in read}) != 1:
        return False
    sure = sum(one.probability >= _ONLY_LINE for one in read)
    if read[0].digits == expected:
        return sure > 0
    return sure > 1 and len(read[0].digits) > 1


def _is_settled(read: Sequence[_ReadStrip]) -> bool:
    """Return whether nearly all votes are for one number of several digits."""
    if len(read) < _STRIPS_THAT_SETTLE:
        return False
    voted = _vote(read)
    return len(voted.strip.digits) > 1 and voted.share >= _SETTLED


def _vote(strips: Sequence[_ReadStrip]) -> _Voted:
    """Return what strips of one place say together: the digits of which most is said.

    Each votes for all texts that were read in one of them, by how probable they are in it. Digits
    are counted together whatever separators stand between them.
    """
    surest_first = sorted(strips, key=lambda one: (one.strip.plain, one.probability), reverse=True)
    read = {one.text: one for one in reversed(surest_first)}  # of each text the surest strip
    texts = sorted(read, key=lambda text: -read[text].score)[:_MOST_TEXTS]
    probable = text_probabilities(
        [one.columns for one in strips], [read[text].indices for text in texts]
    ).mean(axis=0)
    of_texts = {text: float(own) * _weight(text) for text, own in zip(texts, probable, strict=True)}
    of_digits: dict[str, float] = defaultdict(float)
    for text, votes in of_texts.items():
        of_digits[read[text].digits] += votes
    digits = max(of_digits, key=lambda digits: of_digits[digits])
    text = max((t for t in texts if read[t].digits == digits), key=lambda text: of_texts[text])
    share = of_digits[digits] / max(sum(of_digits.values()), 1e-300)
    others = {other: votes for other, votes in of_texts.items() if other != text}
    return _Voted(read[text], strips, share, others)


def _weight(text: str) -> int:
    """Return how much a text's probability counts: a long one is rarely as probable."""
    digits = sum(map(str.isdigit, text))
    return digits * digits


def _is_further(one: _ReadStrip, first: _ReadStrip) -> bool:
    """Return whether a strip may hold a further line beside the surest one."""
    least = _FURTHER if len(one.digits) > 1 else _FURTHER_DIGIT
    size = one.strip.scale / first.strip.scale
    return one.probability >= least and 1 / _OTHER_SIZE <= size <= _OTHER_SIZE


def _overlap(one: _ReadStrip, other: _ReadStrip) -> bool:
    """Return whether two strips read the same place: their texts meet, in much of a strip's height.

    A strip says where its characters stand from left to right, but not how high they are.
    """
    tall = [read.strip.scale * LINE_HEIGHT for read in (one, other)]
    reach = 0.4 * min(tall)
    low = np.maximum(one.centres.min(axis=0), other.centres.min(axis=0))
    high = np.minimum(one.centres.max(axis=0), other.centres.max(axis=0))
    if low[0] - high[0] > 2 * reach:
        return False
    apart = abs(float(one.centres[:, 1].mean() - other.centres[:, 1].mean()))
    return sum(tall) / 2 - apart > _SHARED * min(tall)


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
