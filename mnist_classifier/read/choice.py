"""The choice between two readings of a picture: of marks judged one by one, and of whole lines.

The network of digits knows letters and scribbles for what they are. The network of lines reads
digits that touch each other, rules or a patterned paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from mnist_classifier.read.decoding import Candidate
from mnist_classifier.read.reading import Line, Reading

# How sure a line must be where marks were refused: of two digits from one mark, as
# letters and scribbles give; where it passes over one mark or two, as in a word; of one and of two
# where no mark was found, as in noise; of other two; of more from fewer marks; of other more.
_LEAST_OF_TWO_FROM_ONE, _LEAST_PASSING_OVER = 0.95, 0.9
_LEAST_OF_ONE_UNSEEN, _LEAST_OF_TWO_UNSEEN = 0.95, 0.8
_LEAST_OF_TWO, _LEAST_FROM_FEWER, _LEAST_OF_MORE = 0.5, 0.65, 0.4
# Each of several lines in fewer marks must have so many digits, and be as sure as this, unless two
# are sure numbers, see below.
_LEAST_DIGITS_OF_PART, _LEAST_OF_PART = 2, 0.9
# What either network may have overlooked, added to the marks' probabilities of both texts.
_OVERLOOKED = 0.03
# The power of several marks' odds against other digits: their network is too sure of shapes that it
# has not seen.
_SEVERAL_MARKS = 0.4
# A single mark's odds, against another digit and against several: its network saw it alone, in its
# own size and place.
_ONE_MARK, _ONE_MARK_AGAINST_SEVERAL = 10.0, 3.0
# The marks' odds where they are more: lines lose digits that stand close. What marks have more at
# the sides, if it is 1s, is rather rules.
_MORE_MARKS, _RULE_AS_ONE = 100.0, 0.3
# Several lines, or marks among which are foreign ones, stand where they are as sure as this, or so
# many times as probable.
_SURE, _SURE_OF_SEVERAL, _SEVERAL_AGAINST_LINE = 0.9, 0.95, 1.3
# A single mark stands against other lines if none of more than one digit is as sure as this.
_SURE_BESIDE_ONE = 0.8
# Two lines as sure as this, each a number of more than one digit's kind, are no chance.
_SURE_NUMBERS, _LEAST_OF_NUMBER = 2, 0.75


def choose(
    of_marks: Reading, of_lines: Reading, marks: int, against: Callable[[str], float] | None
) -> Reading:
    """Return the reading that is rather right.

    Args:
        of_marks: Made of marks, each judged alone.
        of_lines: Made of whole lines.
        marks: How many there are. Where they were refused, a line must be sure, most of all where
            it finds more digits than there are marks; a single digit is taken only where there is
            no mark, and a 1 never: uneven light looks like one.
        against: Takes digits; returns how probable they are in the line, against those read there.
            None where there are several lines.
    """
    if of_lines.refused:
        return of_marks
    if of_marks.refused:
        return of_lines if _is_sure(of_lines, marks) else of_marks
    if "?" in of_marks.text or len(of_marks.lines) > 1 or against is None:
        return of_marks if _stands(of_marks, of_lines, marks) else of_lines
    if of_marks.number == of_lines.number:
        return _agreed(of_marks, of_lines)
    odds = _odds(of_marks, of_lines) * against(of_marks.number)
    chosen, sure = (of_marks, odds) if odds > 1 else (of_lines, 1 / max(odds, 1e-12))
    (line,) = chosen.lines
    return replace(chosen, lines=(_of_probability(line, min(line.probability, sure / (1 + sure))),))


def are_numbers(reading: Reading) -> bool:
    """Return whether two lines or more are sure, each of different digits.

    A pattern reads as one digit again and again.
    """
    sure = [line.number for line in reading.lines if line.probability >= _LEAST_OF_NUMBER]
    return sum(len(set(number)) > 1 for number in sure) >= _SURE_NUMBERS


def _is_sure(of_lines: Reading, marks: int) -> bool:
    """Return whether lines are sure enough where marks were refused."""
    if are_numbers(of_lines):
        return True
    if not _are_no_parts(of_lines, marks):
        return False
    return of_lines.confidence >= _least(of_lines, marks)


def _are_no_parts(of_lines: Reading, marks: int) -> bool:
    """Return whether several lines are more than one mark's parts: a strip may cut it in two."""
    if not 0 < marks < len(of_lines.lines):
        return True
    if min(len(line.number) for line in of_lines.lines) < _LEAST_DIGITS_OF_PART:
        return False
    return min(line.probability for line in of_lines.lines) >= _LEAST_OF_PART


def _least(of_lines: Reading, marks: int) -> float:
    """Return how sure a line must be where marks were refused."""
    digits = len(of_lines.digits)
    if digits < 2:
        may_be_light = of_lines.number == "1"
        return math.inf if marks or may_be_light else _LEAST_OF_ONE_UNSEEN
    if digits < marks <= digits + 2:
        return _LEAST_PASSING_OVER
    if digits > 2:
        return _LEAST_FROM_FEWER if 0 < marks < digits else _LEAST_OF_MORE
    return {0: _LEAST_OF_TWO_UNSEEN, 1: _LEAST_OF_TWO_FROM_ONE}.get(marks, _LEAST_OF_TWO)


def _agreed(of_marks: Reading, of_lines: Reading) -> Reading:
    """Return what both say: the line's separators, the marks' boxes, the greater probability."""
    ((marks,), (line,)) = of_marks.lines, of_lines.lines
    surer = _of_probability(line, max(marks.probability, line.probability))
    return replace(of_lines, digits=of_marks.digits, lines=(surer,))


def _of_probability(line: Line, probability: float) -> Line:
    """Return a line with another probability; its alternatives share what is left as before."""
    share = (1 - probability) / max(1 - line.probability, 1e-12)
    others = (Candidate(other.text, share * other.probability) for other in line.alternatives)
    return replace(line, probability=probability, alternatives=tuple(others))


def _odds(of_marks: Reading, of_lines: Reading) -> float:
    """Return how probable the marks' digits are against the line's, by the marks' network."""
    own, other = of_marks.number, of_lines.number
    if len(own) < len(other):
        return (_ONE_MARK_AGAINST_SEVERAL if len(own) == 1 else 1.0) * of_marks.confidence
    if len(own) > len(other):
        rule = other in own and set(own.replace(other, "", 1)) == {"1"}
        return (_RULE_AS_ONE if rule else _MORE_MARKS) * of_marks.confidence
    probable = math.prod(
        float(digit.probabilities[int(character)])
        for digit, character in zip(of_marks.digits, other, strict=True)
    )
    odds = (of_marks.confidence + _OVERLOOKED) / (probable + _OVERLOOKED)
    return float(odds * _ONE_MARK if len(own) == 1 else odds**_SEVERAL_MARKS)


def _stands(of_marks: Reading, of_lines: Reading, marks: int) -> bool:
    """Return whether marks of several lines, or with foreign ones among them, stand."""
    if "?" in of_marks.text:
        sure = math.prod(digit.confidence for digit in of_marks.digits) >= _SURE
        return sure and _length(of_lines) < _length(of_marks)  # it passes a mark over
    differ = of_marks.number != of_lines.number
    if differ and are_numbers(of_lines) and _expected_right(of_lines) > _expected_right(of_marks):
        return False  # marks that touch rules are lost
    if not _are_no_parts(of_lines, marks):
        return True
    if len(of_marks.number) == 1 and len(of_lines.lines) > 1:
        # A frame around numbers may look like a digit.
        longer = [line.probability for line in of_lines.lines if len(line.number) > 1]
        return max(longer, default=0.0) < _SURE_BESIDE_ONE
    same = _without_ones(of_marks) == _without_ones(of_lines)
    if same and len(_without_newlines(of_lines)) < len(_without_newlines(of_marks)):
        return False  # what marks have more is rules or edges
    least = min(_SURE_OF_SEVERAL, _SEVERAL_AGAINST_LINE * of_lines.confidence)
    return of_marks.confidence >= least


def _expected_right(reading: Reading) -> float:
    """Return how many digits are expected to be right: a line's are right or wrong together."""
    return sum(len(line.number) * line.probability for line in reading.lines)


def _without_newlines(reading: Reading) -> str:
    """Return the digits of all lines, in order."""
    return reading.number.replace("\n", "")


def _without_ones(reading: Reading) -> str:
    """Return a reading's digits but for 1s, in order."""
    return _without_newlines(reading).replace("1", "")


def _length(reading: Reading) -> int:
    """Return how many marks or characters a reading has."""
    return sum(not character.isspace() for character in reading.text)
