"""Votes of strips: those that show the same place decide together what line is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mnist_classifier.ctc import Doubles, text_probabilities
from mnist_classifier.normalisation import LINE_HEIGHT
from mnist_classifier.read.strips import Strip

# A further line, less probable than this or of another size, is none; a single digit is often an
# edge or a rule.
_FURTHER, _FURTHER_DIGIT = 0.5, 0.95
_OTHER_SIZE = 2.0
# Of the lower of two strips' heights, if they read the same place: how much of it they share, and
# how far apart their texts may be.
_SHARED, _REACH = 0.35, 0.8
_ONLY_LINE = 0.95  # so sure must two strips be where all say the same
_MOST_TEXTS = 16  # for which the strips of a line vote
_SETTLED, _STRIPS_THAT_SETTLE = 0.9, 8  # such a share of so many strips' votes: more change little
# Of the share of votes times the surest strip's probability: what makes it the line's own.
_AGREEMENT = 1 / 3


@dataclass(frozen=True)
class ReadStrip:
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
    def height(self) -> float:
        """In the picture's pixels."""
        return self.strip.scale * LINE_HEIGHT

    @cached_property
    def middle(self) -> float:
        """How far below the picture's upper edge its characters stand, in the mean."""
        return float(self.centres[:, 1].mean())

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Where its characters begin and end, from the picture's left edge."""
        return float(self.centres[:, 0].min()), float(self.centres[:, 0].max())

    @property
    def place(self) -> tuple[float, float]:
        """Where it is among lines, from above and from the left."""
        return self.middle, float(self.centres[0, 0])


@dataclass(frozen=True)
class Voted:
    """What strips that overlap say together.

    Attributes:
        strip: The surest one that says what most say.
        strips: All of them.
        share: Of all votes, those for its digits, in (0, 1].
        others: The votes for other texts.
    """

    strip: ReadStrip
    strips: Sequence[ReadStrip]
    share: float
    others: dict[str, float]

    @property
    def probability(self) -> float:
        """Of its digits, in [0, 1]."""
        return self.probability_if(self.strip.probability)

    def probability_if(self, own: float) -> float:
        """Return the probability of its digits, in [0, 1], given that in the surest strip."""
        return float((self.share * own) ** _AGREEMENT)


def lines_of(read: Sequence[ReadStrip]) -> list[Voted]:
    """Return the lines of which strips were read, the surest strip's first."""
    left = sorted(read, key=lambda one: -one.score)
    found: list[Voted] = []
    while left:
        surest = left[0]
        if found and not _is_further(surest, found[0].strip):
            left = left[1:]
            continue
        voted = vote([one for one in left if one is surest or _overlap(surest, one)])
        found.append(voted)
        left = [one for one in left if one is not surest and not _overlap(voted.strip, one)]
    return found


def agree(read: Sequence[ReadStrip]) -> bool:
    """Return whether all strips say the same, and some are sure: of a single digit none is."""
    if len({one.digits for one in read}) != 1 or len(read[0].digits) < 2:
        return False
    return sum(one.probability >= _ONLY_LINE for one in read) > 1


def is_settled(read: Sequence[ReadStrip]) -> bool:
    """Return whether nearly all votes are for one number of several digits."""
    if len(read) < _STRIPS_THAT_SETTLE:
        return False
    voted = vote(read)
    return len(voted.strip.digits) > 1 and voted.share >= _SETTLED


def vote(strips: Sequence[ReadStrip]) -> Voted:
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
    of_texts = {text: float(own) * weight(text) for text, own in zip(texts, probable, strict=True)}
    of_digits: dict[str, float] = defaultdict(float)
    for text, votes in of_texts.items():
        of_digits[read[text].digits] += votes
    digits = max(of_digits, key=lambda digits: of_digits[digits])
    text = max((t for t in texts if read[t].digits == digits), key=lambda text: of_texts[text])
    share = of_digits[digits] / max(sum(of_digits.values()), 1e-300)
    others = {other: votes for other, votes in of_texts.items() if other != text}
    return Voted(read[text], strips, share, others)


def weight(text: str) -> int:
    """Return how much a text's probability counts: a long one is rarely as probable."""
    digits = sum(map(str.isdigit, text))
    return digits * digits


def _is_further(one: ReadStrip, first: ReadStrip) -> bool:
    """Return whether a strip may hold a further line beside the surest one."""
    least = _FURTHER if len(one.digits) > 1 else _FURTHER_DIGIT
    size = one.strip.scale / first.strip.scale
    return one.probability >= least and 1 / _OTHER_SIZE <= size <= _OTHER_SIZE


def _overlap(one: ReadStrip, other: ReadStrip) -> bool:
    """Return whether two strips read the same place: their texts meet, in much of a strip's height.

    A strip says where its characters stand from left to right, but not how high they are.
    """
    lower = min(one.height, other.height)
    if max(one.ends[0], other.ends[0]) - min(one.ends[1], other.ends[1]) > _REACH * lower:
        return False
    return (one.height + other.height) / 2 - abs(one.middle - other.middle) > _SHARED * lower
